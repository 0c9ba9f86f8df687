/* SPDX-License-Identifier: MIT */
/* pictures: the simulator's camera is made to be cheap to draw (flat areas); an encoder has an easy
 * time with it, and its figures would flatter. This one takes its time. */
#include "tests/bench/encode/pictures.h"

#include "agent/base/mem.h"
#include "agent/base/path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>
#include <unistd.h>

enum {
    JPEG_QUALITY = 85,
    TEXTURE_LEVELS = 6,   /* from 128 px down to 4 px */
    NOISE_LEVELS = 7,     /* grey levels up and down */
    NOISE_BYTES = 1 << 20 /* drawn from at a random offset */
};

struct painter {
    int width, height;
    uint64_t random;
    uint8_t *room; /* luma of the empty room */
    uint8_t *luma, *chroma_u, *chroma_v;
    int8_t *noise;
    tjhandle encoder;
};

static unsigned draw(struct painter *painter, unsigned limit)
{
    painter->random =
        painter->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(painter->random >> 33) % limit;
}

static uint8_t clip(int value)
{
    return (uint8_t)MIN(MAX(value, 0), 255);
}

/* --- the room --- */

/* Adds a grid of random values, cell px apart, interpolated. */
static void add_texture(struct painter *painter, int *sum, int cell, int amplitude)
{
    int columns = painter->width / cell + 2, rows = painter->height / cell + 2;
    int *grid = xcalloc((size_t)columns * (size_t)rows, sizeof(*grid));

    for (int i = 0; i < columns * rows; i++)
        grid[i] = (int)draw(painter, (unsigned)(2 * amplitude + 1)) - amplitude;
    for (int y = 0; y < painter->height; y++) {
        for (int x = 0; x < painter->width; x++) {
            const int *at = grid + y / cell * columns + x / cell;
            int right = x % cell, down = y % cell;
            int top = at[0] * (cell - right) + at[1] * right;
            int bottom = at[columns] * (cell - right) + at[columns + 1] * right;

            sum[y * painter->width + x] += (top * (cell - down) + bottom * down) / cell / cell;
        }
    }
    free(grid);
}

static void paint_room(struct painter *painter)
{
    size_t count = (size_t)painter->width * (size_t)painter->height;
    int *sum = xcalloc(count, sizeof(*sum));
    int cell = 128, amplitude = 40;

    for (int level = 0; level < TEXTURE_LEVELS; level++) {
        add_texture(painter, sum, cell, amplitude);
        cell /= 2;
        amplitude = amplitude * 3 / 4;
    }
    for (size_t i = 0; i < count; i++)
        painter->room[i] = clip(115 + sum[i] / 2);
    free(sum);
}

/* --- a picture --- */

static void fill(struct painter *painter, int left, int top, int width, int height, int luma,
                 int hue)
{
    int right = MIN(left + width, painter->width), bottom = MIN(top + height, painter->height);
    int half = painter->width / 2;

    for (int y = MAX(top, 0); y < bottom; y++)
        for (int x = MAX(left, 0); x < right; x++) {
            painter->luma[y * painter->width + x] = clip(luma + (x * 7 + y * 13) % 9 - 4);
            painter->chroma_v[y / 2 * half + x / 2] = (uint8_t)hue;
        }
}

static void add_noise(struct painter *painter, int light)
{
    size_t count = (size_t)painter->width * (size_t)painter->height;

    for (size_t i = 0; i < count;) {
        const int8_t *noise = painter->noise + draw(painter, NOISE_BYTES / 2);
        size_t end = MIN(i + NOISE_BYTES / 2, count);

        for (; i < end; i++)
            painter->luma[i] = clip(painter->luma[i] + *noise++ + light);
    }
}

