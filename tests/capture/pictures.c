/* SPDX-License-Identifier: MIT */
#include "tests/capture/pictures.h"

#include "agent/base/mem.h"
#include "capture/jpeg.h"

#include <stdlib.h>
#include <string.h>

uint8_t *picture_make(int width, int height, int seed, size_t *ret_len)
{
    size_t luma = (size_t)width * (size_t)height;
    size_t chroma = luma / 4;
    CLEANUP(free_p) uint8_t *planes = xmalloc(luma + 2 * chroma);
    uint32_t noise = (uint32_t)seed * 2654435761u + 1;
    uint8_t *jpeg = NULL;

    for (size_t i = 0; i < luma + 2 * chroma; i++) {
        noise = noise * 1664525u + 1013904223u;
        planes[i] = (uint8_t)(60 + (i % (size_t)width) * 100 / (size_t)width + (noise >> 26));
    }
    if (jpeg_compress_yuv420(planes, width, height, 80, &jpeg, ret_len, NULL) < 0)
        abort();
    return jpeg;
}

uint8_t *picture_make_grey(int width, int height, int grey, size_t *ret_len)
{
    size_t luma = (size_t)width * (size_t)height;
    CLEANUP(free_p) uint8_t *planes = xmalloc(luma * 3 / 2);
    uint8_t *jpeg = NULL;

    memset(planes, grey, luma);
    memset(planes + luma, 128, luma / 2);
    if (jpeg_compress_yuv420(planes, width, height, 80, &jpeg, ret_len, NULL) < 0)
        abort();
    return jpeg;
}

uint8_t *picture_with_segment(const uint8_t *jpeg, size_t len, int marker, const void *data,
                              size_t data_len, size_t *ret_len)
{
    uint8_t *all = xmalloc(len + data_len + 4);

    memcpy(all, jpeg, 2);
    all[2] = 0xFF;
    all[3] = (uint8_t)marker;
    all[4] = (uint8_t)((data_len + 2) >> 8);
    all[5] = (uint8_t)(data_len + 2);
    memcpy(all + 6, data, data_len);
    memcpy(all + 6 + data_len, jpeg + 2, len - 2);
    *ret_len = len + data_len + 4;
    return all;
}

/* Big-endian TIFF, one entry: tag 0x0112, SHORT, 1 value, 6. */
const uint8_t picture_exif_lying[] = {'E', 'x', 'i', 'f', 0, 0,    'M',  'M', 0, 42, 0,
                                      0,   0,   8,   0,   1, 0x01, 0x12, 0,   3, 0,  0,
                                      0,   1,   0,   6,   0, 0,    0,    0,   0, 0};
const size_t picture_exif_lying_len = sizeof(picture_exif_lying);
