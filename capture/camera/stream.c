/* SPDX-License-Identifier: MIT */
/* stream: whatever ffmpeg reads (RTSP, RTMP, HLS), by one child that goes on reading, of whose
 * pictures we take the first that was captured after the moment asked for.
 *
 * There is no run per picture, not even for a single one: the first picture after connecting may be
 * seconds old, as many servers keep the last key frame for whoever comes. stream_clock finds out;
 * up to then nothing is believed in.
 *
 * To have any frame of H.264 all frames since the last key frame must be decoded. Doing that all
 * the time (decode = "all") gives a picture within 1 / STREAM_FFMPEG_FPS s, and of 1080p30 takes 7
 * % to 14 % of a PC's core; a reader that nobody keeps warm does so, as it ends with its picture. A
 * warm one decodes key frames only, for 1 % to 4 %, and a shot waits for the next: cameras send one
 * each second or few. tests/bench measures both. There is no way to tell a running ffmpeg when to
 * begin to decode, and keeping the frames since the last key frame here, for a decoder of their own
 * per shot, would need a demuxer of ours.
 *
 * Only one child at a time: many cameras serve but one or two viewers, so the old one must have
 * hung up before the next calls. One that is warm is started again at growing gaps. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/process.h"
#include "capture/camera/driver.h"
#include "capture/camera/stream_clock.h"
#include "capture/camera/stream_ffmpeg.h"
#include "capture/smjpeg_parser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    RECONNECT_FIRST_MS = 500,
    RECONNECT_MAX_MS = 10000,
    FIRST_PICTURES_MS = 20000, /* to connect, and for two key frames of a slow camera */
    GAP_MAX_MS = 30000,        /* between key frames, to be believed in */
    LATE_MAX_MS = 3000,        /* pictures that come later than they did: the reader is behind */
    OOM_SCORE_ADJ = 300,       /* rather this one than the agent */
};

const char *const stream_decode_choices[] = {"key", "all", NULL};
enum { DECODE_KEY, DECODE_ALL };

struct stream {
    struct camera_port *port;
    struct loop *loop;
    const struct camera_settings *settings;
    bool warm;
    bool wanted; /* between request and cancel */

    struct process *process; /* NULL: there is none */
    bool ending;             /* it was told to; what still comes is not looked at */
    struct error broken;     /* why it was; code 0: nobody needs it */
    struct smjpeg_parser *parser;
    struct stream_clock clock;
    int64_t pictures; /* of this reader */
    int64_t last_at_us;
    int64_t longest_gap_ms;
    int64_t captured_at_us; /* of the picture that is coming */

    struct timer *silence;  /* since the last picture */
    struct timer *patience; /* of a shot */
    struct timer *reconnect_timer;
    int64_t back_off_ms;
};

/* --- the end of a reader --- */

/* err NULL: nobody needs it any more. */
static void reader_end(struct stream *stream, const struct error *err)
{
    if (!stream->process || stream->ending)
        return;
    stream->ending = true;
    if (err)
        stream->broken = *err;
    timer_stop(stream->silence);
    process_kill(stream->process);
}

static void on_lost(struct stream *stream, const struct error *err)
{
    if (err->code == -EACCES)
        stream->back_off_ms = RECONNECT_MAX_MS; /* cameras lock out who guesses passwords */
    if (stream->warm) {
        timer_start(stream->reconnect_timer, stream->back_off_ms);
        stream->back_off_ms = MIN(stream->back_off_ms * 2, (int64_t)RECONNECT_MAX_MS);
    }
    timer_stop(stream->patience);
    if (stream->wanted)
        camera_port_failed(stream->port, err); /* which asks again, sooner than our timer */
    else
        camera_port_contact(stream->port, err);
}

static void reader_start(struct stream *stream);

static void on_ended(const struct process_result *result, void *user)
{
    struct stream *stream = user;
    struct error err = stream->broken;
    bool dismissed = stream->ending && !err.code;

    stream->process = NULL;
    timer_stop(stream->silence);
    smjpeg_parser_free(TAKE(stream->parser));
    if (dismissed && (stream->wanted || stream->warm)) {
        reader_start(stream);
        return;
    }
    if (dismissed)
        return;
    if (!err.code)
        stream_ffmpeg_explain(stream->settings, result, &err);
    on_lost(stream, &err);
}

