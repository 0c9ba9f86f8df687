/* SPDX-License-Identifier: MIT */
/* h264: from the byte stream that x264 writes (Annex B) to the samples that an MP4 file holds. */
#ifndef ENCODE_H264_H
#define ENCODE_H264_H

#include "agent/base/buf.h"
#include "agent/base/error.h"

/* One access unit, that is one picture. */
struct h264_sample {
    uint32_t bytes;
    bool key; /* an IDR picture: decoding can start here */
};

struct h264_stream {
    struct buf data; /* the samples one after the other, each NAL unit behind its 4-byte length */
    struct h264_sample *samples;
    size_t sample_count, sample_cap;
    uint8_t *sps, *pps; /* the one parameter set of each kind, without start codes */
    size_t sps_len, pps_len;
};

/* Splits a whole stream. Parameter sets go into sps and pps; delimiters, filler and SEI messages
 * are dropped. -EBADMSG: empty, cut parameter sets, two different ones, or not starting with an IDR
 * picture. The caller ends ret_stream with h264_stream_done(), also after a failure. */
int h264_split(const uint8_t *data, size_t len, struct h264_stream *ret_stream,
               struct error *err) MUST_CHECK;
/* Also for CLEANUP(h264_stream_done). */
void h264_stream_done(struct h264_stream *stream);

#endif
