/* SPDX-License-Identifier: MIT */
/* mjpeg: a stream of pictures, of which we take the first that begins after the moment asked for.
 *
 * A picture counts as captured when its first byte was read here; the time before that, from the
 * exposure to the socket, only the user knows (latency_ms). Bytes that lay in the kernel while our
 * loop was busy are read late by as much as the loop was late, which it keeps to milliseconds.
 * Nothing is kept in advance: a picture that was under way when the shot came is skipped without
 * copying, so an idle stream costs no memory and hardly any time.
 *
 * A stream that is to stay warm is opened again whenever it ends or falls silent, at growing gaps;
 * a waiting shot has it opened at once. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "capture/camera/driver.h"
#include "capture/camera/web.h"
#include "capture/mjpeg_parser.h"

#include <errno.h>
#include <stdlib.h>

enum { RECONNECT_FIRST_MS = 500, RECONNECT_MAX_MS = 10000, STALL_MS = 5000 };

struct stream {
    struct camera_port *port;
    struct http *http;
    const struct camera_settings *settings;
    bool warm;
    bool wanted; /* between request and cancel */

    struct http_request *request; /* NULL: not connected */
    struct mjpeg_parser *parser;  /* NULL: no headers yet */
    struct error broken;          /* why we gave up on it from inside a callback */
    int64_t last_byte_at_us;
    struct timer *reconnect_timer;
    int64_t back_off_ms;
    struct timer *patience; /* for a sign of life when there should be one */
    int64_t patient_since_us;
};

static void stream_connect(struct stream *stream);

static void stream_disconnect(struct stream *stream)
{
    timer_stop(stream->patience);
    timer_stop(stream->reconnect_timer);
    http_cancel(TAKE(stream->request));
    mjpeg_parser_free(TAKE(stream->parser));
}

static void be_patient(struct stream *stream)
{
    stream->patient_since_us = clock_mono_us();
    timer_start(stream->patience, web_patience_ms(stream->settings));
}

static void on_lost(struct stream *stream, const struct error *err)
{
    stream_disconnect(stream);
    if (err->code == -EACCES)
        stream->back_off_ms = RECONNECT_MAX_MS; /* cameras lock out who guesses passwords */
    if (stream->warm) {
        timer_start(stream->reconnect_timer, stream->back_off_ms);
        stream->back_off_ms = MIN(stream->back_off_ms * 2, (int64_t)RECONNECT_MAX_MS);
    }
    if (stream->wanted)
        camera_port_failed(stream->port, err); /* which asks again, sooner than our timer */
    else
        camera_port_contact(stream->port, err);
}

static void on_patience(void *user)
{
    struct stream *stream = user;
    struct error err = {0};

    if (stream->last_byte_at_us > stream->patient_since_us) {
        if (stream->wanted)
            be_patient(stream);
        return;
    }
    error_set(&err, -ETIMEDOUT, "the stream is silent for %lld ms",
              (long long)web_patience_ms(stream->settings));
    on_lost(stream, &err);
}

/* --- what comes in --- */

static bool on_part(int64_t first_byte_at_mono_us, void *user)
{
    struct stream *stream = user;

    stream->back_off_ms = RECONNECT_FIRST_MS;
    return camera_port_wants(stream->port, first_byte_at_mono_us);
}

static void on_picture(uint8_t *jpeg, size_t len, int64_t first_byte_at_mono_us, void *user)
{
    struct stream *stream = user;

    camera_port_picture(stream->port, jpeg, len, first_byte_at_mono_us);
}

static const struct mjpeg_handler handler = {.on_part = on_part, .on_picture = on_picture};

static bool on_headers(int status, const char *content_type, void *user)
{
    struct stream *stream = user;
    int rc = web_check_status(status, &stream->broken);

    if (rc == 0)
        rc = mjpeg_parser_new(content_type, (size_t)stream->settings->max_bytes, &handler, stream,
                              &stream->parser, &stream->broken);
    if (rc < 0)
        return false;
    stream->last_byte_at_us = clock_mono_us();
    camera_port_contact(stream->port, NULL);
    return true;
}

static void on_data(const uint8_t *data, size_t len, int64_t at_mono_us, void *user)
{
    struct stream *stream = user;
    struct error err = {0};

    stream->last_byte_at_us = at_mono_us;
    if (mjpeg_parser_feed(stream->parser, data, len, at_mono_us, &err) < 0)
        on_lost(stream, &err);
}

static void on_done(int result, const struct http_response *response, const struct error *err,
                    void *user)
{
    struct stream *stream = user;
    struct error ended = {0};

    (void)response;
    stream->request = NULL;
    error_set(&ended, -ECONNRESET, "the camera ended the stream");
    if (stream->broken.code)
        ended = stream->broken;
    else if (result < 0)
        ended = web_advise(err);
    on_lost(stream, &ended);
}

/* --- connecting --- */

static void stream_connect(struct stream *stream)
{
    struct http_request_config config = web_request(stream->settings);
    struct error err = {0};

    timer_stop(stream->reconnect_timer);
    config.idle_timeout_ms = MAX(stream->settings->timeout_ms, (int64_t)STALL_MS);
    config.on_headers = on_headers;
    config.on_data = on_data;
    error_clear(&stream->broken);
    if (http_start(stream->http, &config, on_done, stream, &stream->request, &err) < 0)
        on_lost(stream, &err);
    else
        be_patient(stream);
}

static void on_reconnect(void *user)
{
    stream_connect(user);
}

static void stream_set_warm(void *user, bool warm)
{
    struct stream *stream = user;

    stream->warm = warm;
    if (warm && !stream->request && !timer_active(stream->reconnect_timer))
        stream_connect(stream);
    else if (!warm && !stream->wanted)
        stream_disconnect(stream);
}

static void stream_request(void *user)
{
    struct stream *stream = user;

    stream->wanted = true;
    if (!stream->request)
        stream_connect(stream);
    else if (stream->parser)
        be_patient(stream);
}

static void stream_cancel(void *user)
{
    struct stream *stream = user;

    stream->wanted = false;
    if (!stream->warm)
        stream_disconnect(stream);
}

static void *stream_open(struct camera_port *port, struct loop *loop, struct http *http,
                         const struct camera_settings *settings)
{
    struct stream *stream = xcalloc(1, sizeof(*stream));

    stream->port = port;
    stream->http = http;
    stream->settings = settings;
    stream->back_off_ms = RECONNECT_FIRST_MS;
    stream->reconnect_timer = timer_new(loop, on_reconnect, stream);
    stream->patience = timer_new(loop, on_patience, stream);
    return stream;
}

static void stream_close(void *user)
{
    struct stream *stream = user;

    stream_disconnect(stream);
    timer_free(stream->reconnect_timer);
    timer_free(stream->patience);
    free(stream);
}

const struct camera_driver camera_mjpeg_driver = {
    .kind = "mjpeg",
    .keys = web_keys,
    .check = web_settings_check,
    .open = stream_open,
    .close = stream_close,
    .set_warm = stream_set_warm,
    .request = stream_request,
    .cancel = stream_cancel,
};
