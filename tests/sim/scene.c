/* SPDX-License-Identifier: MIT */
/* scene: speed is the point. The background is painted once, in a few copies with different sensor
 * noise; a frame costs one copy of it and a handful of rectangles. Which copy is taken changes from
 * frame to frame, so that an encoder sees noise that moves. */
#include "tests/sim/scene.h"

#include "agent/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { BACKGROUNDS = 4, MARKED_STRIPES = 400 };

struct colour {
    uint8_t y, u, v;
};

static const struct colour WALL = {150, 128, 128}, FLOOR = {90, 124, 130}, BED = {60, 130, 126},
                           RAIL = {200, 128, 128}, HEAD = {40, 120, 150}, NOZZLE = {170, 100, 150},
                           PLA = {110, 100, 190}, PLA_2 = {125, 102, 186},
                           GROWING = {160, 104, 180};

struct scene_painter {
    int view;
    struct picture backgrounds[BACKGROUNDS];
    struct picture picture;
    unsigned frame;
};

static size_t luma_bytes(const struct picture *picture)
{
    return (size_t)picture->width * (size_t)picture->height;
}

void picture_init(struct picture *picture, int width, int height)
{
    size_t bytes = (size_t)width * (size_t)height;

    picture->width = width;
    picture->height = height;
    picture->y = xmalloc(bytes + bytes / 2);
    picture->u = picture->y + bytes;
    picture->v = picture->u + bytes / 4;
}

void picture_done(struct picture *picture)
{
    free(picture->y);
}

static void fill_plane(uint8_t *plane, int stride, int left, int top, int right, int bottom,
                       uint8_t value)
{
    for (int y = top; y < bottom; y++)
        memset(plane + (ptrdiff_t)y * stride + left, value, (size_t)(right - left));
}

static int clip_even(int value, int limit)
{
    return MIN(MAX(value, 0), limit) & ~1;
}

static void fill(struct picture *picture, int left, int top, int right, int bottom,
                 struct colour colour)
{
    int half = picture->width / 2;

    left = clip_even(left, picture->width);
    right = clip_even(right, picture->width);
    top = clip_even(top, picture->height);
    bottom = clip_even(bottom, picture->height);
    if (left >= right || top >= bottom)
        return;
    fill_plane(picture->y, picture->width, left, top, right, bottom, colour.y);
    fill_plane(picture->u, half, left / 2, top / 2, right / 2, bottom / 2, colour.u);
    fill_plane(picture->v, half, left / 2, top / 2, right / 2, bottom / 2, colour.v);
}

/* --- where things are --- */

static int part(int whole, double share)
{
    return (int)(whole * share);
}

/* A square bed seen from above, in the middle below the marker. */
static void top_point(const struct picture *picture, double x, double y, int *ret_x, int *ret_y)
{
    int side = part(picture->height, 0.8);

    *ret_x = (picture->width - side) / 2 + part(side, x);
    *ret_y = part(picture->height, 0.97) - part(side, y);
}

/* The front of the bed is a line; z goes up from there. */
static void front_point(const struct picture *picture, double x, double z, int *ret_x, int *ret_y)
{
    *ret_x = part(picture->width, 0.2 + 0.6 * x);
    *ret_y = part(picture->height, 0.85 - 0.45 * z);
}

/* --- background --- */

static void paint_static(int view, struct picture *picture)
{
    int w = picture->width, h = picture->height, left, top, right, bottom;

    fill(picture, 0, 0, w, h, view == 0 ? WALL : FLOOR);
    if (view == 0) {
        fill(picture, 0, part(h, 0.88), w, h, FLOOR);
        fill(picture, part(w, 0.12), part(h, 0.15), part(w, 0.14), part(h, 0.9), RAIL);
        fill(picture, part(w, 0.86), part(h, 0.15), part(w, 0.88), part(h, 0.9), RAIL);
        front_point(picture, 0, 0, &left, &top);
        front_point(picture, 1, 0, &right, &bottom);
        fill(picture, left, top, right, top + part(h, 0.03), BED);
    } else {
        top_point(picture, 0, 1, &left, &top);
        top_point(picture, 1, 0, &right, &bottom);
        fill(picture, left, top, right, bottom, BED);
    }
}

