/* SPDX-License-Identifier: MIT */
/* jpeg: trust no camera.
 *
 * One empty or cut picture ends a whole video silently when it reaches the encoder, so each is
 * walked before it counts. The walk looks at every marker, also between and inside the scans: a
 * 1080p picture costs some 40 µs, and it tells the real end from the EOI of an embedded thumbnail,
 * drops what phones append behind it, and sees most garbage in the middle, because random bytes
 * soon contain a marker that has no business there. What it cannot see, decoding does; that costs
 * milliseconds and happens on a worker when it is looked at (look.c). */
#include "capture/jpeg.h"

#include "agent/base/mem.h"
#include "capture/exif.h"
#include "capture/turn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

enum {
    MARKER_SOF0 = 0xC0,
    MARKER_SOF2 = 0xC2,
    MARKER_DHT = 0xC4,
    MARKER_JPG = 0xC8,
    MARKER_DAC = 0xCC,
    MARKER_SOF15 = 0xCF,
    MARKER_RST0 = 0xD0,
    MARKER_RST7 = 0xD7,
    MARKER_SOI = 0xD8,
    MARKER_EOI = 0xD9,
    MARKER_SOS = 0xDA,
    MARKER_APP1 = 0xE1,

    PIXELS_MAX = 50 * 1000 * 1000,
    THUMBNAIL_MIN_PX = 32, /* smaller is no picture any more */
};

struct walk {
    const uint8_t *data;
    size_t len, at;
    int width, height; /* 0 before SOF */
    size_t exif_at, exif_len;
    bool scanned; /* a scan with something in it was seen */
    struct error *err;
};

/* --- what it is when it is no JPEG --- */

struct signature {
    size_t offset;
    const char *text;
    const char *what;
};

static const struct signature signatures[] = {
    {0, "\x89PNG", "a PNG picture"},
    {0, "GIF8", "a GIF picture"},
    {8, "WEBP", "a WebP picture"},
    {8, "AVI ", "an AVI video"},
    {4, "ftyp", "an MP4 or HEIF file"},
    {0, "BM", "a BMP picture"},
    {0, "#EXTM3U", "a playlist"},
    {0, "<svg", "an SVG drawing"},
    {0, "<?xml", "an XML text"},
    {0, "<", "an HTML page"},
    {0, "{", "a JSON text"},
    {0, "--", "a multipart stream"},
    {0, "%PDF", "a PDF file"},
};

static const char *recognise(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(signatures); i++) {
        const struct signature *sig = &signatures[i];
        size_t sig_len = strlen(sig->text);

        if (len >= sig->offset + sig_len && memcmp(data + sig->offset, sig->text, sig_len) == 0)
            return sig->what;
    }
    return NULL;
}

static int refuse_foreign(const uint8_t *data, size_t len, struct error *err)
{
    size_t start = 0;
    const char *what;

    if (len == 0)
        return error_set(err, -EBADMSG, "empty: no bytes instead of a picture");
    while (start < len && strchr(" \t\r\n", data[start]) && data[start])
        start++;
    what = recognise(data + start, len - start);
    if (what)
        return error_set(err, -EBADMSG, "%s instead of a JPEG picture", what);
    return error_set(err, -EBADMSG, "no JPEG picture: it starts with %02x %02x", data[0],
                     len > 1 ? data[1] : 0);
}

/* --- the walk --- */

static int refuse_cut(const struct walk *walk)
{
    return error_set(walk->err, -EBADMSG, "cut after %zu bytes: the picture has no end", walk->len);
}

static unsigned be16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static bool is_sof(unsigned marker)
{
    return marker >= MARKER_SOF0 && marker <= MARKER_SOF15 && marker != MARKER_DHT &&
           marker != MARKER_JPG && marker != MARKER_DAC;
}

/* Reserved, or without a segment behind it: nothing that a picture has here. */
static bool is_misplaced(unsigned marker)
{
    return marker < MARKER_SOF0 || (marker >= MARKER_RST0 && marker <= MARKER_SOI);
}

