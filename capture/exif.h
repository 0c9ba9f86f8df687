/* SPDX-License-Identifier: MIT */
/* exif: what is written into a picture beside its pixels, by the camera and by us. After Exif 2.32
 * (CIPA DC-008-2019). The door to libexif. Pure; any thread. */
#ifndef CAPTURE_EXIF_H
#define CAPTURE_EXIF_H

#include "agent/base/common.h"

/* exif is everywhere what follows the length of an APP1 segment, "Exif" first; any bytes may come,
 * and a NULL of length 0 is a picture without any. */

bool exif_is(const uint8_t *exif, size_t len);

/* How the camera was held, 1 (upright) to 8; 1 when it does not say. */
int exif_orientation(const uint8_t *exif, size_t len);
/* Makes it 1 in place. */
void exif_set_upright(uint8_t *exif, size_t len);

/* What we know about a picture. */
struct exif_stamp {
    int64_t taken_at;  /* wall ms */
    char *description; /* for people */
    char *comment;     /* for programs: JSON */
    bool keep;         /* leave what the camera wrote as it is, place and serial numbers included */
};
void exif_stamp_free(struct exif_stamp *stamp); /* with its texts; NULL is fine */

/* One of our own: the stamp, and of source only what says how the picture was exposed and by what
 * model of camera: no place, no serial numbers or names, no maker's notes, no thumbnail. The caller
 * frees. */
uint8_t *exif_make(const uint8_t *source, size_t len, const struct exif_stamp *stamp,
                   size_t *ret_len) MUST_CHECK;

#endif
