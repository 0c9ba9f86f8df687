/* SPDX-License-Identifier: MIT */
/* gphoto2_session: the camera opened by one gphoto2 --shell, set as configured, photographing on
 * demand.
 *
 * It photographs with capture-image-and-download, the way that most cameras know. A picture is
 * handed over as soon as its file is whole; gphoto2 then looks for a RAW beside it for some
 * seconds, and what we made is deleted from the camera. gphoto2's exit codes say little (0 after
 * most failures): a shot has succeeded when there is a picture, and what gphoto2 said is read only
 * when there is none. After a failure the session ends: the next one knows nothing of it. */
#ifndef CAPTURE_CAMERA_GPHOTO2_SESSION_H
#define CAPTURE_CAMERA_GPHOTO2_SESSION_H

#include "capture/camera/camera.h"
#include "capture/camera/gphoto2_device.h"
#include "capture/raw.h"

struct gphoto2_session;

struct gphoto2_session_events {
    /* It is open, or a shot is over: time to shoot or to leave. */
    void (*on_ready)(void *user);
    /* Ownership of jpeg passes. raw is settled now or later, ref it to keep it. */
    void (*on_picture)(uint8_t *jpeg, size_t len, int64_t captured_at_mono_us, struct raw *raw,
                       void *user);
    /* Opening it, or the shot, failed; on_end follows. */
    void (*on_failed)(const struct error *err, void *user);
    /* It is gone; freed after the call. */
    void (*on_end)(void *user);
};

/* Somebody must have the turn for it. settings and events are borrowed. 0: on_end comes exactly
 * once, later. -ENOENT: no such program. */
int gphoto2_session_start(struct gphoto2_device *device, const struct camera_settings *settings,
                          const struct gphoto2_session_events *events, void *user,
                          struct gphoto2_session **ret_session, struct error *err) MUST_CHECK;

/* After on_ready, one of: */
void gphoto2_session_shoot(struct gphoto2_session *session);
void gphoto2_session_leave(struct gphoto2_session *session);

/* At any time: by force. on_failed does not come any more. */
void gphoto2_session_kill(struct gphoto2_session *session);
/* At once; no event comes any more. NULL is fine. */
void gphoto2_session_free(struct gphoto2_session *session);

#endif