static int64_t silence_limit_ms(const struct stream *stream)
{
    if (stream->pictures < 2)
        return MAX(stream->settings->timeout_ms, (int64_t)FIRST_PICTURES_MS);
    return MAX(stream->settings->timeout_ms, 2 * stream->longest_gap_ms);
}

static void on_silence(void *user)
{
    struct stream *stream = user;
    struct error err = {0};

    if (stream->pictures == 0)
        error_set(&err, -ETIMEDOUT, "nothing came for %lld ms; is the camera on, is url right?",
                  (long long)silence_limit_ms(stream));
    else
        error_set(&err, -ETIMEDOUT, "no picture has come for %lld ms; connecting anew",
                  (long long)silence_limit_ms(stream));
    reader_end(stream, &err);
}

/* --- what comes in --- */

static void note_gap(struct stream *stream, int64_t at_us)
{
    int64_t gap_ms = (at_us - stream->last_at_us) / 1000;

    if (stream->pictures++ > 0)
        stream->longest_gap_ms = MAX(stream->longest_gap_ms, MIN(gap_ms, (int64_t)GAP_MAX_MS));
    stream->last_at_us = at_us;
    timer_start(stream->silence, silence_limit_ms(stream));
}

/* A decoder that is too slow for the stream falls back, or the camera's clock has jumped. */
static void check_lateness(struct stream *stream, int64_t late_ms)
{
    struct error err = {0};

    if (late_ms <= LATE_MAX_MS)
        return;
    error_set(&err, -ESTALE,
              "the pictures come %lld ms late: this machine or the network is too slow for the "
              "stream%s; connecting anew",
              (long long)late_ms,
              stream->settings->decode == DECODE_ALL ? " (decode = \"key\" needs less)" : "");
    reader_end(stream, &err);
}

static bool on_part(uint32_t time_ms, int64_t first_byte_at_mono_us, void *user)
{
    struct stream *stream = user;

    note_gap(stream, first_byte_at_mono_us);
    stream->captured_at_us = stream_clock_note(&stream->clock, time_ms, first_byte_at_mono_us);
    check_lateness(stream, (first_byte_at_mono_us - stream->captured_at_us) / 1000);
    if (stream->pictures == 1)
        camera_port_contact(stream->port, NULL);
    if (stream->clock.settled)
        stream->back_off_ms = RECONNECT_FIRST_MS;
    return stream->clock.settled && !stream->ending &&
           camera_port_wants(stream->port, stream->captured_at_us);
}

static void on_picture(uint8_t *jpeg, size_t len, void *user)
{
    struct stream *stream = user;

    camera_port_picture(stream->port, jpeg, len, stream->captured_at_us);
}

static void on_stdout(const uint8_t *data, size_t len, void *user)
{
    struct stream *stream = user;
    struct error err = {0};

    if (!stream->ending && smjpeg_parser_feed(stream->parser, data, len, clock_mono_us(), &err) < 0)
        reader_end(stream, &err);
}

/* --- the beginning --- */

static void on_list_written(int result, void *user)
{
    (void)result; /* a reader that does not take it says why when it ends */
    (void)user;
}

static int launch(struct stream *stream, struct error *err)
{
    CLEANUP(program_args_done) struct program_args args = {0};
    struct process_config config = {
        .stdin_pipe = true, .on_stdout = on_stdout, .oom_score_adj = OOM_SCORE_ADJ};
    bool all_frames = !stream->warm || stream->settings->decode == DECODE_ALL;
    char *list;
    int rc;

    stream_ffmpeg_make_args(stream->settings, all_frames, &args);
    config.argv = (const char *const *)args.items;
    rc = process_start(stream->loop, &config, on_ended, stream, &stream->process, err);
    if (rc == -ENOENT) /* it will not be there for a second try either */
        rc = err->code = -ENOPKG;
    if (rc < 0)
        return rc;
    list = stream_ffmpeg_make_list(stream->settings);
    process_write(stream->process, (uint8_t *)list, strlen(list), on_list_written, stream);
    process_close_stdin(stream->process);
    return 0;
}

