/* SPDX-License-Identifier: MIT */
/* jpeg: is this a whole JPEG, and how large; its pixels; pictures made of pixels. The door to
 * libjpeg-turbo (TurboJPEG API). */
#ifndef CAPTURE_JPEG_H
#define CAPTURE_JPEG_H

#include "agent/base/error.h"
#include "capture/picture.h"

struct jpeg_info {
    int width, height;
    size_t len; /* up to and with EOI; what follows is padding or not ours, to be dropped */
    size_t exif_at, exif_len; /* from "Exif" on, in the first APP1 that has it; len 0 = none */
};

/* Walks the markers from SOI through every scan to EOI: finds truncation, HTML, PNG, empty bodies,
 * absurd sizes and most garbage in well under a millisecond. Bytes after EOI are tolerated.
 * -EBADMSG; err says what was found instead ("HTML page", "cut after 1200 bytes" …). At most 50 MP,
 * baseline or progressive, grey or colour: what the video encoder takes, too. */
int jpeg_check(const uint8_t *data, size_t len, struct jpeg_info *ret_info,
               struct error *err) MUST_CHECK;

/* Its pixels at the largest of the scales 1/1 1/2 1/4 1/8 whose longer side is at most max_px, and
 * at 1/8 when none is. damaged: a part of it could not be understood, which jpeg_check() cannot
 * see, and is grey or shifted. -EBADMSG: nothing could. The caller frees with
 * picture_pixels_done(). Blocks for some milliseconds: worker threads. */
int jpeg_decode(const uint8_t *data, size_t len, int max_px, struct picture_pixels *ret_pixels,
                bool *ret_damaged, struct error *err) MUST_CHECK;

/* A JPEG of the pixels whose longer side is at most max_px, at most max_bytes: quality, then size
 * go down until it fits. -EMSGSIZE: cannot be made so small. The caller frees. Blocks for some
 * milliseconds: worker threads. */
int jpeg_shrink(const struct picture_pixels *pixels, int max_px, size_t max_bytes,
                uint8_t **ret_data, size_t *ret_len, struct error *err) MUST_CHECK;

/* The picture turned, without decoding it and so without loss. An edge that is no whole block (8 or
 * 16 px, by the colour subsampling) cannot be turned so and is cut off: 1920x1080 of 4:2:0 upside
 * down is 1920x1072. The orientation of its EXIF is set to upright. turn: see turn.h. -EBADMSG. The
 * caller frees. Blocks: worker threads. */
int jpeg_turn(const uint8_t *data, size_t len, unsigned turn, uint8_t **ret_data,
              struct jpeg_info *ret_info, struct error *err) MUST_CHECK;

/* Compresses planar 4:2:0 (Y, U, V without padding) of even width and height; quality 1–100. The
 * caller frees. -EINVAL. Blocks: worker threads. */
int jpeg_compress_yuv420(const uint8_t *planes, int width, int height, int quality,
                         uint8_t **ret_data, size_t *ret_len, struct error *err) MUST_CHECK;

/* Pixels as cameras bring them uncompressed. */
enum jpeg_pixel_kind {
    JPEG_PIXELS_YUYV, /* 4:2:2: Y0 U Y1 V */
    JPEG_PIXELS_RGB,
    JPEG_PIXELS_BGR,
};
struct jpeg_pixels {
    enum jpeg_pixel_kind kind;
    bool full_range; /* YUYV: 0–255 instead of 16–235 (ITU-R BT.601) */
    const uint8_t *data;
    size_t len, stride; /* bytes; stride from one row to the next */
    int width, height;
};
/* The same for these: 4:2:2 of YUYV (whose width must be even), else 4:2:0. */
int jpeg_compress_pixels(const struct jpeg_pixels *pixels, int quality, uint8_t **ret_data,
                         size_t *ret_len, struct error *err) MUST_CHECK;

#endif
