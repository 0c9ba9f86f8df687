/* SPDX-License-Identifier: MIT */
/* camera: one camera, whatever its kind; asked for pictures that are newer than a given moment.
 * They come upright: as its EXIF says that it was held, then as its settings say.
 *
 * A picture counts only when its capture time is after the moment asked for, it is a whole JPEG of
 * the expected size, and it came before the deadline; a bad one is refused, counted and tried again
 * within the budget. A shot within 200 ms of another of the same camera may share its picture.
 *
 * The capture time is the earliest that is consistent with what we see: of a still when its request
 * was sent, of a stream's picture when its first byte came, both less latency_ms. A camera that
 * answers with a stored picture is older than that; stale_after finds one that has stopped.
 * Loop thread only. */
#ifndef CAPTURE_CAMERA_H
#define CAPTURE_CAMERA_H

#include "agent/base/conf.h"
#include "agent/base/http.h"
#include "agent/base/loop.h"
#include "capture/picture.h"

enum camera_light_when { CAMERA_LIGHT_ALWAYS, CAMERA_LIGHT_DARK };
enum camera_warm { CAMERA_WARM_AUTO, CAMERA_WARM_ALWAYS, CAMERA_WARM_NEVER };

struct camera_settings {
    char *id;
    int kind; /* index into camera_kinds */
    char *url;
    struct conf_strings command; /* program and words, with placeholders */
    char *program;               /* rpicam, gphoto2, stream; NULL = what is there */
    int decode;                  /* stream: index into stream_decode_choices */
    char *port, *model;          /* gphoto2; NULL = the first camera */
    struct conf_strings config;  /* gphoto2: name=value */
    bool keep_on_camera;         /* gphoto2 */
    char *base_dir;              /* of the command gphoto2; NULL = below media_dir */
    struct conf_strings gphoto2_allow;
    int64_t sensor, settle_ms, shutter_us;
    double gain;
    int awb; /* index into rpicam_awb_choices */
    char *tuning_file;
    char *device; /* v4l2 */
    int format;   /* v4l2: index into v4l2_format_choices */
    struct conf_strings controls;
    int64_t quality;
    char *user, *password;
    char *ca_file;
    /* Of the picture as the camera gives it, not turned: expected (network) or drawn (pattern); 0 =
     * whatever comes. */
    int64_t width, height;
    bool hflip, vflip;   /* before it is turned */
    int64_t rotation;    /* degrees clockwise: 0, 90, 180, 270 */
    double fps;          /* pattern, v4l2 */
    int warm;            /* enum camera_warm */
    int64_t timeout_ms;  /* budget of one shot */
    int64_t latency_ms;  /* from exposure to the first byte here: subtracted from the arrival */
    int64_t max_bytes;   /* of one picture */
    int64_t stale_after; /* identical pictures in a row that mean a frozen camera; 0 = off */
    char *light;         /* id of one of the agent's lights; NULL = none */
    int light_when;      /* enum camera_light_when */
    int64_t dark_below;  /* brightness 0–255 of a picture that needs the light */
    /* Of its pictures on MQTT. */
    int64_t image_px; /* longer side at most; 0 = none are wanted */
    int64_t image_max_bytes;
    double image_gap_s; /* at least between two */
};
extern const char *const camera_kinds[];     /* in the order of the drivers, NULL-terminated */
extern const struct conf_table camera_table; /* list "cameras" */
/* What only the kind knows ("url is required"): adds conf problems for item index. */
void camera_settings_check(const struct camera_settings *settings, struct conf *conf, size_t index);

struct camera_status {
    bool connected;        /* the last contact succeeded */
    int width, height;     /* of the last picture; 0 = none yet */
    int64_t last_frame_at; /* wall ms of the last good picture; 0 = none */
    int64_t latency_ms;    /* last shot: asked → picture here */
    int64_t pictures;      /* good ones delivered */
    int64_t refused;       /* bad pictures (cut, wrong size, not a JPEG, too old) */
    int64_t failures;      /* shots that ended without a picture */
    int brightness;        /* of the last picture that was looked at, 0–255; -1 = none yet */
    /* How many were so, by bit of enum picture_flag. */
    int64_t flagged[PICTURE_FLAG_COUNT];
    struct error error; /* of the last failure; code 0 = none */
};

struct camera;
struct gphoto2_device;
struct shot;

/* picture NULL: err says why (-ETIMEDOUT, -EBADMSG not a picture, -ECONNREFUSED, -EACCES login,
 * -EPROTOTYPE the url is of another kind, -ENOPKG no such program, -ESTALE only old pictures came,
 * …). A receiver that keeps the picture refs it. */
typedef void (*camera_done_fn)(struct picture *picture, const struct error *err, void *user);
typedef void (*camera_status_fn)(struct camera *camera, void *user);

/* settings and http are borrowed. on_status comes when connected, size or error changed. A warm
 * camera connects now. */
struct camera *camera_new(struct loop *loop, struct http *http,
                          const struct camera_settings *settings, camera_status_fn on_status,
                          void *user) MUST_CHECK;
void camera_free(struct camera *camera); /* no callback comes any more */

/* Keeps the device ready while wanted (counted): warm = auto connects while somebody wants it. */
void camera_hold(struct camera *camera);
void camera_release(struct camera *camera);

/* Asks for a picture captured after not_before_mono_us (0 = now), within budget_ms (0 =
 * timeout_ms). done comes exactly once, later, never from inside the call; the shot is gone after
 * it. */
struct shot *camera_shoot(struct camera *camera, int64_t not_before_mono_us, int64_t budget_ms,
                          camera_done_fn done, void *user);
void camera_cancel(struct shot *shot); /* done comes no more; NULL is fine */

/* To run gphoto2 with the camera between its shots (gphoto2_run.h); lives as long as the camera.
 * NULL: not a camera of that kind. */
struct gphoto2_device *camera_gphoto2(struct camera *camera);

/* How long a printer or other cameras should wait for the picture of a shot that begins now: what
 * it lately took and some more; 0: the last shot failed, and no contact was made since. */
int64_t camera_patience_ms(const struct camera *camera);

const char *camera_id(const struct camera *camera);
const char *camera_kind(const struct camera *camera);
const struct camera_settings *camera_get_settings(const struct camera *camera);
void camera_get_status(const struct camera *camera, struct camera_status *ret_status);

#endif
