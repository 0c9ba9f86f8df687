/* SPDX-License-Identifier: MIT */
/* stream_rig: a camera of kind stream at a real RTSP camera whose pictures show when they were
 * drawn. */
#ifndef TESTS_CAPTURE_STREAM_RIG_H
#define TESTS_CAPTURE_STREAM_RIG_H

#include "agent/base/buf.h"
#include "capture/camera/camera.h"

#include <sys/types.h>

struct stream_rig {
    struct loop *loop;
    struct timer *deadline;
    bool late;

    struct process *server;
    struct buf output;
    int64_t port, started_at_us;

    char *url;
    struct camera_settings settings;
    struct camera *camera;

    bool answered;
    struct picture *picture; /* of the last shot; NULL: error */
    struct error error;
};

/* For cmocka. At the end no child may be left. */
int stream_rig_setup(void **state);
int stream_rig_teardown(void **state);

void stream_rig_round(struct stream_rig *f);
/* Runs the loop for so long. */
void stream_rig_linger(struct stream_rig *f, int64_t ms);

/* The RTSP camera with these options, NULL-terminated; waits until it listens. */
void stream_rig_serve(struct stream_rig *f, const char *const *options);
/* Kills it, or stops and continues it. */
void stream_rig_signal(struct stream_rig *f, int signum);

/* With f->settings, and good values for what is zero; path: of the RTSP camera, or a whole URL. */
void stream_rig_start(struct stream_rig *f, const char *path);
void stream_rig_shoot(struct stream_rig *f);

/* A shot whose picture was drawn after it was asked for. */
void expect_fresh(struct stream_rig *f);
/* A shot that fails so; text: how its error begins, without the camera's name. */
void expect_error(struct stream_rig *f, int code, const char *text);
/* During a shot the camera says this; the shot is called off, whose time may be long. */
void expect_complaint(struct stream_rig *f, int code, const char *text);

/* The child of ours that reads the stream; 0: there is none. */
pid_t stream_rig_reader(const struct stream_rig *f);

#endif