static int walk_sof(struct walk *walk, unsigned marker, const uint8_t *segment, unsigned len)
{
    int64_t width, height;

    if (walk->width)
        return error_set(walk->err, -EBADMSG, "damaged: two picture headers");
    if (marker > MARKER_SOF2)
        return error_set(walk->err, -EBADMSG, "a JPEG of a rare kind (SOF%u)",
                         marker - MARKER_SOF0);
    if (len < 6 || len < 6 + 3u * segment[5])
        return error_set(walk->err, -EBADMSG, "damaged: bad picture header");
    if (segment[0] != 8 || (segment[5] != 1 && segment[5] != 3))
        return error_set(walk->err, -EBADMSG, "a JPEG of a rare kind (%u bit, %u components)",
                         segment[0], segment[5]);
    height = be16(segment + 1);
    width = be16(segment + 3);
    if (width == 0 || height == 0 || width * height > PIXELS_MAX)
        return error_set(walk->err, -EBADMSG, "absurd size %dx%d", (int)width, (int)height);
    walk->width = (int)width;
    walk->height = (int)height;
    return 0;
}

/* Leaves at on the 0xFF of the next marker that is neither a stuffed byte nor a restart. */
static int walk_scan(struct walk *walk)
{
    size_t start = walk->at;

    for (;;) {
        const uint8_t *ff = memchr(walk->data + walk->at, 0xFF, walk->len - walk->at);

        if (!ff || (size_t)(ff - walk->data) + 1 >= walk->len)
            return refuse_cut(walk);
        walk->at = (size_t)(ff - walk->data);
        if (ff[1] == 0xFF)
            walk->at += 1;
        else if (ff[1] == 0 || (ff[1] >= MARKER_RST0 && ff[1] <= MARKER_RST7))
            walk->at += 2;
        else
            break;
    }
    walk->scanned = walk->scanned || walk->at > start;
    return 0;
}

static void walk_app1(struct walk *walk, const uint8_t *segment, unsigned len)
{
    if (walk->exif_len > 0 || !exif_is(segment, len))
        return;
    walk->exif_at = (size_t)(segment - walk->data);
    walk->exif_len = len;
}

static int walk_segment(struct walk *walk, unsigned marker)
{
    const uint8_t *segment;
    unsigned len;
    int rc = 0;

    if (walk->len - walk->at < 2)
        return refuse_cut(walk);
    len = be16(walk->data + walk->at);
    if (len < 2)
        return error_set(walk->err, -EBADMSG, "damaged: bad segment at byte %zu", walk->at);
    if (walk->len - walk->at < len)
        return refuse_cut(walk);
    segment = walk->data + walk->at + 2;
    walk->at += len;
    if (is_sof(marker))
        rc = walk_sof(walk, marker, segment, len - 2);
    if (marker == MARKER_APP1)
        walk_app1(walk, segment, len - 2);
    if (rc == 0 && marker == MARKER_SOS && !walk->width)
        rc = error_set(walk->err, -EBADMSG, "damaged: no picture header");
    return rc == 0 && marker == MARKER_SOS ? walk_scan(walk) : rc;
}

/* The marker at hand and what belongs to it; 1 when it was EOI. */
static int walk_marker(struct walk *walk)
{
    unsigned marker;

    while (walk->at + 1 < walk->len && walk->data[walk->at] == 0xFF &&
           walk->data[walk->at + 1] == 0xFF)
        walk->at++; /* fill bytes */
    if (walk->at + 1 >= walk->len)
        return refuse_cut(walk);
    marker = walk->data[walk->at + 1];
    if (walk->data[walk->at] != 0xFF || is_misplaced(marker))
        return error_set(walk->err, -EBADMSG, "damaged at byte %zu", walk->at);
    walk->at += 2;
    if (marker != MARKER_EOI)
        return walk_segment(walk, marker);
    if (!walk->scanned)
        return error_set(walk->err, -EBADMSG, "empty: a JPEG without a picture");
    return 1;
}

int jpeg_check(const uint8_t *data, size_t len, struct jpeg_info *ret_info, struct error *err)
{
    struct walk walk = {.data = data, .len = len, .at = 2, .err = err};
    int rc = 0;

    if (len < 2 || data[0] != 0xFF || data[1] != MARKER_SOI)
        return refuse_foreign(data, len, err);
    while (rc == 0)
        rc = walk_marker(&walk);
    if (rc < 0)
        return rc;
    *ret_info = (struct jpeg_info){.width = walk.width,
                                   .height = walk.height,
                                   .len = walk.at,
                                   .exif_at = walk.exif_at,
                                   .exif_len = walk.exif_len};
    return 0;
}

/* --- pixels ---
 *
 * A warning of the library is damage: the rest of the picture is grey or shifted. It is a picture
 * all the same: many USB cameras leave a stray byte before the end of each. */

