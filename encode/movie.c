/* SPDX-License-Identifier: MIT */
/* movie: one chunk per segment keeps the tables at 4 bytes a frame.
 *
 * The time scale is the frame rate times a power of two, so every frame lasts the same whole number
 * of ticks and a length of 300 frames in 7 s is exact. Only rates that no camera makes (a numerator
 * near 2^32) are rounded to the nearest tick.
 *
 * The held last frame is a longer last entry in the table of durations: no frame is added, so the
 * video has exactly as many frames as were taken and the hold can be changed without encoding. A
 * player shows it until the movie's length is over.
 *
 * Parameter sets that differ from those of the first segment (ffmpeg was upgraded while the print
 * ran) become a further sample entry, as the standard has it; ffmpeg's demuxer hands them to its
 * decoder when the entry changes. */
#include "encode/movie.h"

#include "agent/base/mem.h"
#include "encode/box.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_TIMESCALE = 10000, MOVIE_TRACK_ID = 1, UNDETERMINED_LANGUAGE = 0x55c4 };

#define UNITY_MATRIX                                                                               \
    {                                                                                              \
        0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000                                             \
    }

/* --- tables --- */

static void *grow(void *items, size_t count, size_t *cap, size_t item_bytes)
{
    if (count < *cap)
        return items;
    *cap = MAX(2 * *cap, (size_t)64);
    return xrealloc(items, *cap * item_bytes);
}

static bool same_config(const struct movie_config *config, const uint8_t *sps, size_t sps_len,
                        const uint8_t *pps, size_t pps_len)
{
    return config->sps_len == sps_len && config->pps_len == pps_len &&
           memcmp(config->sps, sps, sps_len) == 0 && memcmp(config->pps, pps, pps_len) == 0;
}

uint32_t movie_add_config(struct movie *movie, const uint8_t *sps, size_t sps_len,
                          const uint8_t *pps, size_t pps_len)
{
    for (size_t i = 0; i < movie->config_count; i++)
        if (same_config(&movie->configs[i], sps, sps_len, pps, pps_len))
            return (uint32_t)i;
    movie->configs = xrealloc(movie->configs, (movie->config_count + 1) * sizeof(*movie->configs));
    movie->configs[movie->config_count] = (struct movie_config){
        .sps = xmemdup(sps, sps_len),
        .pps = xmemdup(pps, pps_len),
        .sps_len = sps_len,
        .pps_len = pps_len,
    };
    return (uint32_t)movie->config_count++;
}

void movie_add_chunk(struct movie *movie, int64_t offset, uint32_t config)
{
    movie->chunks =
        grow(movie->chunks, movie->chunk_count, &movie->chunk_cap, sizeof(*movie->chunks));
    movie->chunks[movie->chunk_count++] = (struct movie_chunk){.offset = offset, .config = config};
}

void movie_add_sample(struct movie *movie, uint32_t bytes, bool key)
{
    movie->sample_bytes = grow(movie->sample_bytes, movie->sample_count, &movie->sample_cap,
                               sizeof(*movie->sample_bytes));
    movie->sample_bytes[movie->sample_count++] = bytes;
    movie->chunks[movie->chunk_count - 1].samples++;
    if (!key)
        return;
    movie->key_samples =
        grow(movie->key_samples, movie->key_count, &movie->key_cap, sizeof(*movie->key_samples));
    movie->key_samples[movie->key_count++] = (uint32_t)movie->sample_count;
}

void movie_drop_chunk(struct movie *movie)
{
    movie->sample_count -= movie->chunks[--movie->chunk_count].samples;
    while (movie->key_count > 0 && movie->key_samples[movie->key_count - 1] > movie->sample_count)
        movie->key_count--;
}

void movie_done(struct movie *movie)
{
    for (size_t i = 0; i < movie->config_count; i++) {
        free(movie->configs[i].sps);
        free(movie->configs[i].pps);
    }
    free(movie->configs);
    free(movie->chunks);
    free(movie->sample_bytes);
    free(movie->key_samples);
    *movie = (struct movie){0};
}

/* --- time --- */

struct ticks {
    uint32_t scale;      /* ticks a second */
    uint32_t frame;      /* how long a frame lasts */
    uint32_t last_frame; /* and the last one */
    uint64_t total;
};

static struct ticks make_ticks(const struct movie *movie, const struct movie_timing *timing)
{
    /* The held frame's duration has 32 bits, too. */
    double max_scale = UINT32_MAX / (timing->hold_s + 2);
    double scale = (double)timing->fps_num, frame = (double)timing->fps_den;
    struct ticks ticks;

