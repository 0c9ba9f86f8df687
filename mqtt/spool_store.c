/* SPDX-License-Identifier: MIT */
/* spool_store: <dir>/<number>.spool, each with a head that says where in the stream it begins, and
 * <dir>/done, where all before is done.
 *
 * Written for an SD card: events that the broker confirms soon cost no block of the card, for the
 * file is emptied again before the kernel writes it out; it is neither made nor removed for them.
 * "done" has two places that are written in turn, so that a torn write leaves the other. It may be
 * behind: then events are sent twice, which a consumer sees by "boot" and "seq". */
#include "mqtt/spool_store.h"

#include "agent/base/crc32.h"
#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "mqtt/spool_record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENT_MAGIC "LSPOOL1"

enum {
    SEGMENT_BYTES = 1024 * 1024,
    SEGMENT_FILE_MAX_BYTES = 8 * 1024 * 1024, /* one write may be larger than a segment */
    HEAD_BYTES = 20,                          /* magic, u64 begin, u32 CRC of both */
    MARK_BYTES = 12,                          /* u64 place, u32 CRC */
    SEGMENT_MAX = 4096,                       /* files that are looked at */
};

struct segment {
    struct list link;
    unsigned number;
    uint64_t begin, end; /* equal: the file is empty and has no head */
};

struct spool_store {
    char *dir;
    struct list segments; /* oldest first; the last one is written to while fd is open */
    unsigned last_number;
    int fd; /* of the last segment; -1: the next append makes a new one */
    bool unsynced, unsynced_dir;
    uint64_t done; /* as marked on the disk */
    int mark_fd;
    unsigned mark_slot;
};

/* --- names and small things --- */

static char *segment_path(const struct spool_store *store, unsigned number)
{
    return xasprintf("%s/%08u.spool", store->dir, number);
}

static int os_error(const char *what, const char *path, struct error *err)
{
    int code = errno ? errno : EIO;

    return error_set(err, -code, "cannot %s %s: %s", what, path, strerrordesc_np(code));
}

static struct segment *first_segment(const struct spool_store *store)
{
    return LIST_FIRST(&store->segments, struct segment, link);
}

static struct segment *last_segment(const struct spool_store *store)
{
    if (list_empty(&store->segments))
        return NULL;
    return CONTAINER_OF(store->segments.prev, struct segment, link);
}

static struct segment *segment_add(struct spool_store *store, unsigned number)
{
    struct segment *segment = xcalloc(1, sizeof(*segment));

    segment->number = number;
    list_append(&store->segments, &segment->link);
    return segment;
}

static void segment_free(struct segment *segment)
{
    list_remove(&segment->link);
    free_p(&segment);
}

static int write_all(int fd, const uint8_t *data, size_t len, off_t at)
{
    while (len > 0) {
        ssize_t written = pwrite(fd, data, len, at);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return -(written < 0 ? errno : EIO);
        data += written;
        len -= (size_t)written;
        at += written;
    }
    return 0;
}

/* --- the mark --- */

static void read_mark(struct spool_store *store)
{
    uint8_t slots[2][MARK_BYTES] = {{0}};
    ssize_t len = pread(store->mark_fd, slots, sizeof(slots), 0);

    for (unsigned i = 0; i < 2; i++) {
        if (len < (ssize_t)((i + 1) * MARK_BYTES) ||
            crc32_of(slots[i], 8) != spool_get_u32(slots[i] + 8) ||
            spool_get_u64(slots[i]) < store->done)
            continue;
        store->done = spool_get_u64(slots[i]);
        store->mark_slot = 1 - i;
    }
}

static int write_mark(struct spool_store *store, uint64_t until, struct error *err)
{
    uint8_t slot[MARK_BYTES];
    int rc;

    spool_put_u64(slot, until);
    spool_put_u32(slot + 8, crc32_of(slot, 8));
    rc = write_all(store->mark_fd, slot, sizeof(slot), store->mark_slot * MARK_BYTES);
    if (rc < 0)
        return error_set(err, rc, "cannot write %s/done: %s", store->dir, strerrordesc_np(-rc));
    store->mark_slot = 1 - store->mark_slot;
    store->done = until;
    return 0;
}

/* --- what was there --- */

static int read_head(const char *data, size_t len, uint64_t *ret_begin)
{
    const uint8_t *head = (const uint8_t *)data;

    if (len < HEAD_BYTES || memcmp(head, SEGMENT_MAGIC, 8) != 0 ||
        crc32_of(head, 16) != spool_get_u32(head + 16))
        return -EBADMSG;
    *ret_begin = spool_get_u64(head + 8);
    return 0;
}

