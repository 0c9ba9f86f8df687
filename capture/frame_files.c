/* SPDX-License-Identifier: MIT */
/* frame_files: an announced frame is on the disk, whole, under a number that is used once.
 *
 * A frame goes to .<name>.tmp, is synced, and gets its name by a rename that refuses to replace
 * anything, because a number taken twice has cost other programs hundreds of frames. Then the
 * directory is synced. If any step fails nothing is left behind.
 *
 * A session's directory and its frames/ are opened without following links and all work is done
 * relative to that, so that a link planted there leads nothing elsewhere. They are never made again
 * when they are gone: the disk may have been pulled, and what would be made is a directory on the
 * system's card. */
#include "capture/frame_files.h"

#include "agent/base/buf.h"
#include "agent/base/crc32.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "capture/frame_store.h"
#include "capture/head.h"
#include "capture/jpeg.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    FRAME_BYTES_MAX = 64 * 1024 * 1024,
    RAW_BYTES_MAX = 512 * 1024 * 1024,
    COPY_BYTES = 256 * 1024,
};

/* --- names and directories --- */

static void close_fd(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static void close_dir(DIR **dir)
{
    if (*dir)
        closedir(*dir);
}

char *frame_files_name(const char *safe_camera, int64_t seq)
{
    return xasprintf("%s_%08" PRId64 ".jpg", safe_camera, seq);
}

char *frame_files_raw_name(const char *safe_camera, int64_t seq, const struct raw *raw)
{
    return xasprintf("%s_%08" PRId64 ".%s", safe_camera, seq, raw->suffix);
}

/* The number in a name of frame_files_name(); −1 when it is none. */
static int64_t frame_seq(const char *name, const char *safe_camera)
{
    CLEANUP(free_p) char *digits = NULL;
    CLEANUP(free_p) char *canonical = NULL;
    size_t prefix = strlen(safe_camera) + 1;
    int64_t seq;

    if (!str_starts_with(name, safe_camera) || strlen(name) <= prefix ||
        !str_ends_with(name, ".jpg"))
        return -1;
    digits = path_base_name(name + prefix, ".jpg");
    if (str_to_int(digits, &seq) < 0 || seq < 0)
        return -1;
    canonical = frame_files_name(safe_camera, seq);
    return str_equal(name, canonical) ? seq : -1;
}

/* Opens session_dir/frames; the last two steps follow no link. */
static int open_frames_dir(const char *session_dir, int *ret_fd, struct error *err)
{
    CLEANUP(close_fd)
    int session_fd = open(session_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int fd = -1;

    if (session_fd >= 0)
        fd = openat(session_fd, FRAMES_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        int rc = -errno;

        return error_set(err, rc, "cannot open %s/" FRAMES_DIR ": %s", session_dir, strerror(-rc));
    }
    *ret_fd = fd;
    return 0;
}

/* NULL: err says why. */
static DIR *open_frames(const char *session_dir, struct error *err)
{
    int fd = -1;
    DIR *dir;

    if (open_frames_dir(session_dir, &fd, err) < 0)
        return NULL;
    dir = fdopendir(fd);
    if (!dir) {
        error_set(err, -errno, "cannot read %s/" FRAMES_DIR ": %s", session_dir, strerror(errno));
        close(fd);
    }
    return dir;
}

char *frame_store_path(const char *session_dir, const char *camera, int64_t seq)
{
    CLEANUP(free_p) char *safe_camera = path_safe_name(camera);
    CLEANUP(free_p) char *name = frame_files_name(safe_camera, seq);

    return xasprintf("%s/" FRAMES_DIR "/%s", session_dir, name);
}

/* --- writing --- */

static int check_room(int dir_fd, size_t bytes, int64_t reserve_bytes, struct error *err)
{
    struct statvfs fs;
    int64_t left_bytes;

    if (fstatvfs(dir_fd, &fs) < 0)
        return error_set(err, -errno, "cannot ask for the free space: %s", strerror(errno));
    left_bytes = (int64_t)(fs.f_bavail * fs.f_frsize) - (int64_t)bytes;
    if (left_bytes < reserve_bytes)
        return error_set(err, -ENOSPC,
                         "storage full: %" PRId64 " MB left, %" PRId64 " MB are kept free",
                         MAX(left_bytes, 0) / 1000000, reserve_bytes / 1000000);
    return 0;
}

static int write_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, data, len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        data += written;
        len -= (size_t)written;
    }
    return 0;
}

/* What a file is made of: bytes in memory, or those of another file. */
struct content {
    const struct jpeg_head *head; /* comes first, in place of some of data; NULL: nothing does */
    const uint8_t *data;          /* NULL: of from_fd */
    size_t len;
    int from_fd;
};

/* pread(): others may be copying the same file. */
static int copy_all(int fd, const struct content *content)
{
    CLEANUP(free_p) uint8_t *part = xmalloc(COPY_BYTES);

    for (size_t at = 0; at < content->len;) {
        ssize_t got =
            pread(content->from_fd, part, MIN(content->len - at, (size_t)COPY_BYTES), (off_t)at);
        int rc;

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EIO;
        rc = write_all(fd, part, (size_t)got);
        if (rc < 0)
            return rc;
        at += (size_t)got;
    }
    return 0;
}

