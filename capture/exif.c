/* SPDX-License-Identifier: MIT */
/* exif: the orientation is looked for by hand, because every picture with EXIF is asked for it on
 * the loop thread, and because it is changed in place: libexif reads all there is, in milliseconds
 * when somebody means harm, and would write the maker's notes anew, which breaks them. */
#include "capture/exif.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"

#include <libexif/exif-data.h>
#include <stdio.h>
#include <stdlib.h>
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

/* --- our own --- */

struct allowed {
    ExifIfd ifd;
    ExifTag tag;
};

/* What is about the exposure, not about the owner. */
static const struct allowed allowed[] = {
    {EXIF_IFD_0, EXIF_TAG_MAKE},
    {EXIF_IFD_0, EXIF_TAG_MODEL},
    {EXIF_IFD_EXIF, EXIF_TAG_EXPOSURE_TIME},
    {EXIF_IFD_EXIF, EXIF_TAG_FNUMBER},
    {EXIF_IFD_EXIF, EXIF_TAG_EXPOSURE_PROGRAM},
    {EXIF_IFD_EXIF, EXIF_TAG_ISO_SPEED_RATINGS},
    {EXIF_IFD_EXIF, EXIF_TAG_SHUTTER_SPEED_VALUE},
    {EXIF_IFD_EXIF, EXIF_TAG_APERTURE_VALUE},
    {EXIF_IFD_EXIF, EXIF_TAG_BRIGHTNESS_VALUE},
    {EXIF_IFD_EXIF, EXIF_TAG_EXPOSURE_BIAS_VALUE},
    {EXIF_IFD_EXIF, EXIF_TAG_METERING_MODE},
    {EXIF_IFD_EXIF, EXIF_TAG_LIGHT_SOURCE},
    {EXIF_IFD_EXIF, EXIF_TAG_FLASH},
    {EXIF_IFD_EXIF, EXIF_TAG_FOCAL_LENGTH},
    {EXIF_IFD_EXIF, EXIF_TAG_COLOR_SPACE},
    {EXIF_IFD_EXIF, EXIF_TAG_EXPOSURE_MODE},
    {EXIF_IFD_EXIF, EXIF_TAG_WHITE_BALANCE},
    {EXIF_IFD_EXIF, EXIF_TAG_FOCAL_LENGTH_IN_35MM_FILM},
    {EXIF_IFD_EXIF, EXIF_TAG_GAIN_CONTROL},
    {EXIF_IFD_EXIF, EXIF_TAG_LENS_MODEL},
};

enum { VALUE_BYTES_MAX = 256, TEXT_BYTES_MAX = 1024 };

static void *alloc_zeroed(ExifLong size)
{
    return xcalloc(1, size);
}

static void *resize(void *data, ExifLong size)
{
    return xrealloc(data, size);
}

static void add(ExifData *to, ExifMem *mem, const struct allowed *where, ExifFormat format,
                const void *value, size_t bytes)
{
    ExifEntry *entry = exif_entry_new_mem(mem);

    entry->tag = where->tag;
    entry->format = format;
    entry->components = bytes / exif_format_get_size(format);
    entry->size = (unsigned)bytes;
    entry->data = xmemdup(value, bytes);
    exif_content_add_entry(to->ifd[where->ifd], entry);
    exif_entry_unref(entry);
}

static void add_text(ExifData *to, ExifMem *mem, ExifIfd ifd, ExifTag tag, const char *text)
{
    size_t len = strnlen(text, TEXT_BYTES_MAX);
    CLEANUP(free_p) char *value = xstrndup(text, len);

    add(to, mem, &(struct allowed){ifd, tag}, EXIF_FORMAT_ASCII, value, len + 1);
}

