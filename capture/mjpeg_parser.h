/* SPDX-License-Identifier: MIT */
/* mjpeg_parser: takes a multipart/x-mixed-replace body apart as its bytes come. Pure.
 *
 * Knows nothing of clocks or sockets: the feeder gives the time at which bytes were read, and gets
 * each part with the time of its first byte. A part without Content-Length ends at the boundary. */
#ifndef CAPTURE_MJPEG_PARSER_H
#define CAPTURE_MJPEG_PARSER_H

#include "agent/base/buf.h"
#include "agent/base/error.h"

struct mjpeg_parser;

struct mjpeg_handler {
    /* A part begins; false = skip its bytes without keeping them. */
    bool (*on_part)(int64_t first_byte_at_mono_us, void *user);
    /* A wanted part is complete; jpeg is the receiver's to free. */
    void (*on_picture)(uint8_t *jpeg, size_t len, int64_t first_byte_at_mono_us, void *user);
};

/* content_type as the server sent it; boundary with or without quotes and leading dashes.
 * -EBADMSG when it is no multipart stream: err says what it is and what to do. */
int mjpeg_parser_new(const char *content_type, size_t max_part_bytes,
                     const struct mjpeg_handler *handler, void *user,
                     struct mjpeg_parser **ret_parser, struct error *err) MUST_CHECK;
void mjpeg_parser_free(struct mjpeg_parser *parser);

/* -EBADMSG, -EMSGSIZE (part larger than max_part_bytes): the stream is unusable, close it. */
int mjpeg_parser_feed(struct mjpeg_parser *parser, const uint8_t *data, size_t len,
                      int64_t at_mono_us, struct error *err) MUST_CHECK;

#endif
