/* SPDX-License-Identifier: MIT */
/* movie: the tables of one H.264 track in memory, and the moov box made of them.
 *
 * Pure: no file is touched but by movie_check(). There is no audio, no B-frame and no edit list, so
 * presentation order is decoding order and time is nothing but a number per frame. */
#ifndef ENCODE_MOVIE_H
#define ENCODE_MOVIE_H

#include "agent/base/buf.h"
#include "agent/base/error.h"

/* What a decoder has to know before the first picture. A stream from another version of the encoder
 * brings another one, which gets a sample entry of its own. */
struct movie_config {
    uint8_t *sps, *pps;
    size_t sps_len, pps_len;
};

/* The samples of one segment, one after the other in the file. */
struct movie_chunk {
    int64_t offset;
    uint32_t samples;
    uint32_t config; /* index */
};

struct movie {
    int width, height;
    struct movie_config *configs;
    size_t config_count;
    struct movie_chunk *chunks;
    size_t chunk_count, chunk_cap;
    uint32_t *sample_bytes; /* of every sample */
    size_t sample_count, sample_cap;
    uint32_t *key_samples; /* numbers of the key frames, from 1 */
    size_t key_count, key_cap;
};

/* How fast it plays. fps_num / fps_den frames a second; the last frame stays hold_s longer. */
struct movie_timing {
    int64_t fps_num, fps_den;
    double hold_s;
};

/* Index of the parameter sets, added when they are new; they are copied. */
uint32_t movie_add_config(struct movie *movie, const uint8_t *sps, size_t sps_len,
                          const uint8_t *pps, size_t pps_len) MUST_CHECK;
/* Begins a chunk at the offset; movie_add_sample() then adds to it. */
void movie_add_chunk(struct movie *movie, int64_t offset, uint32_t config);
void movie_add_sample(struct movie *movie, uint32_t bytes, bool key);
/* Takes the last chunk and its samples away again (configurations stay). */
void movie_drop_chunk(struct movie *movie);
void movie_done(struct movie *movie);

/* Appends the moov box. With no samples it is a valid, empty movie. */
void movie_write(const struct movie *movie, const struct movie_timing *timing, struct buf *out);

/* Seconds as the file says them, rounded to its time scale. */
double movie_duration_s(const struct movie *movie, const struct movie_timing *timing);

/* Reads the file as a player does: the first moov box of the top level, its sample table and
 * length; every sample has to lie inside the mdat boxes of the file. -EBADMSG: not as many frames
 * as expected, another duration (1 ms), or a table that does not fit the file. Blocks. */
int movie_check(const char *path, int64_t frames, double duration_s, struct error *err) MUST_CHECK;

#endif