/* Bytes of whole records; *records counts those that begin at or behind done. */
static size_t scan_records(const uint8_t *data, size_t len, uint64_t begin, uint64_t done,
                           size_t *records)
{
    struct spool_record record;
    size_t at = 0;
    int size;

    while ((size = spool_record_get(data + at, len - at, &record)) > 0) {
        if (begin + at >= done)
            ++*records;
        at += (size_t)size;
    }
    return at;
}

static void load_segment(struct spool_store *store, unsigned number, size_t *records)
{
    CLEANUP(free_p) char *path = segment_path(store, number);
    CLEANUP(free_p) char *data = NULL;
    struct segment *last = last_segment(store), *segment;
    uint64_t begin, floor = last ? last->end : 0;
    size_t len, whole;

    store->last_number = number;
    if (path_read_file(path, SEGMENT_FILE_MAX_BYTES, &data, &len, NULL) < 0 ||
        read_head(data, len, &begin) < 0 || begin < floor) {
        unlink(path); /* empty, or no head: nothing in it was ever promised */
        return;
    }
    whole = scan_records((const uint8_t *)data + HEAD_BYTES, len - HEAD_BYTES, begin, store->done,
                         records);
    if (whole == 0 || begin + whole <= store->done) {
        unlink(path);
        return;
    }
    segment = segment_add(store, number);
    segment->begin = begin;
    segment->end = begin + whole;
}