static void handle_done(tjhandle *handle)
{
    if (*handle)
        tjDestroy(*handle);
}

static int refuse_pixels(tjhandle handle, struct error *err)
{
    return error_set(err, -EBADMSG, "damaged inside: %s",
                     handle ? tjGetErrorStr2(handle) : "no decoder");
}

static int scaled(int side_px, int denominator)
{
    return (side_px + denominator - 1) / denominator;
}

/* The largest scale of those that cost no resampling. */
static int denominator_for(const struct jpeg_info *info, int max_px)
{
    int denominator = 1;

    while (denominator < 8 && scaled(MAX(info->width, info->height), denominator) > max_px)
        denominator *= 2;
    return denominator;
}

static int decode(const uint8_t *data, const struct jpeg_info *info, int denominator,
                  struct picture_pixels *ret_pixels, bool *ret_damaged, struct error *err)
{
    const int flags = TJFLAG_LIMITSCANS | TJFLAG_FASTDCT;
    CLEANUP(handle_done) tjhandle handle = tjInitDecompress();
    CLEANUP(picture_pixels_done)
    struct picture_pixels pixels = {.width = scaled(info->width, denominator),
                                    .height = scaled(info->height, denominator)};
    int rc;

    if (!handle)
        return refuse_pixels(handle, err);
    pixels.rgb = xcalloc((size_t)pixels.width * (size_t)pixels.height, 3);
    rc = tjDecompress2(handle, data, info->len, pixels.rgb, pixels.width, 0, pixels.height,
                       TJPF_RGB, flags);
    if (rc < 0 && tjGetErrorCode(handle) != TJERR_WARNING)
        return refuse_pixels(handle, err);
    *ret_damaged = rc < 0;
    *ret_pixels = pixels;
    pixels.rgb = NULL;
    return 0;
}

int jpeg_decode(const uint8_t *data, size_t len, int max_px, struct picture_pixels *ret_pixels,
                bool *ret_damaged, struct error *err)
{
    struct jpeg_info info;
    int rc = jpeg_check(data, len, &info, err);

    if (rc < 0)
        return rc;
    return decode(data, &info, denominator_for(&info, max_px), ret_pixels, ret_damaged, err);
}

/* The library writes into room of ours, so that the caller may free() it. */
static uint8_t *room_for_jpeg(int width, int height)
{
    return xmalloc(tjBufSize(width, height, TJSAMP_420));
}

static int encode(const struct picture_pixels *pixels, int quality, uint8_t **ret_data,
                  size_t *ret_len, struct error *err)
{
    CLEANUP(handle_done) tjhandle handle = tjInitCompress();
    CLEANUP(free_p) uint8_t *room = room_for_jpeg(pixels->width, pixels->height);
    unsigned long len = 0;

    if (!handle || tjCompress2(handle, pixels->rgb, pixels->width, 0, pixels->height, TJPF_RGB,
                               &room, &len, TJSAMP_420, quality, TJFLAG_NOREALLOC) < 0)
        return error_set(err, -EIO, "cannot compress the picture");
    *ret_data = xrealloc(TAKE(room), len);
    *ret_len = len;
    return 0;
}

/* One size, the best quality that fits. -EMSGSIZE: none does. */
static int compress(const struct picture_pixels *pixels, size_t max_bytes, uint8_t **ret_data,
                    size_t *ret_len, struct error *err)
{
    static const int qualities[] = {80, 65, 45};

    for (size_t i = 0; i < ARRAY_LEN(qualities); i++) {
        uint8_t *data = NULL;
        size_t len = 0;
        int rc = encode(pixels, qualities[i], &data, &len, err);

        if (rc < 0)
            return rc;
        if (len <= max_bytes) {
            *ret_data = data;
            *ret_len = len;
            return 0;
        }
        free(data);
    }
    return -EMSGSIZE;
}

/* Each pixel the mean of four; of an odd side the last row or column goes. */
static struct picture_pixels halve(const struct picture_pixels *big)
{
    struct picture_pixels half = {.width = MAX(big->width / 2, 1),
                                  .height = MAX(big->height / 2, 1)};
    size_t right = big->width > 1 ? 3 : 0;
    size_t below = big->height > 1 ? (size_t)big->width * 3 : 0;

