/* SPDX-License-Identifier: MIT */
#include "capture/picture.h"

#include "agent/base/mem.h"

#include <assert.h>
#include <stdlib.h>

const char *const picture_flag_words[] = {"black",   "overexposed", "frozen",
                                          "resized", "damaged",     NULL};

_Static_assert(ARRAY_LEN(picture_flag_words) == PICTURE_FLAG_COUNT + 1, "a word for each flag");

void picture_pixels_done(struct picture_pixels *pixels)
{
    free(TAKE(pixels->rgb));
}

struct picture *picture_new(uint8_t *jpeg, size_t len)
{
    struct picture *picture = xcalloc(1, sizeof(*picture));

    picture->refs = 1;
    picture->jpeg = jpeg;
    picture->len = len;
    picture->brightness = -1;
    list_init(&picture->waiters);
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
    picture_pixels_done(&picture->preview);
    raw_unref(picture->raw);
    free(picture->jpeg);
    free(picture);
}

void picture_waiter_init(struct picture_waiter *waiter, void (*on_looked)(void *user), void *user)
{
    list_init(&waiter->link);
    waiter->on_looked = on_looked;
    waiter->user = user;
}

bool picture_await(struct picture *picture, struct picture_waiter *waiter)
{
    if (!picture->looking)
        return false;
    list_append(&picture->waiters, &waiter->link);
    return true;
}

void picture_waiter_done(struct picture_waiter *waiter)
{
    list_remove(&waiter->link);
}
