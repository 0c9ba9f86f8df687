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
