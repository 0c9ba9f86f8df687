/* SPDX-License-Identifier: MIT */
/* frame: the markers are walked to the end of the image rather than searched for from behind: the
 * thumbnail in the header and the previews that cameras append are whole JPEGs, too. */
#include "encode/frame.h"

#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "encode/ffmpeg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum jpeg_marker {
    JPEG_SOF0 = 0xc0,
    JPEG_SOF15 = 0xcf,
    JPEG_DHT = 0xc4,
    JPEG_JPG = 0xc8,
    JPEG_DAC = 0xcc,
    JPEG_RST0 = 0xd0,
    JPEG_RST7 = 0xd7,
    JPEG_SOI = 0xd8,
    JPEG_EOI = 0xd9,
    JPEG_SOS = 0xda,
    JPEG_TEM = 0x01,
};

static bool has_no_length(uint8_t marker)
{
    return marker == JPEG_TEM || (marker >= JPEG_RST0 && marker <= JPEG_SOI);
}

static bool is_frame_header(uint8_t marker)
{
    return marker >= JPEG_SOF0 && marker <= JPEG_SOF15 && marker != JPEG_DHT &&
           marker != JPEG_JPG && marker != JPEG_DAC;
}

/* From the entropy-coded data on: where the next real marker begins; len when there is none. */
static size_t skip_scan(const uint8_t *data, size_t len, size_t at)
{
    while (at + 1 < len) {
        const uint8_t *ff = memchr(data + at, 0xff, len - 1 - at);

        if (!ff)
            return len;
        at = (size_t)(ff - data);
        if (ff[1] != 0 && ff[1] != 0xff && !(ff[1] >= JPEG_RST0 && ff[1] <= JPEG_RST7))
            return at;
        at += ff[1] == 0xff ? 1 : 2;
    }
    return len;
}

size_t frame_jpeg_len(const uint8_t *data, size_t len)
{
    bool sized = false, scanned = false;
    size_t at = 2;

    if (len < 4 || data[0] != 0xff || data[1] != JPEG_SOI)
        return 0;
    while (at + 2 <= len && data[at] == 0xff) {
        uint8_t marker = data[at + 1];

        at += marker == 0xff ? 1 : 2;
        if (marker == JPEG_EOI)
            return sized && scanned ? at : 0;
        if (marker == 0xff || has_no_length(marker))
            continue;
        if (at + 2 > len)
            return 0;
        at += (size_t)data[at] << 8 | data[at + 1];
        sized = sized || is_frame_header(marker);
        scanned = scanned || marker == JPEG_SOS;
        if (marker == JPEG_SOS)
            at = skip_scan(data, len, at);
    }
    return 0;
}

static bool directory_exists(const char *path)
{
    const char *slash = strrchr(path, '/');
    CLEANUP(free_p) char *dir = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");

    return access(dir, X_OK) == 0;
}

static int judge_failure(const char *path, int rc, struct error *err)
{
    if (rc == -ENOENT && directory_exists(path))
        return error_set(err, -EBADMSG, "%s is gone", path);
    if (rc == -ENOENT)
        return error_set(err, -ENODEV, "the directory of %s is gone", path);
    if (rc == -EFBIG || rc == -EISDIR || rc == -ELOOP)
        return error_set(err, -EBADMSG, "%s is no frame", path);
    return rc;
}

int frame_read(const char *path, uint8_t **ret_data, size_t *ret_len, struct error *err)
{
    CLEANUP(free_p) char *jpeg = NULL;
    char head[FFMPEG_PART_HEAD_MAX];
    size_t len = 0, jpeg_len, head_len;
    int rc = path_read_file(path, FRAME_MAX_BYTES, &jpeg, &len, err);

    if (rc < 0)
        return judge_failure(path, rc, err);
    jpeg_len = frame_jpeg_len((const uint8_t *)jpeg, len);
    if (jpeg_len == 0)
        return error_set(err, -EBADMSG, "%s is no whole JPEG", path);
    head_len = ffmpeg_part_head(jpeg_len, head);
    *ret_data = xmalloc(head_len + jpeg_len);
    memcpy(*ret_data, head, head_len);
    memcpy(*ret_data + head_len, jpeg, jpeg_len);
    *ret_len = head_len + jpeg_len;
    return 0;
}
