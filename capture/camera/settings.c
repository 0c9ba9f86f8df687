/* SPDX-License-Identifier: MIT */
/* settings: the kinds of cameras, and the table of what a user can say about one. */
#include "agent/base/str.h"
#include "capture/camera/driver.h"

static const struct camera_driver *const drivers[] = {
    &camera_http_driver,   &camera_mjpeg_driver, &camera_pattern_driver, &camera_command_driver,
    &camera_rpicam_driver, &camera_v4l2_driver,  &camera_gphoto2_driver, &camera_stream_driver,
};

/* In the order of drivers. */
const char *const camera_kinds[] = {"http", "mjpeg",   "pattern", "command", "rpicam",
                                    "v4l2", "gphoto2", "stream",  NULL};

_Static_assert(ARRAY_LEN(camera_kinds) == ARRAY_LEN(drivers) + 1, "a kind for each driver");

/* In the order of enum camera_light_when. */
static const char *const light_when_choices[] = {"always", "dark", NULL};
static const char *const warm_choices[] = {"auto", "always", "never", NULL};

#define CAMERA_FIELD(name, ...)                                                                    \
    {                                                                                              \
        .key = #name, .offset = offsetof(struct camera_settings, name), __VA_ARGS__                \
    }

static const struct conf_field camera_fields[] = {
    CAMERA_FIELD(id, .type = CONF_ID, .flags = CONF_REQUIRED,
                 .help = "Name of the camera in topics, file names and units."),
    CAMERA_FIELD(kind, .type = CONF_ENUM, .choices = camera_kinds, .flags = CONF_REQUIRED,
                 .help = "http: a still picture per request; mjpeg: a stream; pattern: a built-in "
                         "test picture; command: a program of your own; rpicam: the "
                         "camera of a Raspberry Pi; v4l2: a USB camera (/dev/video0); gphoto2: a "
                         "DSLR or mirrorless camera; stream: RTSP, RTMP or HLS, through ffmpeg."),
    CAMERA_FIELD(url, .type = CONF_STRING, .max = 2048,
                 .help = "http, mjpeg: address of the picture or of the stream (http or https). "
                         "stream: of the stream (rtsp, rtsps, rtmp, rtmps, http, https). command: "
                         "what {url} becomes."),
    CAMERA_FIELD(command, .type = CONF_STRINGS, .max = 2048,
                 .help = "command: the program that makes a picture, and its words, run without a "
                         "shell. {output} is the file that it has to write, without it the picture "
                         "is read from its stdout; {url} and {camera} are the settings url and "
                         "id."),
    CAMERA_FIELD(program, .type = CONF_STRING, .max = 1024,
                 .help = "rpicam: the program to use; without it rpicam-still, libcamera-still or "
                         "raspistill, whichever is there. gphoto2, stream: the program to use "
                         "instead of gphoto2 or ffmpeg."),
    CAMERA_FIELD(port, .type = CONF_STRING, .max = 64,
                 .help = "gphoto2: where the camera is, as in usb:001,004, when there are several; "
                         "gphoto2 --auto-detect shows it. It changes when the camera is plugged in "
                         "again: prefer model."),
    CAMERA_FIELD(model, .type = CONF_STRING, .max = 128,
                 .help = "gphoto2: which camera, when there are several, as gphoto2 --auto-detect "
                         "names it."),
    CAMERA_FIELD(config, .type = CONF_STRINGS, .max = 256,
                 .help = "gphoto2: settings of the camera, each as name=value, made when it is "
                         "opened; gphoto2 --list-config and --get-config show what there is."),
    CAMERA_FIELD(keep_on_camera, .type = CONF_BOOL, .fallback = "false",
                 .help = "gphoto2: leave each picture on the camera's card, too (with "
                         "capturetarget=Memory card)."),
    CAMERA_FIELD(base_dir, .type = CONF_PATH,
                 .help = "gphoto2: where the pictures of the camera's command gphoto2 go, whatever "
                         "--filename says; without it gphoto2/<camera> below media_dir."),
    CAMERA_FIELD(gphoto2_allow, .type = CONF_STRINGS, .max = 64,
                 .help = "gphoto2: what that command may do besides looking, exposing and setting "
                         "the exposure: options of gphoto2, as --list-files, and settings, as "
                         "--set-config ownername."),
    CAMERA_FIELD(decode, .type = CONF_ENUM, .fallback = "key", .choices = stream_decode_choices,
                 .help = "stream: key = between pictures only key frames are decoded, and a "
                         "picture waits for the next one; all = all frames, at once, for several "
                         "times the processor time."),
    CAMERA_FIELD(sensor, .type = CONF_INT, .fallback = "0", .max = 7,
                 .help = "rpicam: which camera, when there are several."),
    CAMERA_FIELD(device, .type = CONF_STRING, .fallback = "/dev/video0", .max = 1024,
                 .help = "v4l2: the camera, by path or by its name in /dev/v4l/by-id, which stays "
                         "when it is plugged into another socket; lapsed --probe-cameras lists "
                         "them."),
    CAMERA_FIELD(format, .type = CONF_ENUM, .fallback = "auto", .choices = v4l2_format_choices,
                 .help = "v4l2: which pictures to ask for: mjpg as the camera compresses them; "
                         "yuyv and rgb are compressed here. auto: mjpg when it has it."),
    CAMERA_FIELD(controls, .type = CONF_STRINGS, .max = 128,
                 .help = "v4l2: exposure, focus, white balance … as name=value, in this order; "
                         "lapsed --probe-cameras lists names and ranges."),
    CAMERA_FIELD(quality, .type = CONF_INT, .fallback = "90", .min = 1, .max = 100,
                 .help = "v4l2: quality of the JPEG that is made of yuyv and rgb."),
    CAMERA_FIELD(settle_ms, .type = CONF_INT, .fallback = "1000", .max = 60000, .unit = "ms",
                 .help = "rpicam: so long exposure and colours settle before each picture; not "
                         "with both shutter_us and gain. v4l2: after opening pictures are skipped "
                         "for so long."),
    CAMERA_FIELD(shutter_us, .type = CONF_INT, .fallback = "0", .max = 240e6, .unit = "us",
                 .help = "rpicam: exposure time; 0 = automatic."),
    CAMERA_FIELD(gain, .type = CONF_FLOAT, .fallback = "0", .max = 64,
                 .help = "rpicam: amplification of the sensor; 0 = automatic."),
    CAMERA_FIELD(awb, .type = CONF_ENUM, .fallback = "auto", .choices = rpicam_awb_choices,
                 .help = "rpicam: white balance."),
    CAMERA_FIELD(tuning_file, .type = CONF_PATH,
                 .help = "rpicam: tuning file of the sensor, as for one without an infrared "
                         "filter."),
    CAMERA_FIELD(user, .type = CONF_STRING, .max = 128,
                 .help = "Login of the camera (Basic or Digest)."),
    CAMERA_FIELD(password, .type = CONF_SECRET, .max = 256, .help = "Password of the login."),
    CAMERA_FIELD(ca_file, .type = CONF_PATH,
                 .help = "With https: certificates that are trusted instead of the system's, such "
                         "as the camera's own (PEM)."),
    CAMERA_FIELD(
        width, .type = CONF_INT, .fallback = "0", .max = 8192, .unit = "px",
        .help = "Pictures of another width are refused, as the camera gives them, before they "
                "are turned; 0 takes what comes. pattern: width to draw, 0 = 640. v4l2: to ask "
                "for; 0 = the largest up to 1920x1080."),
    CAMERA_FIELD(height, .type = CONF_INT, .fallback = "0", .max = 8192, .unit = "px",
                 .help = "As width. pattern: 0 = 480."),
    CAMERA_FIELD(hflip, .type = CONF_BOOL, .fallback = "false",
                 .help = "Mirror the picture left to right."),
    CAMERA_FIELD(vflip, .type = CONF_BOOL, .fallback = "false",
                 .help = "Mirror the picture top to bottom."),
    CAMERA_FIELD(rotation, .type = CONF_INT, .fallback = "0", .max = 270, .unit = "degrees",
                 .help =
                     "Turn the picture (mirrored as said) clockwise by 0, 90, 180 or 270, without "
                     "loss; an edge that is no whole block of the JPEG is cut off, at most "
                     "15 px."),
    CAMERA_FIELD(fps, .type = CONF_FLOAT, .fallback = "15", .min = 0.1, .max = 120, .unit = "fps",
                 .help = "pattern: pictures per second that it could give. v4l2: to ask for; the "
                         "camera takes the nearest that it has."),
    CAMERA_FIELD(warm, .type = CONF_ENUM, .fallback = "auto", .choices = warm_choices,
                 .help =
                     "Whether a stream stays connected, or a camera of kind gphoto2 open, between "
                     "pictures: auto = while a job runs."),
    CAMERA_FIELD(timeout_ms, .type = CONF_INT, .fallback = "5000", .min = 100, .max = 120000,
                 .unit = "ms", .flags = CONF_RELOAD,
                 .help = "Time for one picture, retries included; a request without an answer is "
                         "repeated after half of it."),
    CAMERA_FIELD(latency_ms, .type = CONF_INT, .fallback = "0", .max = 10000, .unit = "ms",
                 .flags = CONF_RELOAD,
                 .help = "How old a picture is when its first byte arrives: what the camera takes "
                         "for exposure and compression."),
    CAMERA_FIELD(max_bytes, .type = CONF_INT, .fallback = "16777216", .min = 10000,
                 .max = 64.0 * 1024 * 1024, .unit = "bytes",
                 .help = "A larger picture is refused."),
    CAMERA_FIELD(stale_after, .type = CONF_INT, .fallback = "0", .max = 100000,
                 .flags = CONF_RELOAD,
                 .help = "So many identical pictures in a row mean that the camera is frozen; 0 = "
                         "never."),
    CAMERA_FIELD(image_px, .type = CONF_INT, .fallback = "960", .max = 4096, .unit = "px",
                 .flags = CONF_RELOAD,
                 .help =
                     "The last picture is on MQTT, too: its longer side at most; 0: it is not."),
    CAMERA_FIELD(image_max_bytes, .type = CONF_INT, .fallback = "204800", .min = 2000,
                 .max = 4.0 * 1024 * 1024, .unit = "bytes", .flags = CONF_RELOAD,
                 .help = "So large at most: quality and then size are reduced until it fits."),
    CAMERA_FIELD(image_gap_s, .type = CONF_FLOAT, .fallback = "1", .max = 86400, .unit = "s",
                 .flags = CONF_RELOAD,
                 .help = "At most one in this time; the newest follows when it is over."),
    CAMERA_FIELD(light, .type = CONF_ID,
                 .help = "Id of the light that is switched on for pictures."),
    CAMERA_FIELD(light_when, .type = CONF_ENUM, .fallback = "always", .choices = light_when_choices,
                 .help = "always: for each picture; dark: only when it is dark without."),
    CAMERA_FIELD(dark_below, .type = CONF_INT, .fallback = "40", .max = 255,
                 .help = "A picture whose brightness is below this is dark."),
};

