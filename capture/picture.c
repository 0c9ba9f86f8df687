/* SPDX-License-Identifier: MIT */
#include "capture/picture.h"

#include "agent/base/mem.h"

#include <assert.h>
#include <stdlib.h>

struct picture *picture_new(uint8_t *jpeg, size_t len)
{
    struct picture *picture = xcalloc(1, sizeof(*picture));

    picture->refs = 1;
    picture->jpeg = jpeg;
    picture->len = len;
    return picture;
}

struct picture *picture_ref(struct picture *picture)
{
    picture->refs++;
    return picture;
}

void picture_unref(struct picture *picture)
{
    if (!picture)
        return;
    assert(picture->refs > 0);
    if (--picture->refs > 0)
        return;
    free(picture->jpeg);
    free(picture);
}
