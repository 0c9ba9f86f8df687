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

#endif
