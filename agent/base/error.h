/* SPDX-License-Identifier: MIT */
/* error: the sentence for people that travels beside a negative errno.
 *
 * A function that can fail returns -errno and fills its optional last parameter:
 *     return error_set(err, -EIO, "camera '%s': HTTP %ld", name, status);
 * The text names the thing and, where a user can act, what to do next. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "agent/base/common.h"

struct error {
    int code; /* negative errno; 0 = no error */
    char text[512];
};

/* Fills err (NULL is fine) and returns code. Text too long is cut. */
int error_set(struct error *err, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "what: " in front of the text that is there. Returns err's code. */
int error_prefix(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

void error_clear(struct error *err);

#endif
