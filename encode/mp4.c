/* SPDX-License-Identifier: MIT */
/* mp4: samples, tables and ledger in the order that makes a crash harmless.
 *
 * Samples are durable before a table names them (growfile sees to the tables), and both before the
 * ledger has a record of them. So the ledger never promises what the file does not hold, and a file
 * that holds more is cut back to it. At opening the tables are written anew: a torn one heals.
 *
 * The ledger is locked while it is open. A session that is closed and opened again at once waits
 * until the worker of the first one has let go. */
#include "encode/mp4.h"

#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "encode/growfile.h"
#include "encode/ledger.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LEDGER_MAX_BYTES = 256 << 20,
    COPY_STEP_BYTES = 8 << 20,
    COPY_BUFFER_BYTES = 128 << 10,
    LOST_NAMES_MAX = 1000,
    SIDE_MAX_PX = 16384,
    FILE_MODE = 0640,
};

struct mp4 {
    char *dir;
    char *growing_path, *final_path, *ledger_path;
    bool finished; /* it lies at final_path */
    struct growfile file;
    struct movie movie;

    int ledger_fd;
    int64_t ledger_len;
    size_t ledger_configs, ledger_reserves; /* how many of them the ledger knows */
    int64_t committed_frames, dropped, last_seq;
    bool appended; /* the last chunk is not committed */
};

const char *mp4_path(const struct mp4 *mp4)
{
    return mp4->finished ? mp4->final_path : mp4->growing_path;
}

void mp4_get_state(const struct mp4 *mp4, struct mp4_state *ret_state)
{
    *ret_state = (struct mp4_state){
        .frames = mp4->committed_frames,
        .dropped = mp4->dropped,
        .last_seq = mp4->last_seq,
        .bytes = mp4->file.data_end,
        .width = mp4->movie.width,
        .height = mp4->movie.height,
    };
}

static int file_error(const struct mp4 *mp4, int rc, const char *what, struct error *err)
{
    if (rc >= 0)
        return rc;
    return error_set(err, rc, "cannot %s %s: %s", what, mp4_path(mp4), strerror(-rc));
}

static int publish(const struct movie *movie, struct growfile *file,
                   const struct movie_timing *timing)
{
    CLEANUP(buf_done) struct buf moov = BUF_INIT(LEDGER_MAX_BYTES);

    movie_write(movie, timing, &moov);
    return growfile_publish(file, &moov);
}

/* --- a segment in, or out again --- */

static void add_to_movie(struct mp4 *mp4, const struct h264_stream *stream)
{
    uint32_t config =
        movie_add_config(&mp4->movie, stream->sps, stream->sps_len, stream->pps, stream->pps_len);

    movie_add_chunk(&mp4->movie, mp4->file.data_end, config);
    for (size_t i = 0; i < stream->sample_count; i++)
        movie_add_sample(&mp4->movie, stream->samples[i].bytes, stream->samples[i].key);
    mp4->file.data_end += (int64_t)stream->data.len;
    mp4->appended = true;
}

static int prepare(struct mp4 *mp4, int width, int height)
{
    if (mp4->ledger_reserves == 0) { /* nothing committed: also after a rollback of the first one */
        mp4->movie.width = width;
        mp4->movie.height = height;
    }
    return mp4->file.reserve_count == 0 ? growfile_create(&mp4->file)
                                        : growfile_open_media(&mp4->file);
}

int mp4_append(struct mp4 *mp4, const struct h264_stream *stream, int width, int height,
               const struct movie_timing *timing, struct error *err)
{
    int rc = prepare(mp4, width, height);

    assert(!mp4->appended);
    if (rc == 0)
        rc = growfile_write(mp4->file.fd, stream->data.data, stream->data.len, mp4->file.data_end);
    if (rc == 0)
        rc = growfile_sync(mp4->file.fd);
    if (rc < 0)
        return file_error(mp4, rc, "append to", err);
    add_to_movie(mp4, stream);
    return file_error(mp4, publish(&mp4->movie, &mp4->file, timing), "write the tables of", err);
}

int64_t mp4_appended_at(const struct mp4 *mp4)
{
    return mp4->committed_frames;
}