    for (; scale < MIN_TIMESCALE; scale *= 2)
        frame *= 2;
    if (scale > max_scale) {
        frame *= floor(max_scale) / scale;
        scale = floor(max_scale);
    }
    ticks.scale = (uint32_t)scale;
    ticks.frame = MAX((uint32_t)llround(frame), (uint32_t)1);
    ticks.last_frame = ticks.frame + (uint32_t)llround(timing->hold_s * ticks.scale);
    ticks.total = 0;
    if (movie->sample_count > 0)
        ticks.total = (uint64_t)(movie->sample_count - 1) * ticks.frame + ticks.last_frame;
    return ticks;
}

double movie_duration_s(const struct movie *movie, const struct movie_timing *timing)
{
    struct ticks ticks = make_ticks(movie, timing);

    return (double)ticks.total / ticks.scale;
}

/* --- boxes --- */

static void put_matrix(struct buf *out)
{
    static const uint32_t matrix[9] = UNITY_MATRIX;

    for (size_t i = 0; i < ARRAY_LEN(matrix); i++)
        box_put_u32(out, matrix[i]);
}

static unsigned time_version(const struct ticks *ticks)
{
    return ticks->total > UINT32_MAX;
}

/* A time that version 1 of a box holds in 64 bits. */
static void put_time(struct buf *out, const struct ticks *ticks, uint64_t time)
{
    if (time_version(ticks) == 1)
        box_put_u64(out, time);
    else
        box_put_u32(out, (uint32_t)time);
}

static void put_mvhd(struct buf *out, const struct ticks *ticks)
{
    size_t mvhd = box_begin_full(out, "mvhd", time_version(ticks), 0);

    put_time(out, ticks, 0);
    put_time(out, ticks, 0);
    box_put_u32(out, ticks->scale);
    put_time(out, ticks, ticks->total);
    box_put_u32(out, 0x10000); /* rate 1.0 */
    box_put_u16(out, 0x100);   /* volume 1.0 */
    box_put_zeros(out, 10);
    put_matrix(out);
    box_put_zeros(out, 24);
    box_put_u32(out, MOVIE_TRACK_ID + 1);
    box_end(out, mvhd);
}

static void put_tkhd(struct buf *out, const struct movie *movie, const struct ticks *ticks)
{
    size_t tkhd = box_begin_full(out, "tkhd", time_version(ticks), 3); /* enabled, in the movie */

    put_time(out, ticks, 0);
    put_time(out, ticks, 0);
    box_put_u32(out, MOVIE_TRACK_ID);
    box_put_u32(out, 0);
    put_time(out, ticks, ticks->total);
    box_put_zeros(out, 16);
    put_matrix(out);
    box_put_u32(out, (uint32_t)movie->width << 16);
    box_put_u32(out, (uint32_t)movie->height << 16);
    box_end(out, tkhd);
}

static void put_mdhd(struct buf *out, const struct ticks *ticks)
{
    size_t mdhd = box_begin_full(out, "mdhd", time_version(ticks), 0);

    put_time(out, ticks, 0);
    put_time(out, ticks, 0);
    box_put_u32(out, ticks->scale);
    put_time(out, ticks, ticks->total);
    box_put_u16(out, UNDETERMINED_LANGUAGE);
    box_put_u16(out, 0);
    box_end(out, mdhd);
}

static void put_hdlr(struct buf *out)
{
    size_t hdlr = box_begin_full(out, "hdlr", 0, 0);

    box_put_u32(out, 0);
    box_put_bytes(out, "vide", 4);
    box_put_zeros(out, 12);
    box_put_bytes(out, "VideoHandler", sizeof("VideoHandler"));
    box_end(out, hdlr);
}

static void put_avcc(struct buf *out, const struct movie_config *config)
{
    size_t avcc = box_begin(out, "avcC");

    box_put_u8(out, 1);
    box_put_bytes(out, config->sps + 1, 3); /* profile, compatibility, level */
    box_put_u8(out, 0xfc | 3);              /* lengths have 4 bytes */
    box_put_u8(out, 0xe0 | 1);
    box_put_u16(out, (unsigned)config->sps_len);
    box_put_bytes(out, config->sps, config->sps_len);
    box_put_u8(out, 1);
    box_put_u16(out, (unsigned)config->pps_len);
    box_put_bytes(out, config->pps, config->pps_len);
    if (config->sps[1] >= 100) { /* High: 4:2:0, 8 bit, no extensions */
        box_put_u8(out, 0xfc | 1);
        box_put_u8(out, 0xf8);
        box_put_u8(out, 0xf8);
        box_put_u8(out, 0);
    }
    box_end(out, avcc);
}

static void put_avc1(struct buf *out, const struct movie *movie, const struct movie_config *config)
{
    size_t avc1 = box_begin(out, "avc1");

    box_put_zeros(out, 6);
    box_put_u16(out, 1); /* data reference */
    box_put_zeros(out, 16);
    box_put_u16(out, (unsigned)movie->width);
    box_put_u16(out, (unsigned)movie->height);
    box_put_u32(out, 72 << 16);
    box_put_u32(out, 72 << 16);
    box_put_u32(out, 0);
    box_put_u16(out, 1); /* frame count of a sample */
    box_put_zeros(out, 32);
    box_put_u16(out, 24);
    box_put_u16(out, 0xffff);
    put_avcc(out, config);
    box_end(out, avc1);
}

