/* SPDX-License-Identifier: MIT */
/* head: JFIF and Exif both want to be the first segment; JFIF wins, as in what cameras write. */
#include "capture/head.h"

#include "agent/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
    MARKER_SOS = 0xDA,
    MARKER_APP0 = 0xE0,
    MARKER_APP1 = 0xE1,
    MARKER_APP2 = 0xE2,
    MARKER_APP14 = 0xEE,
    MARKER_APP15 = 0xEF,
    MARKER_COM = 0xFE,
    SEGMENT_HEAD_BYTES = 4,
};

struct segment {
    unsigned marker;
    const uint8_t *all; /* marker and length, too */
    size_t all_len;
    const uint8_t *data;
    size_t len;
};

/* The segment at *at, which moves behind it; false before the first scan, or at what is none. */
static bool next_segment(const struct picture *picture, size_t *at, struct segment *ret_segment)
{
    const uint8_t *jpeg = picture->jpeg;
    size_t len;

    while (*at + 1 < picture->len && jpeg[*at] == 0xFF && jpeg[*at + 1] == 0xFF)
        ++*at; /* fill bytes */
    if (*at + SEGMENT_HEAD_BYTES > picture->len || jpeg[*at] != 0xFF || jpeg[*at + 1] == MARKER_SOS)
        return false;
    len = 2 + ((size_t)jpeg[*at + 2] << 8 | jpeg[*at + 3]);
    if (len < SEGMENT_HEAD_BYTES || len > picture->len - *at)
        return false;
    *ret_segment = (struct segment){.marker = jpeg[*at + 1],
                                    .all = jpeg + *at,
                                    .all_len = len,
                                    .data = jpeg + *at + SEGMENT_HEAD_BYTES,
                                    .len = len - SEGMENT_HEAD_BYTES};
    *at += len;
    return true;
}

static bool begins(const struct segment *segment, unsigned marker, const char *text, size_t len)
{
    return segment->marker == marker && segment->len >= len &&
           memcmp(segment->data, text, len) == 0;
}

static bool is_jfif(const struct segment *segment)
{
    return begins(segment, MARKER_APP0, "JFIF", 5);
}

static bool is_exif(const struct segment *segment)
{
    return segment->marker == MARKER_APP1 && exif_is(segment->data, segment->len);
}

static bool is_needed(const struct segment *segment)
{
    if (segment->marker == MARKER_COM)
        return false;
    if (segment->marker < MARKER_APP0 || segment->marker > MARKER_APP15)
        return true;
    return is_jfif(segment) || begins(segment, MARKER_APP2, "ICC_PROFILE", 12) ||
           begins(segment, MARKER_APP14, "Adobe", 5);
}

/* Where the head ends, and the first Exif segment in it (marker 0: none). */
static size_t survey(const struct picture *picture, struct segment *ret_exif)
{
    struct segment segment;
    size_t at = 2;

    *ret_exif = (struct segment){0};
    while (next_segment(picture, &at, &segment))
        if (is_exif(&segment) && ret_exif->marker == 0)
            *ret_exif = segment;
    return at;
}

static void append(struct jpeg_head *head, const uint8_t *data, size_t len)
{
    memcpy(head->data + head->len, data, len);
    head->len += len;
}

static void append_exif(struct jpeg_head *head, const uint8_t *exif, size_t len)
{
    size_t segment_len = len + 2;
    const uint8_t start[] = {0xFF, MARKER_APP1, (uint8_t)(segment_len >> 8), (uint8_t)segment_len};

    append(head, start, sizeof(start));
    append(head, exif, len);
}

static void append_segments(struct jpeg_head *head, const struct picture *picture,
                            const struct exif_stamp *stamp, const uint8_t *exif, size_t exif_len)
{
    struct segment segment;
    bool placed = false;
    size_t at = 2;

    while (next_segment(picture, &at, &segment)) {
        if (!placed && !is_jfif(&segment)) {
            append_exif(head, exif, exif_len);
            placed = true;
        }
        if (stamp->keep || is_needed(&segment))
            append(head, segment.all, segment.all_len);
    }
}

void head_make(const struct picture *picture, const struct exif_stamp *stamp,
               struct jpeg_head *ret_head)
{
    struct jpeg_head head = {0};
    struct segment exif;
    CLEANUP(free_p) uint8_t *made = NULL;
    size_t made_len = 0;

    head.skip = survey(picture, &exif);
    *ret_head = (struct jpeg_head){0};
    if (stamp->keep && exif.marker != 0)
        return;
    made = exif_make(exif.data, exif.len, stamp, &made_len);
    head.data = xmalloc(head.skip + SEGMENT_HEAD_BYTES + made_len);
    append(&head, picture->jpeg, 2);
    append_segments(&head, picture, stamp, made, made_len);
    *ret_head = head;
}

void head_done(struct jpeg_head *head)
{
    free(TAKE(head->data));
}
