/* SPDX-License-Identifier: MIT */
/* program_rig: a camera that is a program, with real children, in a directory of its own; at the
 * end nothing may be left in it. */
#ifndef TESTS_CAPTURE_PROGRAM_RIG_H
#define TESTS_CAPTURE_PROGRAM_RIG_H

#include "capture/camera/camera.h"

enum { PROGRAM_RIG_WORDS = 8 };

struct program_rig {
    struct loop *loop;
    struct timer *deadline;
    bool late;
    char dir[64];
    char *shots_dir; /* where the runs make their directories */
    char *picture;   /* a good one */

    char *words[PROGRAM_RIG_WORDS];
    struct camera_settings settings;
    struct camera *camera;

    int done;
    int result;
    char text[512];
    int64_t captured_at_us;
    size_t len; /* that the picture has to have; 0 = any */
    int width, height;
};

/* For cmocka. */
int program_rig_setup(void **state);
int program_rig_teardown(void **state);

/* A file with these bytes. */
void program_rig_put(const char *path, const void *data, size_t len);
size_t count_entries(const char *path);

/* One round of the loop that ends soon, for what makes no event of it: a file that grows. */
void program_rig_wait_a_little(struct program_rig *f);

/* With f->settings, and good values for what is zero. */
void program_rig_start(struct program_rig *f, const char *kind);
void program_rig_done(struct picture *picture, const struct error *err, void *user);
void program_rig_shoot(struct program_rig *f);
void expect_picture(struct program_rig *f);
void expect_failure(struct program_rig *f, int code, const char *text);

/* What is wrong with a camera of these settings contains words; NULL = nothing is. */
void expect_problem(struct program_rig *f, const char *item, const char *words);

#endif
