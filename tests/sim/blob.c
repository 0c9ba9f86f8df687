/* SPDX-License-Identifier: MIT */
#include "tests/sim/blob.h"

#include "agent/base/mem.h"

#include <stdlib.h>

struct blob *blob_new(uint8_t *data, size_t len)
{
    struct blob *blob = xmalloc(sizeof(*blob));

    *blob = (struct blob){.refs = 1, .len = len, .data = data};
    return blob;
}

struct blob *blob_ref(struct blob *blob)
{
    blob->refs++;
    return blob;
}

void blob_unref(struct blob *blob)
{
    if (!blob || --blob->refs > 0)
        return;
    free(blob->data);
    free(blob);
}