void mp4_rollback(struct mp4 *mp4, const struct movie_timing *timing)
{
    if (mp4->file.reserve_count == 0)
        return;
    if (mp4->appended) {
        const struct movie_chunk *chunk = &mp4->movie.chunks[mp4->movie.chunk_count - 1];

        /* Not when a new reserve for tables was made behind it: then the samples stay as a gap. */
        if (chunk->offset > mp4->file.reserves[mp4->file.reserve_count - 1].at)
            mp4->file.data_end = chunk->offset;
        movie_drop_chunk(&mp4->movie);
        mp4->appended = false;
    }
    /* A failure here leaves a table that names samples which are gone; the next table heals it. */
    if (publish(&mp4->movie, &mp4->file, timing) < 0)
        return;
    if (ftruncate(mp4->file.fd, mp4->file.data_end) < 0)
        return;
}

static void put_reserves(const struct mp4 *mp4, int64_t from, int64_t to, struct buf *out)
{
    for (size_t i = mp4->ledger_reserves; i < mp4->file.reserve_count; i++) {
        const struct growfile_reserve *reserve = &mp4->file.reserves[i];

        if (reserve->at >= from && reserve->at < to)
            ledger_put_reserve(out, &(struct ledger_reserve){.at = reserve->at,
                                                             .slot_bytes = reserve->slot_bytes});
    }
}

static void put_configs(const struct mp4 *mp4, struct buf *out)
{
    for (size_t i = mp4->ledger_configs; i < mp4->movie.config_count; i++) {
        const struct movie_config *config = &mp4->movie.configs[i];

        ledger_put_config(out, &(struct ledger_config){.sps = config->sps,
                                                       .pps = config->pps,
                                                       .sps_len = config->sps_len,
                                                       .pps_len = config->pps_len});
    }
}

static void put_samples(const struct movie *movie, uint32_t count, struct buf *out)
{
    size_t first = movie->sample_count - count, key = movie->key_count;

    while (key > 0 && movie->key_samples[key - 1] > first)
        key--;
    for (size_t i = first; i < movie->sample_count; i++) {
        bool is_key = key < movie->key_count && movie->key_samples[key] == i + 1;

        key += is_key;
        ledger_put_sample(out, movie->sample_bytes[i], is_key);
    }
}

/* In the order of the file, because replaying them moves its end forward: a reserve may lie behind
 * the segment whose table needed it. */
static void put_records(const struct mp4 *mp4, struct ledger_segment *segment, struct buf *out)
{
    size_t begin;

    if (mp4->appended) {
        const struct movie_chunk *chunk = &mp4->movie.chunks[mp4->movie.chunk_count - 1];

        segment->offset = chunk->offset;
        segment->config = chunk->config;
        segment->sample_count = chunk->samples;
    }
    if (mp4->ledger_reserves == 0 && mp4->file.reserve_count > 0)
        ledger_put_size(out, &(struct ledger_size){.width = (uint32_t)mp4->movie.width,
                                                   .height = (uint32_t)mp4->movie.height});
    put_reserves(mp4, 0, mp4->appended ? segment->offset : INT64_MAX, out);
    put_configs(mp4, out);
    begin = ledger_segment_begin(out, segment);
    put_samples(&mp4->movie, segment->sample_count, out);
    ledger_segment_end(out, begin);
    if (mp4->appended)
        put_reserves(mp4, segment->offset, INT64_MAX, out);
}

static int append_ledger(struct mp4 *mp4, const struct buf *records)
{
    int rc = growfile_write(mp4->ledger_fd, records->data, records->len, mp4->ledger_len);

    if (rc == 0)
        rc = growfile_sync(mp4->ledger_fd);
    /* A half-written record would hide those after it. */
    if (rc < 0 && ftruncate(mp4->ledger_fd, mp4->ledger_len) < 0)
        return rc;
    return rc;
}

int mp4_commit(struct mp4 *mp4, int64_t first_seq, int64_t last_seq, int64_t dropped,
               struct error *err)
{
    CLEANUP(buf_done) struct buf records = BUF_INIT(LEDGER_MAX_BYTES);
    struct ledger_segment segment = {
        .first_seq = first_seq, .last_seq = last_seq, .dropped = (uint32_t)dropped};
    int rc;

