/* SPDX-License-Identifier: MIT */
/* settings: what a user may set, and how fast a video of so many frames plays.
 *
 * The lengths count the moving part; the held last frame comes on top, as DuetLapse3's -extratime
 * does. Rates are fractions of whole thousandths, so 300 frames in 7 s are 300/7 a second and the
 * file says exactly that.
 *
 * segment_frames: more makes smaller files where the scene is still (each segment begins with a key
 * frame: measured -2 % to +19 % for 60 against one encode of all, by content), fewer leaves less to
 * do when a print is stopped unforeseen. 60 left take 1.1 to 1.6 s on two cores at 1080p. */
#include "encode/queue.h"
#include "encode/video.h"

#include <math.h>

enum { MILLI = 1000 };

#define MIN_FPS 1.0

const char *const video_presets[] = {"ultrafast", "superfast", "veryfast", "faster",
                                     "fast",      "medium",    "slow",     NULL};

#define FIELD(name) .key = #name, .offset = offsetof(struct video_settings, name)

const struct conf_field video_fields[] = {
    {.key = "video",
     .offset = offsetof(struct video_settings, enabled),
     .type = CONF_BOOL,
     .fallback = "true",
     .help = "Make videos; false keeps the frames only."},
    {FIELD(fps), .type = CONF_FLOAT, .fallback = "25", .min = 1, .max = 240, .flags = CONF_RELOAD,
     .help = "Frames a second of the video."},
    {FIELD(min_length_s), .type = CONF_FLOAT, .fallback = "0", .min = 0, .max = 3600, .unit = "s",
     .flags = CONF_RELOAD, .help = "A shorter video plays slower, to last so long; 0 = off."},
    {FIELD(max_length_s), .type = CONF_FLOAT, .fallback = "0", .min = 0, .max = 3600, .unit = "s",
     .flags = CONF_RELOAD, .help = "A longer video plays faster, to last so long; 0 = off."},
    {FIELD(target_length_s), .type = CONF_FLOAT, .fallback = "0", .min = 0, .max = 3600,
     .unit = "s", .flags = CONF_RELOAD,
     .help = "Every video lasts exactly so long, whatever fps says; 0 = off."},
    {FIELD(hold_last_s), .type = CONF_FLOAT, .fallback = "0", .min = 0, .max = 600, .unit = "s",
     .flags = CONF_RELOAD, .help = "The last frame stays so much longer."},
    {FIELD(min_frames), .type = CONF_INT, .fallback = "2", .min = 1, .max = 1000000,
     .flags = CONF_RELOAD, .help = "Fewer frames make no video."},
    {FIELD(crf), .type = CONF_INT, .fallback = "23", .min = 0, .max = 51,
     .help = "Quality of x264: lower is better and larger."},
    {FIELD(preset), .type = CONF_ENUM, .fallback = "veryfast", .choices = video_presets,
     .help = "How hard x264 tries: a slower one is smaller and costs processor time."},
    {FIELD(max_width), .type = CONF_INT, .fallback = "0", .min = 0, .max = 8192, .unit = "px",
     .help = "Larger pictures are scaled down; 0 = as the camera's."},
    {FIELD(max_height), .type = CONF_INT, .fallback = "0", .min = 0, .max = 8192, .unit = "px",
     .help = "Larger pictures are scaled down; 0 = as the camera's."},
    {FIELD(segment_frames), .type = CONF_INT, .fallback = "60", .min = 1, .max = 1000,
     .flags = CONF_RELOAD, .help = "Frames that are encoded at a time while the print runs."},
    {FIELD(tail_frames), .type = CONF_INT, .fallback = "10", .min = 1, .max = 1000,
     .flags = CONF_RELOAD, .help = "The same near the end of the print."},
};
const size_t video_field_count = ARRAY_LEN(video_fields);

#undef FIELD
#define FIELD(name) .key = #name, .offset = offsetof(struct encode_settings, name)

static const struct conf_field encode_fields[] = {
    {FIELD(max_encoders), .type = CONF_INT, .fallback = "1", .min = 1, .max = 16,
     .help = "Encoders at once over all units."},
    {FIELD(max_queued), .type = CONF_INT, .fallback = "8", .min = 1, .max = 1000,
     .help = "Builds that may wait."},
    {FIELD(ffmpeg), .type = CONF_STRING, .fallback = "ffmpeg",
     .help = "Name or path of ffmpeg (5.1 or later, with libx264)."},
    {FIELD(threads_final), .type = CONF_INT, .fallback = "0", .min = 0, .max = 64,
     .help = "Threads of the encoder at the end of a print; 0 = all cores."},
    {FIELD(segment_timeout_s), .type = CONF_INT, .fallback = "300", .min = 1, .max = 86400,
     .unit = "s", .help = "An encoder that takes longer for a segment is stopped."},
};

const struct conf_table encode_table = {
    .name = "encode",
    .fields = encode_fields,
    .field_count = ARRAY_LEN(encode_fields),
    .help = "The encoder that makes the videos.",
};

/* --- timing --- */

static int64_t greatest_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

static void set_rate(struct video_timing *timing, int64_t num, int64_t den)
{
    int64_t divisor = greatest_divisor(num, den);

    timing->fps_num = num / divisor;
    timing->fps_den = den / divisor;
}

/* So many frames in so long a time, but never slower than MIN_FPS. */
static void set_length(struct video_timing *timing, int64_t frames, double length_s)
{
    int64_t length_ms = llround(length_s * MILLI);

    if (length_ms <= 0 || (double)frames < MIN_FPS * length_s)
        set_rate(timing, (int64_t)(MIN_FPS * MILLI), MILLI);
    else
        set_rate(timing, frames * MILLI, length_ms);
}

void video_timing(const struct video_settings *settings, int64_t frames,
                  struct video_timing *ret_timing)
{
    double fps = fmax(settings->fps, MIN_FPS);
    double length_s = (double)frames / fps;
    double min_s = settings->min_length_s;
    /* A minimum above the maximum lifts it. */
    double max_s = settings->max_length_s > 0 ? fmax(settings->max_length_s, min_s) : 0;

    set_rate(ret_timing, llround(fps * MILLI), MILLI);
    if (frames > 0 && settings->target_length_s > 0)
        set_length(ret_timing, frames, settings->target_length_s);
    else if (frames > 0 && min_s > 0 && length_s < min_s)
        set_length(ret_timing, frames, min_s);
    else if (frames > 0 && max_s > 0 && length_s > max_s)
        set_length(ret_timing, frames, max_s);
    ret_timing->duration_s = 0;
    if (frames > 0)
        ret_timing->duration_s =
            (double)frames * (double)ret_timing->fps_den / (double)ret_timing->fps_num +
            settings->hold_last_s;
}
