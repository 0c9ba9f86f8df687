/* SPDX-License-Identifier: MIT */
/* look: the decode is scaled by the DCT. 1/8 is enough for the brightness; when a preview is wanted
 * its larger scale serves both, which is cheaper than two decodes: reading the entropy coding is
 * most of the work of either. */
#include "capture/look.h"

#include "agent/base/mem.h"
#include "capture/jpeg.h"

#include <stdlib.h>

enum {
    BLACK_MEAN_MAX = 16,
    BLACK_SPREAD_MAX = 8, /* standard deviation; sensors' noise stays below */
    WHITE_MIN = 250,
    WHITE_PERCENT_MIN = 60,
};

struct work {
    struct picture *picture;
    int preview_px;
    int result; /* of the decode */
    struct look look;
    bool damaged;
    struct picture_pixels pixels;
};

static unsigned luma_of(const uint8_t *rgb)
{
    return (77u * rgb[0] + 150u * rgb[1] + 29u * rgb[2] + 128u) >> 8; /* ITU-R BT.601 */
}

struct look look_at(const struct picture_pixels *pixels)
{
    size_t count = (size_t)pixels->width * (size_t)pixels->height;
    uint64_t sum = 0, squares = 0, white = 0;
    struct look look = {0};
    double mean, variance;

    if (count == 0)
        return look;
    for (size_t i = 0; i < count; i++) {
        unsigned luma = luma_of(pixels->rgb + 3 * i);

        sum += luma;
        squares += (uint64_t)luma * luma;
        white += luma >= WHITE_MIN;
    }
    mean = (double)sum / (double)count;
    variance = (double)squares / (double)count - mean * mean;
    look.brightness = (int)(mean + 0.5);
    if (mean <= BLACK_MEAN_MAX && variance <= BLACK_SPREAD_MAX * BLACK_SPREAD_MAX)
        look.flags |= PICTURE_BLACK;
    if (white * 100 >= count * WHITE_PERCENT_MIN)
        look.flags |= PICTURE_OVEREXPOSED;
    return look;
}

static void run_look(void *user)
{
    struct work *work = user;
    const struct picture *picture = work->picture;

    work->result = jpeg_decode(picture->jpeg, picture->len, work->preview_px, &work->pixels,
                               &work->damaged, NULL);
    if (work->result == 0)
        work->look = look_at(&work->pixels);
}

static void note(struct work *work)
{
    struct picture *picture = work->picture;

    picture->looking = false;
    if (work->result < 0 || work->damaged)
        picture->flags |= PICTURE_DAMAGED;
    if (work->result < 0)
        return;
    picture->brightness = work->look.brightness;
    picture->flags |= work->look.flags;
    if (work->preview_px > 0) {
        picture->preview = work->pixels;
        work->pixels = (struct picture_pixels){0};
    }
}

/* A waiter may leave, and take others with it, from inside its call. */
static void tell(struct picture *picture)
{
    struct picture_waiter *waiter;

    while ((waiter = LIST_FIRST(&picture->waiters, struct picture_waiter, link))) {
        list_remove(&waiter->link);
        waiter->on_looked(waiter->user);
    }
}

static void on_look(void *user)
{
    struct work *work = user;

    note(work);
    tell(work->picture);
    picture_unref(work->picture);
    picture_pixels_done(&work->pixels);
    free(work);
}

void look_start(struct loop *loop, struct picture *picture, int preview_px)
{
    struct work *work = xcalloc(1, sizeof(*work));

    work->picture = picture_ref(picture);
    work->preview_px = preview_px;
    picture->looking = true;
    loop_work(loop, run_look, on_look, work);
}
