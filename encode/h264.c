/* SPDX-License-Identifier: MIT */
/* h264: no more of the standard than is needed to count pictures without trusting the encoder.
 *
 * A picture begins with the slice whose first_mb_in_slice is 0, which Exp-Golomb writes as a single
 * set bit; slices of the same picture (sliced threads) have a larger one. Reading more of the slice
 * header would need the parameter sets and gain nothing: x264 writes no redundant slices, no
 * fields and no data partitions, and those are refused. */
#include "encode/h264.h"

#include "agent/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum nal_type {
    NAL_SLICE = 1,
    NAL_IDR = 5,
    NAL_SEI = 6,
    NAL_SPS = 7,
    NAL_PPS = 8,
    NAL_AUD = 9,
    NAL_FILLER = 12
};

enum { NAL_LENGTH_BYTES = 4, SPS_MIN_BYTES = 4, PPS_MIN_BYTES = 2, PARAMETERS_MAX_BYTES = 1024 };

struct nal {
    const uint8_t *data;
    size_t len;
};

/* The next 00 00 01 at or behind from; end when there is none. */
static const uint8_t *find_start_code(const uint8_t *from, const uint8_t *end)
{
    while (end - from >= 3) {
        const uint8_t *one = memchr(from + 2, 1, (size_t)(end - from - 2));

        if (!one)
            return end;
        if (one[-1] == 0 && one[-2] == 0)
            return one - 2;
        from = one - 1;
    }
    return end;
}

/* Walks from start code to start code; at has to stand on one. */
static bool next_nal(const uint8_t **at, const uint8_t *end, struct nal *ret_nal)
{
    const uint8_t *begin, *stop;

    if (end - *at < 3)
        return false;
    begin = *at + 3;
    stop = find_start_code(begin, end);
    *at = stop;
    while (stop > begin && stop[-1] == 0) /* of a four-byte start code, or trailing zeros */
        stop--;
    *ret_nal = (struct nal){.data = begin, .len = (size_t)(stop - begin)};
    return true;
}

static int take_parameters(uint8_t **slot, size_t *slot_len, const struct nal *nal, size_t min_len,
                           struct error *err)
{
    if (nal->len < min_len || nal->len > PARAMETERS_MAX_BYTES)
        return error_set(err, -EBADMSG, "the encoder wrote a malformed parameter set");
    if (*slot && (*slot_len != nal->len || memcmp(*slot, nal->data, nal->len) != 0))
        return error_set(err, -EBADMSG, "the encoder changed its parameters on the way");
    if (!*slot) {
        *slot = xmemdup(nal->data, nal->len);
        *slot_len = nal->len;
    }
    return 0;
}

static void begin_sample(struct h264_stream *stream, bool key)
{
    if (stream->sample_count == stream->sample_cap) {
        stream->sample_cap = MAX(2 * stream->sample_cap, (size_t)64);
        stream->samples = xrealloc(stream->samples, stream->sample_cap * sizeof(*stream->samples));
    }
    stream->samples[stream->sample_count++] = (struct h264_sample){.key = key};
}

static int take_slice(struct h264_stream *stream, const struct nal *nal, bool idr,
                      struct error *err)
{
    uint8_t length[NAL_LENGTH_BYTES] = {(uint8_t)(nal->len >> 24), (uint8_t)(nal->len >> 16),
                                        (uint8_t)(nal->len >> 8), (uint8_t)nal->len};

    if (nal->len < 2)
        return error_set(err, -EBADMSG, "the encoder wrote an empty slice");
    if (nal->data[1] & 0x80)
        begin_sample(stream, idr);
    if (stream->sample_count == 0 || !stream->samples[0].key)
        return error_set(err, -EBADMSG, "the encoder's stream does not start with a key frame");
    if (buf_append(&stream->data, length, sizeof(length)) < 0 ||
        buf_append(&stream->data, nal->data, nal->len) < 0)
        return error_set(err, -EMSGSIZE, "the encoder's stream is too long");
    stream->samples[stream->sample_count - 1].bytes += (uint32_t)(sizeof(length) + nal->len);
    return 0;
}

static int take_nal(struct h264_stream *stream, const struct nal *nal, struct error *err)
{
    int type = nal->len > 0 ? nal->data[0] & 0x1f : -1;

    switch (type) {
    case NAL_SLICE:
    case NAL_IDR:
        return take_slice(stream, nal, type == NAL_IDR, err);
    case NAL_SPS:
        return take_parameters(&stream->sps, &stream->sps_len, nal, SPS_MIN_BYTES, err);
    case NAL_PPS:
        return take_parameters(&stream->pps, &stream->pps_len, nal, PPS_MIN_BYTES, err);
    case NAL_SEI:
    case NAL_AUD:
    case NAL_FILLER:
        return 0;
    default:
        return error_set(err, -EBADMSG, "the encoder wrote an unknown unit (%d)", type);
    }
}

int h264_split(const uint8_t *data, size_t len, struct h264_stream *ret_stream, struct error *err)
{
    const uint8_t *end, *at;
    struct nal nal;

    *ret_stream = (struct h264_stream){0};
    if (len == 0)
        return error_set(err, -EBADMSG, "the encoder wrote nothing");
    end = data + len;
    at = find_start_code(data, end);
    /* A start code of three bytes becomes a length of four, and a NAL unit has at least two. */
    buf_init(&ret_stream->data, len + len / 4 + NAL_LENGTH_BYTES);
    while (next_nal(&at, end, &nal)) {
        int rc = take_nal(ret_stream, &nal, err);

        if (rc < 0)
            return rc;
    }
    if (ret_stream->sample_count == 0)
        return error_set(err, -EBADMSG, "the encoder wrote no picture");
    if (!ret_stream->sps || !ret_stream->pps)
        return error_set(err, -EBADMSG, "the encoder wrote no parameter sets");
    return 0;
}

void h264_stream_done(struct h264_stream *stream)
{
    buf_done(&stream->data);
    free(stream->samples);
    free(stream->sps);
    free(stream->pps);
    *stream = (struct h264_stream){0};
}
