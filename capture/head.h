/* SPDX-License-Identifier: MIT */
/* head: what comes before the first scan of a picture, written anew for the file, so that a stamp
 * gets in and private things do not, without a copy of the picture. Pure; any thread. */
#ifndef CAPTURE_HEAD_H
#define CAPTURE_HEAD_H

#include "capture/exif.h"
#include "capture/picture.h"

struct jpeg_head {
    uint8_t *data; /* stands in place of the first skip bytes of the picture */
    size_t len, skip;
};

/* Segments that decoding needs (tables, JFIF, colour profile, Adobe's) stay, one Exif segment is
 * ours; whatever else cameras and their programs write is left out: other Exif, XMP, IPTC,
 * comments, previews. With stamp->keep all of it stays, and ours comes in only where there is no
 * Exif. */
void head_make(const struct picture *picture, const struct exif_stamp *stamp,
               struct jpeg_head *ret_head);
void head_done(struct jpeg_head *head);

#endif
