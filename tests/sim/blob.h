/* SPDX-License-Identifier: MIT */
/* blob: bytes that several connections may be sending at the same time; reference counted. */
#ifndef SIM_BLOB_H
#define SIM_BLOB_H

#include "agent/base/common.h"

struct blob {
    int refs;
    size_t len;
    uint8_t *data;
};

/* Takes data (of malloc); the caller holds the first reference. */
struct blob *blob_new(uint8_t *data, size_t len) MUST_CHECK;
struct blob *blob_ref(struct blob *blob);
void blob_unref(struct blob *blob); /* NULL is fine */

#endif
