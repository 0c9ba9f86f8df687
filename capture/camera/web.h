/* SPDX-License-Identifier: MIT */
/* web: what the kinds of cameras that speak HTTP have in common. */
#ifndef CAPTURE_CAMERA_WEB_H
#define CAPTURE_CAMERA_WEB_H

#include "capture/camera/camera.h"

/* The settings that are theirs. */
extern const char *const web_keys[];

/* url is there and is http or https. */
void web_settings_check(const struct camera_settings *settings, struct conf *conf, size_t index);

/* A GET of the camera's URL with its login, past every cache. */
struct http_request_config web_request(const struct camera_settings *settings);

/* How long a camera may keep us waiting for the first sign of an answer. */
int64_t web_patience_ms(const struct camera_settings *settings);

/* The error of a request, with what a user can do about it. */
struct error web_advise(const struct error *err) MUST_CHECK;

/* 0 for a status with a picture behind it; -EACCES, -ENOENT, -EIO, in words. */
int web_check_status(int status, struct error *err) MUST_CHECK;

#endif