    half.rgb = xmalloc((size_t)half.width * (size_t)half.height * 3);
    for (int y = 0; y < half.height; y++)
        for (int x = 0; x < half.width; x++) {
            const uint8_t *from =
                big->rgb + ((size_t)y * 2 * (size_t)big->width + (size_t)x * 2) * 3;
            uint8_t *to = half.rgb + ((size_t)y * (size_t)half.width + (size_t)x) * 3;

            for (size_t c = 0; c < 3; c++)
                to[c] = (uint8_t)((from[c] + from[c + right] + from[c + below] +
                                   from[c + right + below] + 2) /
                                  4);
        }
    return half;
}

int jpeg_shrink(const struct picture_pixels *pixels, int max_px, size_t max_bytes,
                uint8_t **ret_data, size_t *ret_len, struct error *err)
{
    CLEANUP(picture_pixels_done) struct picture_pixels smaller = {0};
    const struct picture_pixels *at = pixels;

    for (;;) {
        int longer_px = MAX(at->width, at->height);
        int rc = longer_px > max_px ? -EMSGSIZE : compress(at, max_bytes, ret_data, ret_len, err);
        struct picture_pixels half;

        if (rc != -EMSGSIZE)
            return rc;
        if (longer_px < 2 * THUMBNAIL_MIN_PX)
            break;
        half = halve(at);
        picture_pixels_done(&smaller);
        smaller = half;
        at = &smaller;
    }
    return error_set(err, -EMSGSIZE, "a %dx%d picture does not fit into %d px and %zu bytes",
                     pixels->width, pixels->height, max_px, max_bytes);
}

/* --- turning --- */

static int transform(tjhandle handle, const uint8_t *data, const struct jpeg_info *info,
                     unsigned turn, uint8_t **ret_data, size_t *ret_len, struct error *err)
{
    static const int operations[] = {
        [TURN_NONE] = TJXOP_NONE,           [TURN_HFLIP] = TJXOP_HFLIP,
        [TURN_VFLIP] = TJXOP_VFLIP,         [TURN_180] = TJXOP_ROT180,
        [TURN_TRANSPOSE] = TJXOP_TRANSPOSE, [TURN_90] = TJXOP_ROT90,
        [TURN_270] = TJXOP_ROT270,          [TURN_TRANSPOSE | TURN_180] = TJXOP_TRANSVERSE,
    };
    tjtransform how = {.op = operations[turn], .options = TJXOPT_TRIM};
    /* the largest that the picture can become, and all the segments that are copied */
    size_t room_len = tjBufSize(info->width, info->height, TJSAMP_444) + info->len;
    CLEANUP(free_p) uint8_t *room = xmalloc(room_len);
    unsigned long len = room_len;

    if (tjTransform(handle, data, info->len, 1, &room, &len, &how,
                    TJFLAG_NOREALLOC | TJFLAG_LIMITSCANS) < 0 &&
        tjGetErrorCode(handle) != TJERR_WARNING)
        return refuse_pixels(handle, err);
    *ret_data = xrealloc(TAKE(room), len);
    *ret_len = len;
    return 0;
}

int jpeg_turn(const uint8_t *data, size_t len, unsigned turn, uint8_t **ret_data,
              struct jpeg_info *ret_info, struct error *err)
{
    CLEANUP(handle_done) tjhandle handle = tjInitTransform();
    CLEANUP(free_p) uint8_t *turned = NULL;
    struct jpeg_info info;
    size_t turned_len = 0;
    int rc = jpeg_check(data, len, &info, err);

    if (rc == 0 && !handle)
        rc = refuse_pixels(handle, err);
    if (rc == 0)
        rc = transform(handle, data, &info, turn, &turned, &turned_len, err);
    if (rc == 0)
        rc = jpeg_check(turned, turned_len, &info, err);
    if (rc < 0)
        return rc;
    exif_set_upright(turned + info.exif_at, info.exif_len);
    *ret_data = TAKE(turned);
    *ret_info = info;
    return 0;
}

/* --- from pixels --- */

int jpeg_compress_yuv420(const uint8_t *planes, int width, int height, int quality,
                         uint8_t **ret_data, size_t *ret_len, struct error *err)
{
    CLEANUP(handle_done) tjhandle handle = tjInitCompress();
    CLEANUP(free_p) uint8_t *room = NULL;
    unsigned long len = 0;

    /* the library reads odd luma planes as if they were padded to even */
    if (width <= 0 || height <= 0 || width % 2 || height % 2 ||
        (int64_t)width * height > PIXELS_MAX)
        return error_set(err, -EINVAL, "cannot compress %dx%d pixels", width, height);
    room = room_for_jpeg(width, height);
    if (!handle || tjCompressFromYUV(handle, planes, width, 1, height, TJSAMP_420, &room, &len,
                                     quality, TJFLAG_NOREALLOC) < 0)
        return error_set(err, -EIO, "cannot compress the picture");
    *ret_data = xrealloc(TAKE(room), len);
    *ret_len = len;
    return 0;
}

