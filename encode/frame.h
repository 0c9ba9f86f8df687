/* SPDX-License-Identifier: MIT */
/* frame: one JPEG of the session, read for the encoder and looked at once more: what was durable
 * and whole when it was taken may be gone, empty or damaged by now. Blocks: worker threads only. */
#ifndef ENCODE_FRAME_H
#define ENCODE_FRAME_H

#include "agent/base/error.h"

#define FRAME_MAX_BYTES ((size_t)64 << 20)

/* The bytes as the encoder's stdin wants them, part head and all; the caller frees them.
 * -EBADMSG: the frame is the offender: gone (while its directory is there), empty, no whole JPEG.
 * Other errors are the machine's: -EIO, -ENODEV (the directory is gone), -EMFILE …. */
int frame_read(const char *path, uint8_t **ret_data, size_t *ret_len, struct error *err) MUST_CHECK;

/* Length of the one whole JPEG at the start of data, without what some cameras append to it
 * (previews, padding); 0 when there is none. */
size_t frame_jpeg_len(const uint8_t *data, size_t len);

#endif
