/* SPDX-License-Identifier: MIT */
/* movie_check: a second reading of what movie.c wrote, from the file and without its tables, so
 * that a mistake in the one shows in the other. Cost: the moov box, not the video. */
#include "encode/movie.h"

#include "agent/base/mem.h"
#include "encode/box.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TOP_BOXES_MAX = 64, MOOV_MAX_BYTES = 256 << 20 };

struct extent {
    int64_t begin, end;
};

/* What the walk over the top level found. */
struct layout {
    int64_t file_bytes;
    struct extent moov; /* content; end 0 = none yet */
    struct extent media[TOP_BOXES_MAX];
    size_t media_count;
};

struct table {
    const uint8_t *entries;
    size_t count;
};

static int read_at(int fd, void *data, size_t len, int64_t offset, struct error *err)
{
    ssize_t got = pread(fd, data, len, offset);

    if (got < 0)
        return error_set(err, -errno, "cannot read the video: %s", strerror(errno));
    if ((size_t)got < len)
        return error_set(err, -EBADMSG, "the video is cut off at %lld", (long long)(offset + got));
    return 0;
}

static void take_top_box(struct layout *layout, const uint8_t *type, struct extent content)
{
    if (memcmp(type, "moov", 4) == 0 && layout->moov.end == 0)
        layout->moov = content;
    else if (memcmp(type, "mdat", 4) == 0)
        layout->media[layout->media_count++] = content;
}

static int walk_top(int fd, struct layout *layout, struct error *err)
{
    int64_t at = 0;

    for (int boxes = 0; at < layout->file_bytes; boxes++) {
        uint8_t header[16] = {0};
        int64_t size, header_bytes = 8;
        int rc = read_at(fd, header, 8, at, err);

        if (rc < 0)
            return rc;
        size = box_get_u32(header);
        if (size == 1) {
            rc = read_at(fd, header, 16, at, err);
            if (rc < 0)
                return rc;
            size = (int64_t)box_get_u64(header + 8);
            header_bytes = 16;
        } else if (size == 0) {
            size = layout->file_bytes - at;
        }
        if (boxes == TOP_BOXES_MAX || size < header_bytes || size > layout->file_bytes - at)
            return error_set(err, -EBADMSG, "the video has a malformed box at %lld", (long long)at);
        take_top_box(layout, header + 4, (struct extent){at + header_bytes, at + size});
        at += size;
    }
    return 0;
}

static int read_moov(int fd, struct layout *layout, uint8_t **ret_moov, size_t *ret_len,
                     struct error *err)
{
    int64_t len = layout->moov.end - layout->moov.begin;
    uint8_t *moov;
    int rc;

    if (layout->moov.end == 0 || len > MOOV_MAX_BYTES)
        return error_set(err, -EBADMSG, "the video has no moov box");
    moov = xmalloc((size_t)len + 1);
    rc = read_at(fd, moov, (size_t)len, layout->moov.begin, err);
    if (rc < 0) {
        free(moov);
        return rc;
    }
    *ret_moov = moov;
    *ret_len = (size_t)len;
    return 0;
}

/* Descends the path of four-letter names, as "trakmdiamdhd". */
static bool find_path(const uint8_t *data, size_t len, const char *names,
                      const uint8_t **ret_content, size_t *ret_len)
{
    for (; *names; names += 4)
        if (!box_find(data, len, names, &data, &len))
            return false;
    *ret_content = data;
    *ret_len = len;
    return true;
}

static bool find_table(const uint8_t *stbl, size_t len, const char *name, size_t head_bytes,
                       size_t entry_bytes, struct table *ret_table)
{
    const uint8_t *content;
    size_t content_len, count;

    if (!box_find(stbl, len, name, &content, &content_len) || content_len < head_bytes)
        return false;
    count = box_get_u32(content + head_bytes - 4);
    if (count > (content_len - head_bytes) / entry_bytes)
        return false;
    *ret_table = (struct table){.entries = content + head_bytes, .count = count};
    return true;
}