static void paint(struct painter *painter, double done)
{
    int w = painter->width, h = painter->height;
    size_t count = (size_t)w * (size_t)h;
    int grown = (int)(h * 0.55 * done);

    memcpy(painter->luma, painter->room, count);
    memset(painter->chroma_u, 124, count / 4);
    memset(painter->chroma_v, 130, count / 4);
    fill(painter, w / 3, h * 4 / 5 - grown, w / 3, grown, 110, 180);
    fill(painter, (int)draw(painter, (unsigned)(w * 3 / 4)), h * 4 / 5 - grown - h / 8, w / 12,
         h / 8, 60, 110);
    add_noise(painter, (int)draw(painter, 6) - 3);
}

static int write_picture(struct painter *painter, const char *path, struct error *err)
{
    const unsigned char *planes[3] = {painter->luma, painter->chroma_u, painter->chroma_v};
    unsigned char *jpeg = NULL;
    unsigned long len = 0;
    FILE *file = fopen(path, "we");
    bool written;

    if (!file)
        return error_set(err, -errno, "%s: %s", path, strerror(errno));
    if (tjCompressFromYUVPlanes(painter->encoder, planes, painter->width, NULL, painter->height,
                                TJSAMP_420, &jpeg, &len, JPEG_QUALITY, 0) < 0)
        abort();
    written = fwrite(jpeg, 1, len, file) == len;
    tjFree(jpeg);
    if (fclose(file) != 0 || !written)
        return error_set(err, -EIO, "%s: cannot be written", path);
    return 0;
}

/* --- all of them --- */

static void painter_init(struct painter *painter, int width, int height)
{
    size_t count = (size_t)width * (size_t)height;

    *painter = (struct painter){.width = width, .height = height, .random = 1};
    painter->room = xmalloc(count);
    painter->luma = xmalloc(count);
    painter->chroma_u = xmalloc(count / 4);
    painter->chroma_v = xmalloc(count / 4);
    painter->noise = xmalloc(NOISE_BYTES);
    painter->encoder = tjInitCompress();
    for (int i = 0; i < NOISE_BYTES; i++) /* two dice: small values are more frequent */
        painter->noise[i] = (int8_t)((int)draw(painter, NOISE_LEVELS + 1) +
                                     (int)draw(painter, NOISE_LEVELS + 1) - NOISE_LEVELS);
    paint_room(painter);
}

static void painter_done(struct painter *painter)
{
    tjDestroy(painter->encoder);
    free(painter->noise);
    free(painter->chroma_v);
    free(painter->chroma_u);
    free(painter->luma);
    free(painter->room);
}

char *pictures_path(const char *dir, int number)
{
    return xasprintf("%s/frame%08d.jpg", dir, number);
}

static int draw_missing(const char *dir, int width, int height, int distinct, struct error *err)
{
    struct painter painter;
    int rc = 0;

    painter_init(&painter, width, height);
    for (int number = 1; number <= distinct && rc == 0; number++) {
        CLEANUP(free_p) char *path = pictures_path(dir, number);

        if (access(path, R_OK) == 0)
            continue;
        paint(&painter, (double)number / distinct);
        rc = write_picture(&painter, path, err);
    }
    painter_done(&painter);
    return rc;
}

static int link_rest(const char *dir, int distinct, int total, struct error *err)
{
    for (int number = distinct + 1; number <= total; number++) {
        int place = (number - 1) % (2 * distinct);
        int like = place < distinct ? place + 1 : 2 * distinct - place;
        CLEANUP(free_p) char *from = pictures_path(dir, like);
        CLEANUP(free_p) char *to = pictures_path(dir, number);

        if (link(from, to) < 0 && errno != EEXIST)
            return error_set(err, -errno, "%s: %s", to, strerror(errno));
    }
    return 0;
}

int pictures_make(const char *dir, int width, int height, int distinct, int total,
                  struct error *err)
{
    int rc = path_make_dirs(dir, err);

    distinct = MIN(distinct, total);
    if (rc == 0)
        rc = draw_missing(dir, width, height, distinct, err);
    return rc < 0 ? rc : link_rest(dir, distinct, total, err);
}
