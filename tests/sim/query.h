/* SPDX-License-Identifier: MIT */
/* query: the parameters of a request target, decoded as strictly as the firmware does or not. */
#ifndef SIM_QUERY_H
#define SIM_QUERY_H

#include "agent/base/common.h"

enum { QUERY_PARAMS_MAX = 16, QUERY_TEXT_MAX = 2048 };

struct query_param {
    const char *name, *value; /* into text */
};

struct query {
    struct query_param params[QUERY_PARAMS_MAX];
    int count;
    char text[QUERY_TEXT_MAX];
};

/* strict: percent escapes with upper-case hex only, as in RepRapFirmware. -EILSEQ: a bad escape;
 * -E2BIG: too many parameters or too much text. */
int query_parse(const char *raw, bool strict, struct query *ret_query) MUST_CHECK;

/* NULL when it is not there. */
const char *query_get(const struct query *query, const char *name);
/* fallback when it is not there or no number. */
int64_t query_get_int(const struct query *query, const char *name, int64_t fallback);

#endif