static double read_duration_s(const uint8_t *mdhd, size_t len)
{
    if (len >= 24 && mdhd[0] == 0)
        return (double)box_get_u32(mdhd + 16) / box_get_u32(mdhd + 12);
    if (len >= 36 && mdhd[0] == 1)
        return (double)box_get_u64(mdhd + 24) / box_get_u32(mdhd + 20);
    return -1;
}

static bool inside_media(const struct layout *layout, uint64_t begin, uint64_t bytes)
{
    for (size_t i = 0; i < layout->media_count; i++) {
        const struct extent *media = &layout->media[i];

        if (begin >= (uint64_t)media->begin && begin <= (uint64_t)media->end &&
            bytes <= (uint64_t)media->end - begin)
            return true;
    }
    return false;
}

/* Gives every chunk its samples, as a demuxer does. */
static bool chunks_fit(const struct layout *layout, const struct table *stsc,
                       const struct table *stsz, const struct table *co64)
{
    size_t sample = 0, run = 0;

    for (size_t chunk = 0; chunk < co64->count; chunk++) {
        uint64_t bytes = 0;
        uint32_t samples;

        if (run + 1 < stsc->count && box_get_u32(stsc->entries + 12 * (run + 1)) == chunk + 1)
            run++;
        if (run >= stsc->count)
            return false;
        samples = box_get_u32(stsc->entries + 12 * run + 4);
        if (samples > stsz->count - sample)
            return false;
        for (uint32_t i = 0; i < samples; i++)
            bytes += box_get_u32(stsz->entries + 4 * sample++);
        if (!inside_media(layout, box_get_u64(co64->entries + 8 * chunk), bytes))
            return false;
    }
    return sample == stsz->count;
}

static int64_t timed_frames(const struct table *stts)
{
    int64_t frames = 0;

    for (size_t i = 0; i < stts->count; i++)
        frames += box_get_u32(stts->entries + 8 * i);
    return frames;
}

static int check_moov(const struct layout *layout, const uint8_t *moov, size_t len, int64_t frames,
                      double duration_s, struct error *err)
{
    const uint8_t *mdhd, *stbl;
    size_t mdhd_len, stbl_len;
    struct table stts, stsc, stsz, co64;
    double said_s;

    if (!find_path(moov, len, "trakmdiamdhd", &mdhd, &mdhd_len) ||
        !find_path(moov, len, "trakmdiaminfstbl", &stbl, &stbl_len) ||
        !find_table(stbl, stbl_len, "stts", 8, 8, &stts) ||
        !find_table(stbl, stbl_len, "stsc", 8, 12, &stsc) ||
        !find_table(stbl, stbl_len, "stsz", 12, 4, &stsz) ||
        !find_table(stbl, stbl_len, "co64", 8, 8, &co64))
        return error_set(err, -EBADMSG, "the video's moov box is malformed");
    if ((int64_t)stsz.count != frames || timed_frames(&stts) != frames)
        return error_set(err, -EBADMSG, "the video's table has %zu frames instead of %lld",
                         stsz.count, (long long)frames);
    said_s = read_duration_s(mdhd, mdhd_len);
    if (!(fabs(said_s - duration_s) < 0.001))
        return error_set(err, -EBADMSG, "the video lasts %.3f s instead of %.3f s", said_s,
                         duration_s);
    if (!chunks_fit(layout, &stsc, &stsz, &co64))
        return error_set(err, -EBADMSG, "the video's sample table does not fit the file");
    return 0;
}

int movie_check(const char *path, int64_t frames, double duration_s, struct error *err)
{
    CLEANUP(free_p) uint8_t *moov = NULL;
    struct layout layout = {0};
    struct stat info;
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc;

    if (fd < 0)
        return error_set(err, -errno, "cannot open %s: %s", path, strerror(errno));
    rc = fstat(fd, &info) < 0 ? error_set(err, -errno, "%s: %s", path, strerror(errno)) : 0;
    layout.file_bytes = rc == 0 ? info.st_size : 0;
    if (rc == 0)
        rc = walk_top(fd, &layout, err);
    if (rc == 0)
        rc = read_moov(fd, &layout, &moov, &len, err);
    close(fd);
    return rc < 0 ? rc : check_moov(&layout, moov, len, frames, duration_s, err);
}