    put_records(mp4, &segment, &records);
    rc = append_ledger(mp4, &records);
    if (rc < 0)
        return error_set(err, rc, "cannot write %s: %s", mp4->ledger_path, strerror(-rc));
    mp4->ledger_len += (int64_t)records.len;
    mp4->ledger_configs = mp4->movie.config_count;
    mp4->ledger_reserves = mp4->file.reserve_count;
    mp4->committed_frames += segment.sample_count;
    mp4->dropped += dropped;
    mp4->last_seq = last_seq;
    mp4->appended = false;
    return 0;
}

/* --- the end --- */

static int close_file(const struct movie *movie, struct growfile *file,
                      const struct movie_timing *timing)
{
    int rc = publish(movie, file, timing);

    if (rc == 0)
        rc = growfile_close_media(file);
    if (rc == 0 && ftruncate(file->fd, file->data_end) < 0)
        rc = -errno;
    if (rc == 0 && fsync(file->fd) < 0)
        rc = -errno;
    return rc;
}

int mp4_finish(struct mp4 *mp4, const struct movie_timing *timing, struct error *err)
{
    int rc = close_file(&mp4->movie, &mp4->file, timing);

    if (rc < 0)
        return file_error(mp4, rc, "finish", err);
    rc = movie_check(mp4_path(mp4), mp4->committed_frames, movie_duration_s(&mp4->movie, timing),
                     err);
    if (rc < 0)
        return rc;
    if (!mp4->finished && rename(mp4->growing_path, mp4->final_path) < 0)
        return error_set(err, -errno, "cannot rename %s: %s", mp4->growing_path, strerror(errno));
    mp4->finished = true;
    return path_sync_dir(mp4->dir, err);
}

/* --- copies --- */

/* Where the kernel cannot copy between the two (old kernels, other file systems). */
static int copy_by_hand(int from, int to, int64_t at, size_t len)
{
    CLEANUP(free_p) uint8_t *data = xmalloc(COPY_BUFFER_BYTES);

    while (len > 0) {
        ssize_t got = pread(from, data, MIN(len, (size_t)COPY_BUFFER_BYTES), at);
        int rc = got > 0 ? growfile_write(to, data, (size_t)got, at) : got < 0 ? -errno : -EIO;

        if (rc < 0)
            return rc;
        at += got;
        len -= (size_t)got;
    }
    return 0;
}

static int copy_step(int from, int to, int64_t at, size_t len)
{
    off64_t in = at, out = at;
    ssize_t done = copy_file_range(from, &in, to, &out, len, 0);

    if (done > 0)
        return (int)done;
    if (done < 0 && errno == ENOSPC)
        return -ENOSPC;
    return copy_by_hand(from, to, at, len) < 0 ? -errno : (int)len;
}

static int copy_bytes(int from, int to, int64_t len, const atomic_bool *cancel)
{
    for (int64_t at = 0; at < len;) {
        int done = copy_step(from, to, at, (size_t)MIN(len - at, (int64_t)COPY_STEP_BYTES));

        if (done < 0)
            return done;
        if (atomic_load(cancel))
            return -ECANCELED;
        at += done;
    }
    return 0;
}

static int copy_to(const struct mp4 *mp4, const struct movie_timing *timing, const char *path,
                   const atomic_bool *cancel, struct error *err)
{
    struct growfile copy = mp4->file;
    int rc;

    copy.fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (copy.fd < 0)
        return error_set(err, -errno, "cannot write %s: %s", path, strerror(errno));
    rc = copy_bytes(mp4->file.fd, copy.fd, mp4->file.data_end, cancel);
    if (rc == 0)
        rc = close_file(&mp4->movie, &copy, timing);
    close(copy.fd);
    if (rc < 0)
        return error_set(err, rc, "cannot write %s: %s", path, strerror(-rc));
    return movie_check(path, mp4->committed_frames, movie_duration_s(&mp4->movie, timing), err);
}

int mp4_copy(struct mp4 *mp4, const struct movie_timing *timing, const char *dest_path,
             const atomic_bool *cancel, struct error *err)
{
    CLEANUP(free_p) char *temporary = xasprintf("%s.tmp", dest_path);
    int rc = copy_to(mp4, timing, temporary, cancel, err);

    if (rc == 0 && rename(temporary, dest_path) < 0)
        rc = error_set(err, -errno, "cannot rename %s: %s", temporary, strerror(errno));
    if (rc < 0)
        unlink(temporary);
    return rc;
}

