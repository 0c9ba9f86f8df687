/* SPDX-License-Identifier: MIT */
/* smjpeg_parser: takes the pictures out of an SMJPEG stream as its bytes come. Pure.
 *
 * SMJPEG is the plainest container that carries a JPEG together with its time, and ffmpeg writes
 * it: a head of chunks ("_VID", length, data …, "HEND"), then per picture "vidD", its time in ms
 * and its length, all big-endian 32 bits, and the JPEG. (icculus.org/SDLmjpeg, the file SMJPEG.txt)
 */
#ifndef CAPTURE_SMJPEG_PARSER_H
#define CAPTURE_SMJPEG_PARSER_H

#include "agent/base/error.h"

struct smjpeg_parser;

struct smjpeg_handler {
    /* A picture begins; false = skip its bytes without keeping them. time_ms wraps at 2^32. */
    bool (*on_part)(uint32_t time_ms, int64_t first_byte_at_mono_us, void *user);
    /* A wanted picture is complete; jpeg is the receiver's to free. */
    void (*on_picture)(uint8_t *jpeg, size_t len, void *user);
};

struct smjpeg_parser *smjpeg_parser_new(size_t max_picture_bytes,
                                        const struct smjpeg_handler *handler, void *user);
void smjpeg_parser_free(struct smjpeg_parser *parser);

/* -EBADMSG (no SMJPEG), -EFBIG (a picture of more than max_picture_bytes): the stream is unusable.
 */
int smjpeg_parser_feed(struct smjpeg_parser *parser, const uint8_t *data, size_t len,
                       int64_t at_mono_us, struct error *err) MUST_CHECK;

#endif
