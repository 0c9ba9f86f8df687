/* SPDX-License-Identifier: MIT */
/* pattern: a camera that needs none: colour bars, the time (UTC), a bar that moves and a counter,
 * so that a person sees at a glance whether a video runs, in order and without gaps.
 *
 * It behaves like a camera of `fps`: a picture is captured at the next tick, drawn then and only
 * when somebody asked. Drawing and compressing 1080p takes some 10 ms and happens on a worker. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "capture/camera/driver.h"
#include "capture/jpeg.h"

#include <stdlib.h>
#include <string.h>

enum {
    DEFAULT_WIDTH = 640,
    DEFAULT_HEIGHT = 480,
    QUALITY = 85,
    SWEEP_MS = 4000, /* of the moving bar, from one side to the other */
    COUNTER_BITS = 16,
};

/* --- drawing --- */

struct canvas {
    uint8_t *y, *u, *v; /* 4:2:0, in one block that begins at y */
    int width, height;  /* even */
};

struct colour {
    uint8_t y, u, v;
};

static const struct colour black = {16, 128, 128}, white = {235, 128, 128}, grey = {60, 128, 128};

static void fill_plane(uint8_t *plane, int stride, int x, int y, int width, int height,
                       uint8_t value)
{
    for (int row = y; row < y + height; row++)
        memset(plane + (size_t)row * (size_t)stride + x, value, (size_t)width);
}

/* Cut to the canvas, and to even pixels. */
static void fill(const struct canvas *canvas, int x, int y, int width, int height,
                 struct colour colour)
{
    int right = MIN(x + width, canvas->width) / 2, bottom = MIN(y + height, canvas->height) / 2;
    int left = MAX(x, 0) / 2, top = MAX(y, 0) / 2;

    if (right <= left || bottom <= top)
        return;
    fill_plane(canvas->y, canvas->width, left * 2, top * 2, (right - left) * 2, (bottom - top) * 2,
               colour.y);
    fill_plane(canvas->u, canvas->width / 2, left, top, right - left, bottom - top, colour.u);
    fill_plane(canvas->v, canvas->width / 2, left, top, right - left, bottom - top, colour.v);
}

static void draw_bars(const struct canvas *canvas, int height)
{
    static const struct colour bars[] = {{180, 128, 128}, {162, 44, 142}, {131, 156, 44},
                                         {112, 72, 58},   {84, 184, 198}, {65, 100, 212},
                                         {35, 212, 114}};
    const int count = ARRAY_LEN(bars);

    for (int i = 0; i < count; i++)
        fill(canvas, canvas->width * i / count, 0, canvas->width / count + 2, height, bars[i]);
}

/* One digit or colon of seven segments in a cell of size × 2 size. */
static void draw_digit(const struct canvas *canvas, char c, int x, int y, int size)
{
    /* bits: top, upper left, upper right, middle, lower left, lower right, bottom */
    static const uint8_t segments[] = {0x77, 0x24, 0x5d, 0x6d, 0x2e, 0x6b, 0x7b, 0x25, 0x7f, 0x6f};
    const int thick = MAX(size / 5, 2);
    const int boxes[][4] = {
        {0, 0, size, thick},
        {0, 0, thick, size},
        {size - thick, 0, thick, size},
        {0, size - thick / 2, size, thick},
        {0, size, thick, size},
        {size - thick, size, thick, size},
        {0, 2 * size - thick, size, thick},
    };

    if (c == ':') {
        fill(canvas, x + size / 2, y + size / 2, thick, thick, white);
        fill(canvas, x + size / 2, y + size + size / 2, thick, thick, white);
    }
    for (int i = 0; c >= '0' && c <= '9' && i < (int)ARRAY_LEN(boxes); i++)
        if (segments[c - '0'] >> i & 1)
            fill(canvas, x + boxes[i][0], y + boxes[i][1], boxes[i][2], boxes[i][3], white);
}

static void draw_clock(const struct canvas *canvas, int64_t wall_ms)
{
    enum { TIME_AT = 11, TIME_LEN = 10 }; /* "12:00:00.1" of the date and time */
    char text[CLOCK_RFC3339_LEN];
    const int pitch = canvas->width / 16, size = pitch * 2 / 3;
    const int y = canvas->height / 4;

    clock_format_rfc3339(wall_ms, text);
    fill(canvas, 2 * pitch, y - pitch / 2, (TIME_LEN + 2) * pitch, 2 * size + pitch, black);
    for (int i = 0; i < TIME_LEN; i++)
        draw_digit(canvas, text[TIME_AT + i], (3 + i) * pitch, y, size);
}

static void draw_moving_bar(const struct canvas *canvas, int64_t wall_ms, int y, int height)
{
    const int bar = canvas->width / 32;
    const int x = (int)(wall_ms % SWEEP_MS * (canvas->width - bar) / SWEEP_MS);

    fill(canvas, 0, y, canvas->width, height, grey);
    fill(canvas, x, y, bar, height, white);
}