static int by_number(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_segment(const struct dirent *entry)
{
    return strlen(entry->d_name) == strlen("00000001.spool") &&
           str_ends_with(entry->d_name, ".spool");
}

static unsigned number_of(const char *name)
{
    unsigned number = 0;

    for (; *name >= '0' && *name <= '9'; name++)
        number = number * 10 + (unsigned)(*name - '0');
    return number;
}

static int load_segments(struct spool_store *store, size_t *records, struct error *err)
{
    struct dirent **entries = NULL;
    int count = scandir(store->dir, &entries, is_segment, by_number);

    if (count < 0)
        return os_error("read", store->dir, err);
    for (int i = 0; i < count; i++) {
        if (i < SEGMENT_MAX)
            load_segment(store, number_of(entries[i]->d_name), records);
        free_p(&entries[i]);
    }
    free_p(&entries);
    return 0;
}

static struct spool_extent extent_of(const struct spool_store *store, size_t records)
{
    const struct segment *first = first_segment(store), *last = last_segment(store);
    struct spool_extent extent = {.begin = store->done, .end = store->done, .records = records};

    if (first) {
        extent.begin = MAX(store->done, first->begin);
        extent.end = last->end;
    }
    return extent;
}

int spool_store_open(const char *dir, struct spool_store **ret_store,
                     struct spool_extent *ret_extent, struct error *err)
{
    struct spool_store *store;
    CLEANUP(free_p) char *mark = path_join(dir, "done");
    size_t records = 0;
    int rc = path_make_dirs(dir, err);

    if (rc < 0)
        return rc;
    store = xcalloc(1, sizeof(*store));
    list_init(&store->segments);
    replace_str(&store->dir, dir);
    store->fd = -1;
    store->mark_fd = open(mark, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (store->mark_fd < 0) {
        rc = os_error("open", mark, err);
    } else {
        read_mark(store);
        rc = load_segments(store, &records, err);
    }
    if (rc < 0) {
        spool_store_close(store);
        return rc;
    }
    *ret_extent = extent_of(store, records);
    *ret_store = store;
    return 0;
}

void spool_store_close(struct spool_store *store)
{
    struct segment *segment;

    if (!store)
        return;
    LIST_FOR_EACH(&store->segments, segment, struct segment, link)
    segment_free(segment);
    if (store->fd >= 0)
        close(store->fd);
    if (store->mark_fd >= 0)
        close(store->mark_fd);
    free_p(&store->dir);
    free_p(&store);
}

/* --- writing --- */

static int new_segment(struct spool_store *store, struct segment **ret_segment, struct error *err)
{
    CLEANUP(free_p) char *path = segment_path(store, store->last_number + 1);

    if (store->fd >= 0 && spool_store_sync(store, err) < 0)
        return err ? err->code : -EIO;
    if (store->fd >= 0)
        close(store->fd);
    store->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (store->fd < 0)
        return os_error("make", path, err);
    *ret_segment = segment_add(store, ++store->last_number);
    store->unsynced_dir = true;
    return 0;
}

static bool fits(const struct spool_store *store, const struct segment *last, uint64_t at)
{
    if (store->fd < 0 || !last)
        return false;
    return last->begin == last->end || (last->end == at && at - last->begin < SEGMENT_BYTES);
}

static int begin_segment(struct spool_store *store, struct segment *segment, uint64_t at,
                         struct error *err)
{
    uint8_t head[HEAD_BYTES] = SEGMENT_MAGIC;
    int rc;

    spool_put_u64(head + 8, at);
    spool_put_u32(head + 16, crc32_of(head, 16));
    rc = write_all(store->fd, head, sizeof(head), 0);
    if (rc < 0)
        return error_set(err, rc, "cannot write to %s: %s", store->dir, strerrordesc_np(-rc));
    segment->begin = segment->end = at;
    return 0;
}

int spool_store_append(struct spool_store *store, uint64_t at, const uint8_t *data, size_t len,
                       struct error *err)
{
    struct segment *last = last_segment(store);
    off_t offset;
    int rc = 0;

    if (!fits(store, last, at))
        rc = new_segment(store, &last, err);
    if (rc < 0)
        return rc;
    if (last->begin == last->end)
        rc = begin_segment(store, last, at, err);
    if (rc < 0)
        return rc;
    offset = HEAD_BYTES + (off_t)(at - last->begin);
    rc = write_all(store->fd, data, len, offset);
    if (rc < 0) {
        (void)!ftruncate(store->fd, offset); /* or else the CRC tells */
        return error_set(err, rc, "cannot write to %s: %s", store->dir, strerrordesc_np(-rc));
    }
    last->end = at + len;
    store->unsynced = true;
    return 0;
}

int spool_store_sync(struct spool_store *store, struct error *err)
{
    int rc = 0;

    if (store->unsynced && fdatasync(store->fd) < 0)
        return os_error("sync", store->dir, err);
    if (store->unsynced_dir)
        rc = path_sync_dir(store->dir, err);
    if (rc == 0)
        store->unsynced = store->unsynced_dir = false;
    return rc;
}

/* --- forgetting --- */

/* The segment that is being written stays, empty. */
static int empty_last(struct spool_store *store, struct segment *last, struct error *err)
{
    if (ftruncate(store->fd, 0) < 0)
        return os_error("empty a file in", store->dir, err);
    last->begin = last->end;
    store->unsynced = false;
    return 0;
}

static void remove_segment(const struct spool_store *store, struct segment *segment)
{
    CLEANUP(free_p) char *path = segment_path(store, segment->number);

    unlink(path); /* one that stays is looked at, and forgotten, at the next start */
    segment_free(segment);
}

int spool_store_forget(struct spool_store *store, uint64_t until, struct error *err)
{
    struct segment *segment, *last = last_segment(store);
    int rc = 0;

    LIST_FOR_EACH(&store->segments, segment, struct segment, link)
    {
        if (segment->begin == segment->end || segment->end > until)
            continue;
        if (segment == last && store->fd >= 0)
            rc = empty_last(store, segment, err);
        else
            remove_segment(store, segment);
    }
    segment = first_segment(store);
    if (rc == 0 && segment && segment->begin < until && segment->end > until)
        rc = write_mark(store, until, err);
    return rc;
}

/* --- reading --- */

static const struct segment *segment_at(const struct spool_store *store, uint64_t at)
{
    const struct segment *segment;

    LIST_FOR_EACH(&store->segments, segment, struct segment, link)
    if (segment->end > at)
        return segment;
    return NULL;
}

static int read_segment(const struct spool_store *store, const struct segment *segment, uint64_t at,
                        struct buf *out, struct error *err)
{
    CLEANUP(free_p) char *path = segment_path(store, segment->number);
    size_t want = MIN((size_t)(segment->end - at), out->max_bytes);
    uint8_t *room = buf_reserve(out, want);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t got = -1;

    if (fd >= 0)
        got = pread(fd, room, want, HEAD_BYTES + (off_t)(at - segment->begin));
    if (got <= 0) {
        int rc = os_error("read", path, err);

        if (fd >= 0)
            close(fd);
        return rc;
    }
    close(fd);
    buf_commit(out, (size_t)got);
    return 0;
}

int spool_store_read(struct spool_store *store, uint64_t at, bool skip, struct buf *out,
                     uint64_t *ret_at, struct error *err)
{
    const struct segment *segment = segment_at(store, at);

    if (segment && skip) {
        at = segment->end;
        segment = segment_at(store, at);
    }
    buf_clear(out);
    *ret_at = at;
    if (!segment)
        return 0;
    *ret_at = MAX(at, segment->begin);
    return read_segment(store, segment, *ret_at, out, err);
}