static void add_noise(struct picture *picture, int noise, uint64_t *random)
{
    size_t count = luma_bytes(picture);

    for (size_t i = 0; noise > 0 && i < count; i++) {
        int grey = picture->y[i];

        *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        grey += (int)(*random >> 33) % (2 * noise + 1) - noise;
        picture->y[i] = (uint8_t)MIN(MAX(grey, 0), 255);
    }
}

struct scene_painter *scene_painter_new(int view, int width, int height, int noise, uint64_t seed)
{
    struct scene_painter *painter = xcalloc(1, sizeof(*painter));
    uint64_t random = seed + (uint64_t)view;

    painter->view = view;
    for (int i = 0; i < BACKGROUNDS; i++) {
        picture_init(&painter->backgrounds[i], width, height);
        paint_static(view, &painter->backgrounds[i]);
        add_noise(&painter->backgrounds[i], noise, &random);
    }
    picture_init(&painter->picture, width, height);
    return painter;
}

void scene_painter_free(struct scene_painter *painter)
{
    if (!painter)
        return;
    for (int i = 0; i < BACKGROUNDS; i++)
        picture_done(&painter->backgrounds[i]);
    picture_done(&painter->picture);
    free(painter);
}

/* --- what moves --- */

static double share_done(const struct scene *scene)
{
    return scene->layers_total > 0 ? scene->layers_done / scene->layers_total : 0;
}

static void paint_front_object(struct picture *picture, const struct scene *scene)
{
    int stripes = MIN(scene->layers_total, MARKED_STRIPES);
    int left, right, bottom, top;

    front_point(picture, 0.25, 0, &left, &bottom);
    for (int i = 0; i < stripes; i++) {
        double done = share_done(scene) * stripes - i;

        if (done <= 0)
            break;
        front_point(picture, 0.75, (double)(i + 1) / stripes, &right, &top);
        if (done < 1)
            right = left + part(right - left, done);
        fill(picture, left, top, right, bottom, done < 1 ? GROWING : i % 2 ? PLA : PLA_2);
        bottom = top & ~1;
    }
}

static void paint_front_head(struct picture *picture, const struct scene *scene)
{
    int unit = picture->width / 40, x, y;

    front_point(picture, scene->head_mm[0] / scene->bed_mm, share_done(scene), &x, &y);
    fill(picture, part(picture->width, 0.13), y - 3 * unit, part(picture->width, 0.87),
         y - 3 * unit + unit / 2, RAIL);
    fill(picture, x - unit, y - 4 * unit, x + unit, y - unit, HEAD);
    fill(picture, x - unit / 4, y - unit, x + unit / 4, y, NOZZLE);
}

static void paint_top(struct picture *picture, const struct scene *scene)
{
    int unit = picture->width / 40, left, top, right, bottom, x, y;

    top_point(picture, 0.25, 0.75, &left, &top);
    top_point(picture, 0.75, 0.25, &right, &bottom);
    if (scene->layers_done > 0)
        fill(picture, left, top, right, bottom, scene->layer % 2 ? PLA : PLA_2);
    top_point(picture, scene->head_mm[0] / scene->bed_mm, scene->head_mm[1] / scene->bed_mm, &x,
              &y);
    fill(picture, x - unit, y - unit, x + unit, y + unit, HEAD);
    fill(picture, x - unit / 4, y - unit / 4, x + unit / 4, y + unit / 4, NOZZLE);
}

struct picture *scene_paint(struct scene_painter *painter, const struct scene *scene)
{
    struct picture *picture = &painter->picture;
    const struct picture *background = &painter->backgrounds[painter->frame++ % BACKGROUNDS];

    memcpy(picture->y, background->y, luma_bytes(picture) * 3 / 2);
    if (painter->view == 0) {
        paint_front_object(picture, scene);
        paint_front_head(picture, scene);
    } else {
        paint_top(picture, scene);
    }
    return picture;
}