static void reader_start(struct stream *stream)
{
    static const struct smjpeg_handler handler = {.on_part = on_part, .on_picture = on_picture};
    struct error err = {0};

    timer_stop(stream->reconnect_timer);
    stream->ending = false;
    error_clear(&stream->broken);
    stream->clock = (struct stream_clock){0};
    stream->pictures = 0;
    stream->longest_gap_ms = 0;
    if (launch(stream, &err) < 0) {
        on_lost(stream, &err);
        return;
    }
    stream->parser = smjpeg_parser_new((size_t)stream->settings->max_bytes, &handler, stream);
    timer_start(stream->silence, silence_limit_ms(stream));
}

static void on_reconnect(void *user)
{
    struct stream *stream = user;

    if (!stream->process)
        reader_start(stream);
}

/* --- the driver --- */

/* Shortly before the shot's time is over: here it is known what it waited for. */
static void on_patience(void *user)
{
    struct stream *stream = user;
    long long waited_ms = program_patience_ms(stream->settings);
    struct error err = {0};

    if (stream->pictures == 0)
        error_set(&err, -ETIMEDOUT,
                  "nothing came within %lld ms; is the camera on, is url right, or does it send "
                  "key frames so seldom?",
                  waited_ms);
    else
        error_set(&err, -ETIMEDOUT,
                  "no new picture within %lld ms; does the camera hang, or are its key frames "
                  "further apart? Set them closer in the camera, or here a longer timeout_ms%s",
                  waited_ms, stream->settings->decode == DECODE_KEY ? " or decode = \"all\"" : "");
    camera_port_failed(stream->port, &err);
}

static void stream_set_warm(void *user, bool warm)
{
    struct stream *stream = user;

    stream->warm = warm;
    if (warm && !stream->process && !timer_active(stream->reconnect_timer)) {
        reader_start(stream);
    } else if (!warm) {
        timer_stop(stream->reconnect_timer);
        if (!stream->wanted)
            reader_end(stream, NULL);
    }
}

static void stream_request(void *user)
{
    struct stream *stream = user;

    stream->wanted = true;
    timer_start(stream->patience, program_patience_ms(stream->settings));
    if (!stream->process)
        reader_start(stream);
}

static void stream_cancel(void *user)
{
    struct stream *stream = user;

    stream->wanted = false;
    timer_stop(stream->patience);
    if (!stream->warm)
        reader_end(stream, NULL);
}

static void stream_check(const struct camera_settings *settings, struct conf *conf, size_t index)
{
    struct error err = {0};

    if (!settings->url)
        conf_problem(conf, &camera_table, index, "url", "url is required for kind = \"stream\"");
    else if (stream_ffmpeg_check_url(settings->url, &err) < 0)
        conf_problem(conf, &camera_table, index, "url", "%s", err.text);
    else if (settings->user && strchr(settings->url, '@'))
        conf_problem(conf, &camera_table, index, "user", "url has a login already; take one out");
    if (settings->password && !settings->user)
        conf_problem(conf, &camera_table, index, "password", "a password needs a user");
    if (settings->user && strchr(settings->user, ':'))
        conf_problem(conf, &camera_table, index, "user", "a user with ':' cannot log in anywhere");
}

static void *stream_open(struct camera_port *port, struct loop *loop, struct http *http,
                         const struct camera_settings *settings)
{
    struct stream *stream = xcalloc(1, sizeof(*stream));

    (void)http;
    stream->port = port;
    stream->loop = loop;
    stream->settings = settings;
    stream->back_off_ms = RECONNECT_FIRST_MS;
    stream->silence = timer_new(loop, on_silence, stream);
    stream->patience = timer_new(loop, on_patience, stream);
    stream->reconnect_timer = timer_new(loop, on_reconnect, stream);
    return stream;
}

static void stream_close(void *user)
{
    struct stream *stream = user;

    process_free(stream->process);
    smjpeg_parser_free(stream->parser);
    timer_free(stream->reconnect_timer);
    timer_free(stream->patience);
    timer_free(stream->silence);
    free(stream);
}

static const char *const stream_keys[] = {"url", "user", "password", "program", "decode", NULL};

const struct camera_driver camera_stream_driver = {
    .kind = "stream",
    .keys = stream_keys,
    .check = stream_check,
    .open = stream_open,
    .close = stream_close,
    .set_warm = stream_set_warm,
    .request = stream_request,
    .cancel = stream_cancel,
};
