/* SPDX-License-Identifier: MIT */
/* gphoto2_files: what somebody's run of gphoto2 downloaded finds its place below the base directory
 * of the camera, and nowhere else.
 *
 * gphoto2 works in a hidden directory there, on the same file system, and writes under numbers.
 * Afterwards each file is renamed to its name: directories are made and entered one by one without
 * following a symbolic link, and a file that is there is never replaced unless that was asked for:
 * a picture whose name is taken gets "-1", "-2" … Blocks on the disk: worker threads only. */
#ifndef CAPTURE_CAMERA_GPHOTO2_FILES_H
#define CAPTURE_CAMERA_GPHOTO2_FILES_H

#include "agent/base/error.h"

struct gphoto2_place { /* borrowed */
    const char *base_dir;
    const char *name;     /* of gphoto2_name_confine(); NULL: the camera's own names */
    int64_t first_number; /* of %n */
    bool overwrite;
    int64_t reserve_bytes; /* that stay free on the disk */
};

/* What to tell gphoto2 as its --filename. */
#define GPHOTO2_FILES_PATTERN "%n"

/* Makes the base directory, and looks before anything is exposed. -EEXIST: a file of this name is
 * there; -ENOSPC; -ELOOP: a symbolic link is on the way; … */
int gphoto2_files_check(const struct gphoto2_place *place, struct error *err) MUST_CHECK;
/* -ENOSPC: there is less free than reserve_bytes. */
int gphoto2_files_check_space(const struct gphoto2_place *place, struct error *err) MUST_CHECK;

struct gphoto2_kept {
    char *name; /* below base_dir */
    char *file; /* what gphoto2 called it */
    int64_t bytes;
};

struct gphoto2_kept_list {
    struct gphoto2_kept *items;
    size_t count;
};

/* Moves what is in dir to its place. said: the stdout of gphoto2, which tells the camera's names.
 * A name that turns out to be impossible gives a file in base_dir itself, and err says so: what was
 * taken is kept. Free *ret_kept in any case. */
int gphoto2_files_keep(const struct gphoto2_place *place, const char *dir, const char *said,
                       struct gphoto2_kept_list *ret_kept, struct error *err) MUST_CHECK;
/* What gphoto2 said, with the files by the names that they have now. The caller frees. */
char *gphoto2_files_tell(const struct gphoto2_place *place, const struct gphoto2_kept_list *kept,
                         const char *said) MUST_CHECK;
void gphoto2_kept_list_done(struct gphoto2_kept_list *kept);

#endif