const struct conf_table camera_table = {
    .name = "cameras",
    .fields = camera_fields,
    .field_count = ARRAY_LEN(camera_fields),
    .help = "The cameras, each with a name by which units use it.",
};

const struct camera_driver *camera_driver_of(int kind)
{
    return drivers[kind];
}

static bool has_key(size_t kind, const char *key)
{
    const struct camera_driver *driver = drivers[kind];

    if (str_equal(key, "warm"))
        return driver->set_warm != NULL;
    for (const char *const *at = driver->keys; at && *at; at++)
        if (str_equal(*at, key))
            return true;
    return false;
}

static void check_foreign(const struct camera_settings *settings, struct conf *conf, size_t index)
{
    struct camera_settings defaults = {0};

    conf_set_defaults(&camera_table, &defaults);
    conf_check_kind(conf, &(struct conf_kind_check){.table = &camera_table,
                                                    .index = index,
                                                    .values = settings,
                                                    .defaults = &defaults,
                                                    .kinds = camera_kinds,
                                                    .has_key = has_key,
                                                    .kind = (size_t)settings->kind});
    conf_values_done(&camera_table, &defaults);
}

void camera_settings_check(const struct camera_settings *settings, struct conf *conf, size_t index)
{
    const struct camera_driver *driver = camera_driver_of(settings->kind);

    if ((settings->width == 0) != (settings->height == 0))
        conf_problem(conf, &camera_table, index, "width", "width and height go together");
    if (settings->stale_after == 1)
        conf_problem(conf, &camera_table, index, "stale_after",
                     "one picture is always the same as itself: 0, or 2 and more");
    if (settings->rotation % 90 != 0)
        conf_problem(conf, &camera_table, index, "rotation",
                     "a picture can be turned by 0, 90, 180 or 270 degrees");
    check_foreign(settings, conf, index);
    if (driver->check)
        driver->check(settings, conf, index);
}
