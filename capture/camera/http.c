/* SPDX-License-Identifier: MIT */
/* http: a still picture per request.
 *
 * The picture counts as captured when the request was sent: what the camera exposes for us it
 * cannot have exposed earlier. One that hands out a stored picture deceives us by that picture's
 * age: say so in latency_ms; when it hands out the same one for ever, stale_after finds it. No
 * cache on the way may answer, and a server that is slow to begin is asked a second time within the
 * budget. */
#include "agent/base/mem.h"
#include "capture/camera/driver.h"
#include "capture/camera/web.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct still {
    struct camera_port *port;
    struct http *http;
    const struct camera_settings *settings;
    struct http_request *request;
    struct timer *patience; /* for the answer to begin */
    struct error given_up;  /* why we did not want the rest of the answer */
};

static void still_cancel(void *user)
{
    struct still *still = user;

    timer_stop(still->patience);
    http_cancel(TAKE(still->request));
}

static void on_patience(void *user)
{
    struct still *still = user;
    struct error err = {0};

    still_cancel(still);
    error_set(&err, -ETIMEDOUT, "the camera does not answer within %lld ms",
              (long long)web_patience_ms(still->settings));
    camera_port_failed(still->port, &err);
}

static bool on_headers(int status, const char *content_type, void *user)
{
    struct still *still = user;

    timer_stop(still->patience);
    if (web_check_status(status, &still->given_up) < 0)
        return false;
    /* A stream never ends: to be known before its body comes. */
    if (content_type && strncasecmp(content_type, "multipart/", 10) == 0)
        error_set(&still->given_up, -EPROTOTYPE, "is a stream: use kind = \"mjpeg\"");
    return still->given_up.code == 0;
}

static void on_done(int result, const struct http_response *response, const struct error *err,
                    void *user)
{
    struct still *still = user;
    struct error failed = web_advise(err);

    timer_stop(still->patience);
    still->request = NULL;
    if (still->given_up.code)
        camera_port_failed(still->port, &still->given_up);
    else if (result < 0)
        camera_port_failed(still->port, &failed);
    else
        camera_port_picture(still->port, xmemdup(response->body, response->body_len),
                            response->body_len, response->sent_at_mono_us);
}

static void still_request(void *user)
{
    struct still *still = user;
    struct http_request_config config = web_request(still->settings);
    struct error err = {0};

    config.timeout_ms = still->settings->timeout_ms;
    config.on_headers = on_headers;
    error_clear(&still->given_up);
    if (http_start(still->http, &config, on_done, still, &still->request, &err) < 0) {
        camera_port_failed(still->port, &err);
        return;
    }
    timer_start(still->patience, web_patience_ms(still->settings));
}

static void *still_open(struct camera_port *port, struct loop *loop, struct http *http,
                        const struct camera_settings *settings)
{
    struct still *still = xcalloc(1, sizeof(*still));

    still->port = port;
    still->http = http;
    still->settings = settings;
    still->patience = timer_new(loop, on_patience, still);
    return still;
}

static void still_close(void *user)
{
    struct still *still = user;

    still_cancel(still);
    timer_free(still->patience);
    free(still);
}

const struct camera_driver camera_http_driver = {
    .kind = "http",
    .keys = web_keys,
    .check = web_settings_check,
    .open = still_open,
    .close = still_close,
    .request = still_request,
    .cancel = still_cancel,
};