static void draw_counter(const struct canvas *canvas, uint32_t count, int y, int height)
{
    const int pitch = canvas->width / COUNTER_BITS;

    for (int i = 0; i < COUNTER_BITS; i++)
        fill(canvas, pitch * i, y, pitch, height,
             count >> (COUNTER_BITS - 1 - i) & 1 ? white : black);
}

static void draw(const struct canvas *canvas, int64_t wall_ms, uint32_t count)
{
    const int third = canvas->height / 3;

    draw_bars(canvas, 2 * third);
    draw_clock(canvas, wall_ms);
    draw_moving_bar(canvas, wall_ms, 2 * third, third / 2);
    draw_counter(canvas, count, 2 * third + third / 2, canvas->height - 2 * third - third / 2);
}

static int draw_jpeg(int width, int height, int64_t wall_ms, uint32_t count, uint8_t **ret_jpeg,
                     size_t *ret_len, struct error *err)
{
    size_t luma = (size_t)width * (size_t)height;
    CLEANUP(free_p) uint8_t *planes = xcalloc(luma + luma / 2, 1);
    struct canvas canvas = {.y = planes,
                            .u = planes + luma,
                            .v = planes + luma + luma / 4,
                            .width = width,
                            .height = height};

    draw(&canvas, wall_ms, count);
    return jpeg_compress_yuv420(planes, width, height, QUALITY, ret_jpeg, ret_len, err);
}

/* --- the camera --- */

struct pattern {
    struct camera_port *port;
    struct loop *loop;
    const struct camera_settings *settings;
    struct timer *tick;
    uint32_t count;
    struct drawing *drawing; /* on the worker and wanted */
};

struct drawing {
    struct pattern *pattern; /* NULL: not wanted any more */
    int width, height;
    uint32_t count;
    int64_t captured_at_mono_us, wall_ms;
    int result;
    uint8_t *jpeg;
    size_t len;
    struct error err;
};

static void run_drawing(void *user)
{
    struct drawing *drawing = user;

    drawing->result = draw_jpeg(drawing->width, drawing->height, drawing->wall_ms, drawing->count,
                                &drawing->jpeg, &drawing->len, &drawing->err);
}

static void on_drawn(void *user)
{
    struct drawing *drawing = user;
    struct pattern *pattern = drawing->pattern;

    if (pattern)
        pattern->drawing = NULL;
    if (pattern && drawing->result == 0)
        camera_port_picture(pattern->port, TAKE(drawing->jpeg), drawing->len,
                            drawing->captured_at_mono_us);
    else if (pattern)
        camera_port_failed(pattern->port, &drawing->err);
    free(drawing->jpeg);
    free(drawing);
}

static void on_tick(void *user)
{
    struct pattern *pattern = user;
    struct drawing *drawing = xcalloc(1, sizeof(*drawing));

    drawing->pattern = pattern;
    drawing->width = (int)(pattern->settings->width ? pattern->settings->width : DEFAULT_WIDTH);
    drawing->height = (int)(pattern->settings->height ? pattern->settings->height : DEFAULT_HEIGHT);
    drawing->count = pattern->count++;
    drawing->captured_at_mono_us = clock_mono_us();
    drawing->wall_ms = clock_wall_ms();
    pattern->drawing = drawing;
    loop_work(pattern->loop, run_drawing, on_drawn, drawing);
}

static void pattern_request(void *user)
{
    struct pattern *pattern = user;
    int64_t period_ms = MAX((int64_t)(1000 / MAX(pattern->settings->fps, 0.1)), (int64_t)1);

    timer_start(pattern->tick, period_ms - clock_mono_ms() % period_ms);
}

static void pattern_cancel(void *user)
{
    struct pattern *pattern = user;

    timer_stop(pattern->tick);
    if (pattern->drawing)
        TAKE(pattern->drawing)->pattern = NULL;
}

static void pattern_check(const struct camera_settings *settings, struct conf *conf, size_t index)
{
    if (settings->width % 2 || settings->height % 2)
        conf_problem(conf, &camera_table, index, settings->width % 2 ? "width" : "height",
                     "a pattern needs an even width and height");
    if ((settings->width && settings->width < 64) || (settings->height && settings->height < 64))
        conf_problem(conf, &camera_table, index, "width", "a pattern needs at least 64x64 pixels");
}

static void *pattern_open(struct camera_port *port, struct loop *loop, struct http *http,
                          const struct camera_settings *settings)
{
    struct pattern *pattern = xcalloc(1, sizeof(*pattern));

    (void)http;
    pattern->port = port;
    pattern->loop = loop;
    pattern->settings = settings;
    pattern->tick = timer_new(loop, on_tick, pattern);
    return pattern;
}

static void pattern_close(void *user)
{
    struct pattern *pattern = user;

    pattern_cancel(pattern);
    timer_free(pattern->tick);
    free(pattern);
}

static const char *const pattern_keys[] = {"fps", NULL};

const struct camera_driver camera_pattern_driver = {
    .kind = "pattern",
    .keys = pattern_keys,
    .check = pattern_check,
    .open = pattern_open,
    .close = pattern_close,
    .request = pattern_request,
    .cancel = pattern_cancel,
};