static void add_time(ExifData *to, ExifMem *mem, int64_t at)
{
    char time[CLOCK_EXIF_LEN], offset[CLOCK_OFFSET_LEN], ms[8];

    clock_format_exif(at, time, offset);
    snprintf(ms, sizeof(ms), "%03d", (int)(at % 1000));
    add_text(to, mem, EXIF_IFD_0, EXIF_TAG_DATE_TIME, time);
    add_text(to, mem, EXIF_IFD_EXIF, EXIF_TAG_DATE_TIME_ORIGINAL, time);
    add_text(to, mem, EXIF_IFD_EXIF, EXIF_TAG_OFFSET_TIME, offset);
    add_text(to, mem, EXIF_IFD_EXIF, EXIF_TAG_OFFSET_TIME_ORIGINAL, offset);
    add_text(to, mem, EXIF_IFD_EXIF, EXIF_TAG_SUB_SEC_TIME_ORIGINAL, ms);
}

/* Its first eight bytes name the character set. */
static void add_comment(ExifData *to, ExifMem *mem, const char *comment)
{
    size_t len = strnlen(comment, TEXT_BYTES_MAX);
    CLEANUP(free_p) char *value = xasprintf("ASCII%c%c%c%.*s", 1, 1, 1, (int)len, comment);

    memset(value + 5, 0, 3);
    add(to, mem, &(struct allowed){EXIF_IFD_EXIF, EXIF_TAG_USER_COMMENT}, EXIF_FORMAT_UNDEFINED,
        value, len + 8);
}

static void add_stamp(ExifData *to, ExifMem *mem, const struct exif_stamp *stamp)
{
    ExifShort upright;

    exif_set_short((unsigned char *)&upright, exif_data_get_byte_order(to), 1);
    add(to, mem, &(struct allowed){EXIF_IFD_0, EXIF_TAG_ORIENTATION}, EXIF_FORMAT_SHORT, &upright,
        sizeof(upright));
    add_text(to, mem, EXIF_IFD_0, EXIF_TAG_SOFTWARE, "lapsed " LAPSED_VERSION);
    add_text(to, mem, EXIF_IFD_0, EXIF_TAG_IMAGE_DESCRIPTION, stamp->description);
    add(to, mem, &(struct allowed){EXIF_IFD_EXIF, EXIF_TAG_EXIF_VERSION}, EXIF_FORMAT_UNDEFINED,
        "0232", 4);
    add_time(to, mem, stamp->taken_at);
    add_comment(to, mem, stamp->comment);
}

static void copy_allowed(ExifData *to, ExifMem *mem, const ExifData *from)
{
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
        const ExifEntry *entry = exif_content_get_entry(from->ifd[allowed[i].ifd], allowed[i].tag);

        if (entry && entry->data && entry->size > 0 && entry->size <= VALUE_BYTES_MAX &&
            exif_format_get_size(entry->format) > 0)
            add(to, mem, &allowed[i], entry->format, entry->data, entry->size);
    }
}

uint8_t *exif_make(const uint8_t *source, size_t len, const struct exif_stamp *stamp,
                   size_t *ret_len)
{
    ExifMem *mem = exif_mem_new(alloc_zeroed, resize, free);
    ExifData *from = exif_data_new_mem(mem), *to = exif_data_new_mem(mem);
    unsigned char *made = NULL;
    unsigned made_len = 0;

    exif_data_unset_option(from, EXIF_DATA_OPTION_FOLLOW_SPECIFICATION);
    exif_data_set_option(from, EXIF_DATA_OPTION_IGNORE_UNKNOWN_TAGS);
    if (exif_is(source, len))
        exif_data_load_data(from, source, (unsigned)len);
    exif_data_set_byte_order(to, exif_data_get_byte_order(from)); /* values are copied as bytes */
    copy_allowed(to, mem, from);
    add_stamp(to, mem, stamp);
    exif_data_save_data(to, &made, &made_len);
    exif_data_unref(to);
    exif_data_unref(from);
    exif_mem_unref(mem);
    *ret_len = made_len;
    return made;
}

void exif_stamp_free(struct exif_stamp *stamp)
{
    if (!stamp)
        return;
    free(stamp->description);
    free(stamp->comment);
    free(stamp);
}