static void put_stsd(struct buf *out, const struct movie *movie)
{
    size_t stsd = box_begin_full(out, "stsd", 0, 0);

    box_put_u32(out, (uint32_t)movie->config_count);
    for (size_t i = 0; i < movie->config_count; i++)
        put_avc1(out, movie, &movie->configs[i]);
    box_end(out, stsd);
}

static void put_stts(struct buf *out, const struct movie *movie, const struct ticks *ticks)
{
    size_t stts = box_begin_full(out, "stts", 0, 0);
    uint32_t count = (uint32_t)movie->sample_count;
    bool held = ticks->last_frame != ticks->frame && count > 0;

    box_put_u32(out, (count > (held ? 1 : 0)) + held);
    if (count > (held ? 1 : 0)) {
        box_put_u32(out, count - held);
        box_put_u32(out, ticks->frame);
    }
    if (held) {
        box_put_u32(out, 1);
        box_put_u32(out, ticks->last_frame);
    }
    box_end(out, stts);
}

static void put_stss(struct buf *out, const struct movie *movie)
{
    size_t stss = box_begin_full(out, "stss", 0, 0);

    box_put_u32(out, (uint32_t)movie->key_count);
    for (size_t i = 0; i < movie->key_count; i++)
        box_put_u32(out, movie->key_samples[i]);
    box_end(out, stss);
}

static void put_stsc(struct buf *out, const struct movie *movie)
{
    size_t stsc = box_begin_full(out, "stsc", 0, 0);
    size_t count_at = out->len;
    uint32_t runs = 0;

    box_put_u32(out, 0);
    for (size_t i = 0; i < movie->chunk_count; i++) {
        const struct movie_chunk *chunk = &movie->chunks[i];

        if (i > 0 && chunk[-1].samples == chunk->samples && chunk[-1].config == chunk->config)
            continue;
        box_put_u32(out, (uint32_t)i + 1);
        box_put_u32(out, chunk->samples);
        box_put_u32(out, chunk->config + 1);
        runs++;
    }
    box_set_u32(out->data + count_at, runs);
    box_end(out, stsc);
}

static void put_stsz(struct buf *out, const struct movie *movie)
{
    size_t stsz = box_begin_full(out, "stsz", 0, 0);

    box_put_u32(out, 0);
    box_put_u32(out, (uint32_t)movie->sample_count);
    for (size_t i = 0; i < movie->sample_count; i++)
        box_put_u32(out, movie->sample_bytes[i]);
    box_end(out, stsz);
}

static void put_co64(struct buf *out, const struct movie *movie)
{
    size_t co64 = box_begin_full(out, "co64", 0, 0);

    box_put_u32(out, (uint32_t)movie->chunk_count);
    for (size_t i = 0; i < movie->chunk_count; i++)
        box_put_u64(out, (uint64_t)movie->chunks[i].offset);
    box_end(out, co64);
}

static void put_stbl(struct buf *out, const struct movie *movie, const struct ticks *ticks)
{
    size_t stbl = box_begin(out, "stbl");

    put_stsd(out, movie);
    put_stts(out, movie, ticks);
    put_stss(out, movie);
    put_stsc(out, movie);
    put_stsz(out, movie);
    put_co64(out, movie);
    box_end(out, stbl);
}

static void put_dinf(struct buf *out)
{
    size_t dinf = box_begin(out, "dinf"), dref = box_begin_full(out, "dref", 0, 0), url;

    box_put_u32(out, 1);
    url = box_begin_full(out, "url ", 0, 1); /* in this file */
    box_end(out, url);
    box_end(out, dref);
    box_end(out, dinf);
}

static void put_minf(struct buf *out, const struct movie *movie, const struct ticks *ticks)
{
    size_t minf = box_begin(out, "minf"), vmhd = box_begin_full(out, "vmhd", 0, 1);

    box_put_zeros(out, 8);
    box_end(out, vmhd);
    put_dinf(out);
    put_stbl(out, movie, ticks);
    box_end(out, minf);
}

void movie_write(const struct movie *movie, const struct movie_timing *timing, struct buf *out)
{
    struct ticks ticks = make_ticks(movie, timing);
    size_t moov = box_begin(out, "moov"), trak, mdia;

    put_mvhd(out, &ticks);
    trak = box_begin(out, "trak");
    put_tkhd(out, movie, &ticks);
    mdia = box_begin(out, "mdia");
    put_mdhd(out, &ticks);
    put_hdlr(out);
    put_minf(out, movie, &ticks);
    box_end(out, mdia);
    box_end(out, trak);
    box_end(out, moov);
}