static int write_content(int fd, const struct content *content)
{
    const struct jpeg_head *head = content->head;
    size_t skip = head ? head->skip : 0;
    int rc = head ? write_all(fd, head->data, head->len) : 0;

    if (rc < 0 || !content->data)
        return rc < 0 ? rc : copy_all(fd, content);
    return write_all(fd, content->data + skip, content->len - skip);
}

static size_t bytes_of(const struct content *content)
{
    return content->head ? content->head->len + content->len - content->head->skip : content->len;
}

static int write_temp(int dir_fd, const char *temp, const struct content *content)
{
    int fd, rc;

    /* left by a power cut; O_EXCL needs it gone */
    if (unlinkat(dir_fd, temp, 0) < 0 && errno != ENOENT)
        return -errno;
    fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0)
        return -errno;
    rc = write_content(fd, content);
    if (rc == 0 && fdatasync(fd) < 0)
        rc = -errno;
    if (close(fd) < 0 && rc == 0)
        rc = -errno;
    return rc;
}

/* rename() that does not replace, also where the file system does not know renameat2()'s flag. */
static int rename_new(int dir_fd, const char *from, const char *to)
{
    if (renameat2(dir_fd, from, dir_fd, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (linkat(dir_fd, from, dir_fd, to, 0) < 0)
        return -errno;
    return unlinkat(dir_fd, from, 0) < 0 ? -errno : 0;
}

/* Some network and FUSE file systems cannot sync a directory; there the rename is all there is. */
static int sync_fd(int dir_fd)
{
    return fsync(dir_fd) < 0 && errno != EINVAL && errno != ENOTSUP ? -errno : 0;
}

static int write_whole(int dir_fd, const char *name, const struct content *content)
{
    CLEANUP(free_p) char *temp = xasprintf(".%s.tmp", name);
    int rc = write_temp(dir_fd, temp, content);

    if (rc == 0)
        rc = rename_new(dir_fd, temp, name);
    if (rc < 0) {
        unlinkat(dir_fd, temp, 0);
        return rc;
    }
    rc = sync_fd(dir_fd);
    if (rc < 0)
        unlinkat(dir_fd, name, 0); /* perhaps on the disk, perhaps not: then rather not */
    return rc;
}

static int write_named(const char *session_dir, const char *name, const struct content *content,
                       int64_t reserve_bytes, struct error *err)
{
    CLEANUP(close_fd) int dir_fd = -1;
    int rc = open_frames_dir(session_dir, &dir_fd, err);

    if (rc == 0)
        rc = check_room(dir_fd, bytes_of(content), reserve_bytes, err);
    if (rc < 0)
        return rc;
    rc = write_whole(dir_fd, name, content);
    if (rc < 0)
        return error_set(err, rc, "cannot write %s/" FRAMES_DIR "/%s: %s", session_dir, name,
                         strerror(-rc));
    return 0;
}

int frame_files_write(const char *session_dir, const char *safe_camera, int64_t seq,
                      const struct picture *picture, const struct exif_stamp *stamp,
                      int64_t reserve_bytes, struct frame_file *ret_file, struct error *err)
{
    CLEANUP(free_p) char *name = frame_files_name(safe_camera, seq);
    CLEANUP(head_done) struct jpeg_head head = {0};
    const struct content content = {.head = &head, .data = picture->jpeg, .len = picture->len};
    int rc;

    if (stamp)
        head_make(picture, stamp, &head);
    rc = write_named(session_dir, name, &content, reserve_bytes, err);
    if (rc < 0)
        return rc;
    ret_file->bytes = (int64_t)bytes_of(&content);
    ret_file->crc32 = crc32_more(crc32_of(head.data, head.len), picture->jpeg + head.skip,
                                 picture->len - head.skip);
    return 0;
}

int frame_files_write_raw(const char *session_dir, const char *safe_camera, int64_t seq,
                          const struct raw *raw, int64_t reserve_bytes, struct error *err)
{
    CLEANUP(free_p) char *name = frame_files_raw_name(safe_camera, seq, raw);
    struct content content = {.from_fd = raw->fd};
    struct stat info;

    if (fstat(raw->fd, &info) < 0 || !S_ISREG(info.st_mode) || info.st_size > RAW_BYTES_MAX)
        return error_set(err, -EFBIG, "the RAW file of frame %" PRId64 " is no file of up to %d MB",
                         seq, RAW_BYTES_MAX / 1000000);
    content.len = (size_t)info.st_size;
    return write_named(session_dir, name, &content, reserve_bytes, err);
}

int frame_files_sync_parents(const char *session_dir, const char *root_dir, struct error *err)
{
    CLEANUP(free_p) char *dir = xstrdup(session_dir);

    for (;;) {
        bool above_root = strlen(dir) < strlen(root_dir);
        char *slash = strrchr(dir, '/');
        int rc = path_sync_dir(dir[0] ? dir : "/", err);

        /* The directory that holds root need not be ours to read. */
        if (rc < 0 && !(above_root && rc == -EACCES))
            return rc;
        if (above_root || !slash)
            return 0;
        *slash = '\0';
    }
}

/* --- deleting --- */

static bool is_in_range(const char *name, const char *safe_camera, int64_t first_seq,
                        int64_t last_seq)
{
    int64_t seq = frame_seq(name, safe_camera);

    return seq >= MAX(first_seq, (int64_t)0) && seq <= last_seq;
}

bool frame_files_delete(const char *session_dir, const char *safe_camera, int64_t first_seq,
                        int64_t last_seq, int max)
{
    CLEANUP(close_dir) DIR *dir = open_frames(session_dir, NULL);
    const struct dirent *entry;
    int deleted = 0;

    if (!dir)
        return false;
    while (deleted < max && (entry = readdir(dir))) {
        if (safe_camera && !is_in_range(entry->d_name, safe_camera, first_seq, last_seq))
            continue;
        if (unlinkat(dirfd(dir), entry->d_name, 0) == 0) /* "." and ".." refuse */
            deleted++;
    }
    return deleted == max;
}

/* --- recovery --- */

/* Of a frame or of its RAW, whose name differs in what follows the dot. */
static bool is_temp(const char *name, const char *safe_camera)
{
    CLEANUP(free_p) char *final_name = NULL;
    CLEANUP(free_p) char *frame_name = NULL;
    char *dot;

    if (name[0] != '.' || !str_ends_with(name, ".tmp"))
        return false;
    final_name = path_base_name(name + 1, ".tmp");
    dot = strrchr(final_name, '.');
    if (!dot)
        return false;
    *dot = '\0';
    frame_name = xasprintf("%s.jpg", final_name);
    return frame_seq(frame_name, safe_camera) >= 0;
}

static int read_file_at(int dir_fd, const char *name, struct buf *buf, struct stat *ret_st)
{
    /* O_NONBLOCK: a pipe planted here must not hold us up */
    CLEANUP(close_fd)
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    size_t size;

    buf_clear(buf);
    if (fd < 0 || fstat(fd, ret_st) < 0)
        return -errno;
    if (!S_ISREG(ret_st->st_mode) || ret_st->st_size > FRAME_BYTES_MAX)
        return -EBADMSG;
    size = (size_t)ret_st->st_size;
    while (buf->len < size) {
        uint8_t *room = buf_reserve(buf, size - buf->len);
        ssize_t got = room ? read(fd, room, size - buf->len) : -1;

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -EIO;
        buf_commit(buf, (size_t)got);
    }
    return 0;
}

struct scan {
    int dir_fd;
    const char *safe_camera;
    int64_t first_seq;
    struct buf bytes;
    struct stored_frame *frames;
    size_t count, cap;
};

static void scan_append(struct scan *scan, const struct stored_frame *frame)
{
    if (scan->count == scan->cap) {
        scan->cap = MAX(scan->cap * 2, (size_t)64);
        scan->frames = xrealloc(scan->frames, scan->cap * sizeof(*scan->frames));
    }
    scan->frames[scan->count++] = *frame;
}

static void scan_entry(struct scan *scan, const char *name)
{
    struct stored_frame frame = {.seq = frame_seq(name, scan->safe_camera)};
    struct jpeg_info info;
    struct stat st;

    if (is_temp(name, scan->safe_camera)) {
        unlinkat(scan->dir_fd, name, 0);
        return;
    }
    if (frame.seq < 0 || frame.seq < scan->first_seq)
        return;
    if (read_file_at(scan->dir_fd, name, &scan->bytes, &st) < 0 ||
        jpeg_check(scan->bytes.data, scan->bytes.len, &info, NULL) < 0)
        return;
    frame.bytes = scan->bytes.len;
    frame.width = info.width;
    frame.height = info.height;
    frame.modified_at = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    scan_append(scan, &frame);
}

static int by_seq(const void *a, const void *b)
{
    int64_t seq_a = ((const struct stored_frame *)a)->seq;
    int64_t seq_b = ((const struct stored_frame *)b)->seq;

    return (seq_a > seq_b) - (seq_a < seq_b);
}

int frame_store_scan(const char *session_dir, const char *camera, int64_t first_seq,
                     struct stored_frame **ret_frames, size_t *ret_count, struct error *err)
{
    CLEANUP(free_p) char *safe_camera = path_safe_name(camera);
    struct scan scan = {
        .safe_camera = safe_camera, .first_seq = first_seq, .bytes = BUF_INIT(FRAME_BYTES_MAX)};
    struct error failure = {0};
    CLEANUP(close_dir) DIR *dir = open_frames(session_dir, &failure);
    const struct dirent *entry;

    if (!dir)
        return error_set(err, failure.code, "%s", failure.text);
    scan.dir_fd = dirfd(dir);
    while ((entry = readdir(dir)))
        scan_entry(&scan, entry->d_name);
    if (scan.count > 0)
        qsort(scan.frames, scan.count, sizeof(*scan.frames), by_seq);
    buf_done(&scan.bytes);
    *ret_frames = scan.frames;
    *ret_count = scan.count;
    return 0;
}
