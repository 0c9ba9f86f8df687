/* SPDX-License-Identifier: MIT */
/* build: makes the videos of an ended session from its kept frames, one camera after the other,
 * behind everything that is more urgent. A build that was broken off goes on where it was, because
 * the growing file is on disk. Loop thread only. */
#ifndef AGENT_BUILD_H
#define AGENT_BUILD_H

#include "agent/unit/track.h"

struct build;

struct build_order { /* copied */
    const char *session, *session_dir;
    const char *camera; /* NULL = all that have frames */
    /* "<name>_<camera>.mp4"; the session's own id = its final videos: a camera that has one already
     * is left out. */
    const char *name;
    struct video_settings settings;
};

struct build_events {
    void (*on_progress)(double progress, void *user); /* 0..1, over all cameras */
    /* Per camera; as video_done_fn. */
    void (*on_video)(int result, const char *camera, const struct video_result *video,
                     const struct error *err, void *user);
    /* The last word; the build may be freed from there. */
    void (*on_over)(void *user);
};

/* The callbacks come later, never from inside the call. -ENODATA: the session has no frames. */
int build_start(const struct track_services *services, const struct build_order *order,
                const struct build_events *events, void *user, struct build **ret_build,
                struct error *err) MUST_CHECK;
/* Stops it; what it has so far stays for the next time. NULL is fine. */
void build_free(struct build *build);

/* Whether the first or the last frame of any camera (of this one) is still on the disk. */
int build_has_frames(const struct track_services *services, const char *session,
                     const char *session_dir, const char *camera, bool *ret_found,
                     struct error *err) MUST_CHECK;

/* Removes what a build of that name left unfinished, on a worker. */
void build_remove_rest(const struct track_services *services, const char *session,
                       const char *session_dir, const char *name);

#endif
