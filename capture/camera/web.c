/* SPDX-License-Identifier: MIT */
#include "capture/camera/web.h"

#include "agent/base/str.h"

#include <errno.h>
#include <strings.h>

const char *const web_keys[] = {"url", "user", "password", "ca_file", NULL};

void web_settings_check(const struct camera_settings *settings, struct conf *conf, size_t index)
{
    struct error err = {0};

    if (!settings->url)
        conf_problem(conf, &camera_table, index, "url", "url is required for kind = \"%s\"",
                     camera_kinds[settings->kind]);
    else if (str_starts_with(settings->url, "rtsp") || str_starts_with(settings->url, "rtmp"))
        conf_problem(conf, &camera_table, index, "url",
                     "kind = \"%s\" is for http and https; kind = \"stream\" reads RTSP and RTMP",
                     camera_kinds[settings->kind]);
    else if (http_check_url(settings->url, &err) < 0)
        conf_problem(conf, &camera_table, index, "url", "%s", err.text);
    if (settings->password && !settings->user)
        conf_problem(conf, &camera_table, index, "password", "a password needs a user");
    if (settings->ca_file && settings->url && strncasecmp(settings->url, "https://", 8) != 0)
        conf_problem(conf, &camera_table, index, "ca_file", "the url is not https");
}

struct http_request_config web_request(const struct camera_settings *settings)
{
    static const char *const headers[] = {"Accept: image/jpeg, multipart/x-mixed-replace, */*",
                                          "Cache-Control: no-cache", "Pragma: no-cache", NULL};

    return (struct http_request_config){
        .url = settings->url,
        .headers = headers,
        .user = settings->user,
        .password = settings->password,
        .ca_file = settings->ca_file,
        .connect_timeout_ms = web_patience_ms(settings),
        .max_body_bytes = (size_t)settings->max_bytes,
    };
}

int64_t web_patience_ms(const struct camera_settings *settings)
{
    return MAX(settings->timeout_ms / 2, 1);
}

struct error web_advise(const struct error *err)
{
    struct error advised = *err;

    if (err->code == -EKEYREJECTED)
        error_set(&advised, err->code,
                  "%s; set ca_file to a file with its certificate or its "
                  "maker's, and the url to the name in it",
                  err->text);
    return advised;
}

int web_check_status(int status, struct error *err)
{
    switch (status) {
    case 200:
        return 0;
    case 401:
        return error_set(err, -EACCES, "the camera refuses the login; set user and password");
    case 403:
        return error_set(err, -EACCES, "the camera forbids it (HTTP 403)");
    case 404:
        return error_set(err, -ENOENT, "the camera has nothing at this url (HTTP 404)");
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        return error_set(err, -EIO, "the camera sends us elsewhere (HTTP %d); set the final url",
                         status);
    default:
        return error_set(err, -EIO, "the camera answers with HTTP %d", status);
    }
}
