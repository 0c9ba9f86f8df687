/* SPDX-License-Identifier: MIT */
/* exif: the orientation is looked for by hand, because every picture with EXIF is asked for it on
 * the loop thread, and because it is changed in place: libexif reads all there is, in milliseconds
 * when somebody means harm, and would write the maker's notes anew, which breaks them. */
#include "capture/exif.h"

#include <string.h>

static const uint8_t signature[] = {'E', 'x', 'i', 'f', 0, 0};

enum { ORIENTATION_TAG = 0x0112, TYPE_SHORT = 3, ENTRY_BYTES = 12, TIFF_HEAD_BYTES = 8 };

bool exif_is(const uint8_t *exif, size_t len)
{
    return len >= sizeof(signature) && memcmp(exif, signature, sizeof(signature)) == 0;
}

/* --- the orientation, in place --- */

struct tiff {
    const uint8_t *data;
    size_t len;
    bool little_endian;
};

/* 0 beyond the end. */
static uint32_t get_uint(const struct tiff *tiff, size_t at, size_t bytes)
{
    uint32_t value = 0;

    if (at > tiff->len || tiff->len - at < bytes)
        return 0;
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | tiff->data[at + (tiff->little_endian ? bytes - 1 - i : i)];
    return value;
}

static bool open_tiff(const uint8_t *exif, size_t len, struct tiff *ret_tiff)
{
    if (!exif_is(exif, len) || len < sizeof(signature) + TIFF_HEAD_BYTES)
        return false;
    *ret_tiff = (struct tiff){.data = exif + sizeof(signature), .len = len - sizeof(signature)};
    ret_tiff->little_endian = ret_tiff->data[0] == 'I';
    return get_uint(ret_tiff, 2, 2) == 42;
}

/* Where its two bytes are, from the start of the TIFF; 0: nowhere. */
static size_t find_orientation(const struct tiff *tiff)
{
    size_t ifd = get_uint(tiff, 4, 4);
    size_t count = get_uint(tiff, ifd, 2);

    for (size_t i = 0; i < count; i++) {
        size_t entry = ifd + 2 + i * ENTRY_BYTES;

        if (entry >= tiff->len || tiff->len - entry < ENTRY_BYTES)
            return 0;
        if (get_uint(tiff, entry, 2) == ORIENTATION_TAG &&
            get_uint(tiff, entry + 2, 2) == TYPE_SHORT && get_uint(tiff, entry + 4, 4) == 1)
            return entry + 8;
    }
    return 0;
}

int exif_orientation(const uint8_t *exif, size_t len)
{
    struct tiff tiff;
    size_t at = open_tiff(exif, len, &tiff) ? find_orientation(&tiff) : 0;
    uint32_t orientation = at ? get_uint(&tiff, at, 2) : 1;

    return orientation >= 1 && orientation <= 8 ? (int)orientation : 1;
}

void exif_set_upright(uint8_t *exif, size_t len)
{
    struct tiff tiff;
    size_t at = open_tiff(exif, len, &tiff) ? find_orientation(&tiff) : 0;

    if (!at)
        return;
    exif += sizeof(signature) + at;
    exif[0] = tiff.little_endian ? 1 : 0;
    exif[1] = tiff.little_endian ? 0 : 1;
}
