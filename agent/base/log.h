/* SPDX-License-Identifier: MIT */
/* log: one line per event on stderr, "module.event key=value …", free text quoted and last.
 *
 * error: a person must act; warn: degraded, going on; info: a milestone; debug: the rest.
 * Only agent/ logs above debug; the rooms below return errors. Any thread. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "agent/base/common.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);

/* event: "module.what"; fmt: "key=value key=value …" ("" when there is nothing to add). */
void log_write(enum log_level level, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define log_error(event, ...) log_write(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...)  log_write(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_info(event, ...)  log_write(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) log_write(LOG_LEVEL_DEBUG, event, __VA_ARGS__)

#endif
