/* SPDX-License-Identifier: MIT */
/* marker: 152 bits as two rows of 76 squares, each a 80th of the picture's width. At 640 pixels a
 * square is exactly one JPEG block. Reading takes the mean of a square's middle and compares it
 * with the middle between the darkest and the brightest square, so that a change of range or
 * contrast on the way through an encoder does no harm. */
#include "tests/sim/marker.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum {
    MAGIC = 0x5ac3,
    CELLS_PER_WIDTH = 80,
    COLUMNS = 76,
    ROWS = 2,
    BITS = COLUMNS * ROWS,
    BYTES = BITS / 8,
    MARGIN_CELLS = 2, /* left and right */
    HEIGHT_CELLS = 4, /* with one cell of margin above and below */
    BLACK = 20,
    GREY = 128,
    WHITE = 235,
    LEAST_CONTRAST = 60,
    LEAST_WIDTH = 3 * CELLS_PER_WIDTH,
};

static uint16_t crc16(const uint8_t *data, size_t len)
{
    uint16_t crc = 0xffff;

    for (size_t i = 0; i < len; i++) {
        crc ^= (uint16_t)(data[i] << 8);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1);
    }
    return crc;
}

static uint8_t *put(uint8_t *out, uint32_t value, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        *out++ = (uint8_t)(value >> (8 * i));
    return out;
}

static uint32_t take(const uint8_t **in, int bytes)
{
    uint32_t value = 0;

    for (int i = 0; i < bytes; i++)
        value = value << 8 | *(*in)++;
    return value;
}

static void encode(const struct marker *m, uint8_t ret_bytes[BYTES])
{
    uint8_t *out = put(ret_bytes, MAGIC, 2);

    out = put(out, m->layer, 2);
    out = put(out, (uint16_t)m->x_dmm, 2);
    out = put(out, (uint16_t)m->y_dmm, 2);
    out = put(out, (uint32_t)(m->paused | m->standing << 1 | m->view << 4), 1);
    out = put(out, m->job, 1);
    out = put(out, m->frame, 3);
    out = put(out, m->time_ms, 4);
    put(out, crc16(ret_bytes, BYTES - 2), 2);
}

static int decode(const uint8_t bytes[BYTES], struct marker *ret_marker)
{
    const uint8_t *in = bytes;
    struct marker m = {0};
    uint32_t flags;

    if (take(&in, 2) != MAGIC)
        return -EBADMSG;
    m.layer = (uint16_t)take(&in, 2);
    m.x_dmm = (int16_t)take(&in, 2);
    m.y_dmm = (int16_t)take(&in, 2);
    flags = take(&in, 1);
    m.paused = flags & 1;
    m.standing = flags >> 1 & 1;
    m.view = (uint8_t)(flags >> 4);
    m.job = (uint8_t)take(&in, 1);
    m.frame = take(&in, 3);
    m.time_ms = take(&in, 4);
    if (take(&in, 2) != crc16(bytes, BYTES - 2))
        return -EBADMSG;
    *ret_marker = m;
    return 0;
}

/* The left or upper edge of cell number index, in pixels of this width. */
static int edge(int width, int index)
{
    return width * index / CELLS_PER_WIDTH;
}

int marker_rows(int width)
{
    return edge(width, HEIGHT_CELLS);
}

static void fill(uint8_t *luma, int stride, int left, int top, int right, int bottom, int value)
{
    for (int y = top; y < bottom; y++)
        memset(luma + (ptrdiff_t)y * stride + left, value, (size_t)(right - left));
}

void marker_draw(uint8_t *luma, int width, int height, int stride, const struct marker *marker)
{
    uint8_t bytes[BYTES];

    if (width < LEAST_WIDTH || height < marker_rows(width))
        return;
    encode(marker, bytes);
    fill(luma, stride, 0, 0, width, marker_rows(width), GREY);
    for (int bit = 0; bit < BITS; bit++) {
        int column = MARGIN_CELLS + bit % COLUMNS, row = 1 + bit / COLUMNS;
        bool white = bytes[bit / 8] >> (7 - bit % 8) & 1;

        fill(luma, stride, edge(width, column), edge(width, row), edge(width, column + 1),
             edge(width, row + 1), white ? WHITE : BLACK);
    }
}

/* The mean of the middle of a cell. */
static int cell_mean(const uint8_t *luma, int width, int stride, int column, int row)
{
    int cell = width / CELLS_PER_WIDTH, inset = cell / 4;
    int left = edge(width, column) + inset, right = edge(width, column + 1) - inset;
    int top = edge(width, row) + inset, bottom = edge(width, row + 1) - inset;
    int sum = 0;

    for (int y = top; y < bottom; y++) {
        for (int x = left; x < right; x++)
            sum += luma[(ptrdiff_t)y * stride + x];
    }
    return sum / ((right - left) * (bottom - top));
}

static int read_cells(const uint8_t *luma, int width, int stride, int ret_cells[BITS])
{
    int darkest = 255, brightest = 0;

    for (int bit = 0; bit < BITS; bit++) {
        int mean = cell_mean(luma, width, stride, MARGIN_CELLS + bit % COLUMNS, 1 + bit / COLUMNS);

        ret_cells[bit] = mean;
        darkest = mean < darkest ? mean : darkest;
        brightest = mean > brightest ? mean : brightest;
    }
    if (brightest - darkest < LEAST_CONTRAST)
        return -EBADMSG;
    return (brightest + darkest) / 2;
}

int marker_read(const uint8_t *luma, int width, int height, int stride, struct marker *ret_marker)
{
    uint8_t bytes[BYTES] = {0};
    int cells[BITS], threshold;

    if (width < LEAST_WIDTH || height < marker_rows(width))
        return -EINVAL;
    threshold = read_cells(luma, width, stride, cells);
    if (threshold < 0)
        return threshold;
    for (int bit = 0; bit < BITS; bit++) {
        if (cells[bit] > threshold)
            bytes[bit / 8] |= (uint8_t)(1 << (7 - bit % 8));
    }
    return decode(bytes, ret_marker);
}