/* --- opening --- */

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* Never overwrites a video that only lost its ledger: it still plays. */
static int set_aside(const struct mp4 *mp4, const char *name, struct error *err)
{
    for (int number = 1; number <= LOST_NAMES_MAX; number++) {
        CLEANUP(free_p) char *path = xasprintf("%s/%s.lost-%d.mp4", mp4->dir, name, number);

        if (exists(path))
            continue;
        if (rename(mp4->growing_path, path) == 0)
            return 0;
        return error_set(err, -errno, "cannot rename %s: %s", mp4->growing_path, strerror(errno));
    }
    return error_set(err, -EEXIST, "%s: too many lost videos", mp4->dir);
}

static int open_ledger(struct mp4 *mp4, struct error *err)
{
    struct stat info;

    mp4->ledger_fd = open(mp4->ledger_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (mp4->ledger_fd >= 0 && flock(mp4->ledger_fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return error_set(err, -EBUSY, "%s is in use: another build works on this video",
                         mp4->ledger_path);
    if (mp4->ledger_fd < 0 || fstat(mp4->ledger_fd, &info) < 0)
        return error_set(err, -errno, "cannot open %s: %s", mp4->ledger_path, strerror(errno));
    mp4->ledger_len = info.st_size;
    return 0;
}

static int open_file(struct mp4 *mp4, struct error *err)
{
    mp4->file.fd = open(mp4->growing_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (mp4->file.fd < 0)
        return error_set(err, -errno, "cannot open %s: %s", mp4->growing_path, strerror(errno));
    return 0;
}

/* The ledger exists durably before the growing file does: without one the file is a stranger. */
static int start_ledger(struct mp4 *mp4, struct error *err)
{
    int rc = ftruncate(mp4->ledger_fd, 0) < 0 ? -errno : 0;

    if (rc == 0)
        rc = growfile_write(mp4->ledger_fd, LEDGER_MAGIC, LEDGER_MAGIC_BYTES, 0);
    if (rc == 0)
        rc = growfile_sync(mp4->ledger_fd);
    if (rc < 0)
        return error_set(err, rc, "cannot write %s: %s", mp4->ledger_path, strerror(-rc));
    mp4->ledger_len = LEDGER_MAGIC_BYTES;
    return path_sync_dir(mp4->dir, err);
}

static bool replay_segment(struct mp4 *mp4, const struct ledger_segment *segment,
                           int64_t file_bytes)
{
    int64_t bytes = 0;

    for (uint32_t i = 0; i < segment->sample_count; i++)
        bytes += ledger_sample_bytes(segment, i);
    if (segment->sample_count > 0) {
        if (mp4->file.reserve_count == 0 || segment->config >= mp4->movie.config_count ||
            segment->offset < mp4->file.data_end || bytes > file_bytes - segment->offset)
            return false;
        movie_add_chunk(&mp4->movie, segment->offset, segment->config);
        mp4->file.data_end = segment->offset + bytes;
    }
    for (uint32_t i = 0; i < segment->sample_count; i++)
        movie_add_sample(&mp4->movie, ledger_sample_bytes(segment, i),
                         ledger_sample_key(segment, i));
    mp4->committed_frames += segment->sample_count;
    mp4->dropped += segment->dropped;
    mp4->last_seq = segment->last_seq;
    return true;
}

static bool replay_size(struct mp4 *mp4, const struct ledger_size *size)
{
    if (size->width - 1 >= SIDE_MAX_PX || size->height - 1 >= SIDE_MAX_PX)
        return false;
    mp4->movie.width = (int)size->width;
    mp4->movie.height = (int)size->height;
    return true;
}

static bool replay(struct mp4 *mp4, const struct ledger_record *record, int64_t file_bytes)
{
    const struct ledger_config *config = &record->config;
    const struct growfile_reserve reserve = {.at = record->reserve.at,
                                             .slot_bytes = record->reserve.slot_bytes};

    switch (record->type) {
    case LEDGER_SIZE:
        return replay_size(mp4, &record->size);
    case LEDGER_RESERVE:
        return reserve.at < file_bytes && growfile_adopt(&mp4->file, &reserve) == 0;
    case LEDGER_CONFIG:
        return movie_add_config(&mp4->movie, config->sps, config->sps_len, config->pps,
                                config->pps_len) == mp4->movie.config_count - 1;
    case LEDGER_SEGMENT:
        return replay_segment(mp4, &record->segment, file_bytes);
    }
    return false;
}

static void replay_all(struct mp4 *mp4, const uint8_t *data, size_t len, int64_t file_bytes)
{
    struct ledger_record record;
    size_t at = LEDGER_MAGIC_BYTES, good = at;

    while (ledger_next(data, len, &at, &record) && replay(mp4, &record, file_bytes))
        good = at;
    mp4->ledger_len = (int64_t)good;
    mp4->ledger_configs = mp4->movie.config_count;
    mp4->ledger_reserves = mp4->file.reserve_count;
}

static int recover_file(struct mp4 *mp4, const struct movie_timing *timing)
{
    int rc;

    if (ftruncate(mp4->ledger_fd, mp4->ledger_len) < 0)
        return -errno;
    if (mp4->file.reserve_count == 0)
        return ftruncate(mp4->file.fd, 0) < 0 ? -errno : 0;
    rc = growfile_recover(&mp4->file);
    /* First the table without the torn tail, then the cut: it plays in between, too. */
    if (rc == 0)
        rc = publish(&mp4->movie, &mp4->file, timing);
    if (rc == 0 && ftruncate(mp4->file.fd, mp4->file.data_end) < 0)
        rc = -errno;
    return rc;
}

static int recover(struct mp4 *mp4, const struct movie_timing *timing, struct error *err)
{
    CLEANUP(free_p) char *data = NULL;
    struct stat info;
    size_t len = 0;
    int rc = path_read_file(mp4->ledger_path, LEDGER_MAX_BYTES, &data, &len, err);

    if (rc < 0)
        return rc;
    if (fstat(mp4->file.fd, &info) < 0)
        return file_error(mp4, -errno, "look at", err);
    replay_all(mp4, (const uint8_t *)data, len, info.st_size);
    return file_error(mp4, recover_file(mp4, timing), "recover", err);
}

static bool has_magic(const struct mp4 *mp4)
{
    uint8_t magic[LEDGER_MAGIC_BYTES];

    return pread(mp4->ledger_fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) &&
           memcmp(magic, LEDGER_MAGIC, sizeof(magic)) == 0;
}

static int open_both(struct mp4 *mp4, const char *name, const struct movie_timing *timing,
                     struct error *err)
{
    int rc = open_ledger(mp4, err);

    if (rc < 0)
        return rc;
    if (!has_magic(mp4)) {
        if (exists(mp4->growing_path))
            rc = set_aside(mp4, name, err);
        if (rc == 0)
            rc = start_ledger(mp4, err);
    } else if (!exists(mp4->growing_path) && exists(mp4->final_path)) {
        if (rename(mp4->final_path, mp4->growing_path) < 0)
            rc = error_set(err, -errno, "cannot rename %s: %s", mp4->final_path, strerror(errno));
    }
    if (rc == 0)
        rc = open_file(mp4, err);
    return rc < 0 ? rc : recover(mp4, timing, err);
}

int mp4_open(const char *dir, const char *name, const struct movie_timing *timing,
             struct mp4 **ret_mp4, struct error *err)
{
    struct mp4 *mp4 = xcalloc(1, sizeof(*mp4));
    int rc;

    mp4->dir = xstrdup(dir);
    mp4->growing_path = xasprintf("%s/%s.growing.mp4", dir, name);
    mp4->final_path = xasprintf("%s/%s.mp4", dir, name);
    mp4->ledger_path = xasprintf("%s/%s.idx", dir, name);
    mp4->file.fd = mp4->ledger_fd = -1;
    mp4->last_seq = INT64_MIN;
    rc = open_both(mp4, name, timing, err);
    if (rc < 0) {
        mp4_close(mp4);
        return rc;
    }
    *ret_mp4 = mp4;
    return 0;
}

void mp4_close(struct mp4 *mp4)
{
    if (!mp4)
        return;
    if (mp4->file.fd >= 0)
        close(mp4->file.fd);
    if (mp4->ledger_fd >= 0)
        close(mp4->ledger_fd);
    movie_done(&mp4->movie);
    free(mp4->dir);
    free(mp4->growing_path);
    free(mp4->final_path);
    free(mp4->ledger_path);
    free(mp4);
}