/* --- uncompressed pixels of cameras --- */

/* From the range that video has to the one that JPEG has. */
static void make_range_tables(bool full_range, uint8_t luma[256], uint8_t chroma[256])
{
    for (int i = 0; i < 256; i++) {
        int y = full_range ? i : ((i - 16) * 255 + 109) / 219;
        int c = full_range ? i : 128 + ((i - 128) * 255) / 224;

        luma[i] = (uint8_t)MIN(MAX(y, 0), 255);
        chroma[i] = (uint8_t)MIN(MAX(c, 0), 255);
    }
}

/* Y, U, V one behind the other; U and V have half the width. */
static void split_yuyv(const struct jpeg_pixels *pixels, uint8_t *planes)
{
    size_t pairs = (size_t)pixels->width / 2, rows = (size_t)pixels->height;
    uint8_t *y = planes, *u = planes + 2 * pairs * rows, *v = u + pairs * rows;
    uint8_t luma[256], chroma[256];

    make_range_tables(pixels->full_range, luma, chroma);
    for (size_t row = 0; row < rows; row++) {
        const uint8_t *from = pixels->data + row * pixels->stride;

        for (size_t i = 0; i < pairs; i++, from += 4) {
            *y++ = luma[from[0]];
            *u++ = chroma[from[1]];
            *y++ = luma[from[2]];
            *v++ = chroma[from[3]];
        }
    }
}

static int compress_yuyv(tjhandle handle, const struct jpeg_pixels *pixels, int quality,
                         uint8_t **room, unsigned long *len)
{
    CLEANUP(free_p)
    uint8_t *planes = xmalloc((size_t)pixels->width * (size_t)pixels->height * 2);

    split_yuyv(pixels, planes);
    return tjCompressFromYUV(handle, planes, pixels->width, 1, pixels->height, TJSAMP_422, room,
                             len, quality, TJFLAG_NOREALLOC);
}

static int compress_rgb(tjhandle handle, const struct jpeg_pixels *pixels, int quality,
                        uint8_t **room, unsigned long *len)
{
    return tjCompress2(handle, pixels->data, pixels->width, (int)pixels->stride, pixels->height,
                       pixels->kind == JPEG_PIXELS_RGB ? TJPF_RGB : TJPF_BGR, room, len, TJSAMP_420,
                       quality, TJFLAG_NOREALLOC);
}

static bool pixels_are_there(const struct jpeg_pixels *pixels)
{
    bool yuyv = pixels->kind == JPEG_PIXELS_YUYV;
    size_t row_bytes = (size_t)pixels->width * (yuyv ? 2 : 3);

    return pixels->width > 0 && pixels->height > 0 && !(yuyv && pixels->width % 2) &&
           (int64_t)pixels->width * pixels->height <= PIXELS_MAX && pixels->stride >= row_bytes &&
           pixels->stride <= INT32_MAX &&
           pixels->len >= pixels->stride * (size_t)(pixels->height - 1) + row_bytes;
}

int jpeg_compress_pixels(const struct jpeg_pixels *pixels, int quality, uint8_t **ret_data,
                         size_t *ret_len, struct error *err)
{
    CLEANUP(handle_done) tjhandle handle = tjInitCompress();
    CLEANUP(free_p) uint8_t *room = NULL;
    unsigned long len = 0;
    int rc = -1;

    if (!pixels_are_there(pixels))
        return error_set(err, -EINVAL, "cannot compress %dx%d pixels of %zu bytes", pixels->width,
                         pixels->height, pixels->len);
    room = xmalloc(tjBufSize(pixels->width, pixels->height, TJSAMP_422));
    if (handle && pixels->kind == JPEG_PIXELS_YUYV)
        rc = compress_yuyv(handle, pixels, quality, &room, &len);
    else if (handle)
        rc = compress_rgb(handle, pixels, quality, &room, &len);
    if (rc < 0)
        return error_set(err, -EIO, "cannot compress the picture");
    *ret_data = xrealloc(TAKE(room), len);
    *ret_len = len;
    return 0;
}
