/* SPDX-License-Identifier: MIT */
/* path: a daemon that may be cut from its power at any moment and that shares its disk with people.
 *
 * A file is written under a temporary name that is opened exclusively and without following links,
 * so that a link planted in the directory cannot send our bytes elsewhere; its data reaches the
 * disk before the rename and the rename before we return. Removing works on directory descriptors,
 * never on path names that somebody could exchange between the check and the use. */
#include "agent/base/path.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    READ_CHUNK_BYTES = 16 * 1024,
    REMOVE_DEPTH_MAX = 64, /* one open descriptor per level */
};

/* errno as -errno and as a sentence. */
static int fail(struct error *err, const char *verb, const char *path)
{
    int code = -errno;

    return error_set(err, code, "cannot %s %s: %s", verb, path, strerror(-code));
}

static void close_fd(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

char *path_join(const char *dir, const char *name)
{
    const char *slash = dir[0] == '\0' || str_ends_with(dir, "/") ? "" : "/";

    return xasprintf("%s%s%s", dir, slash, name);
}

static char safe_byte(char c)
{
    if (c == ' ')
        return '_';
    if (isascii((unsigned char)c) && (isalnum((unsigned char)c) || strchr("._-", c)))
        return c;
    return '-';
}

char *path_safe_name(const char *text)
{
    char name[PATH_SAFE_NAME_MAX + 1];
    size_t len = 0;

    for (; *text && len < PATH_SAFE_NAME_MAX; text++) {
        char c = safe_byte(*text);

        if (len == 0 && (c == '.' || c == '-'))
            continue;
        if (len > 0 && c == '-' && name[len - 1] == '-')
            continue; /* one letter of another script is several bytes: one dash is enough */
        name[len++] = c;
    }
    return len > 0 ? xstrndup(name, len) : xstrdup("unnamed");
}

char *path_base_name(const char *path, const char *suffix)
{
    size_t end = strlen(path), start;

    while (end > 0 && path[end - 1] == '/')
        end--;
    for (start = end; start > 0 && path[start - 1] != '/';)
        start--;
    if (suffix) {
        size_t suffix_len = strlen(suffix);
        bool ends_so =
            end - start > suffix_len && memcmp(path + end - suffix_len, suffix, suffix_len) == 0;

        end -= ends_so ? suffix_len : 0;
    }
    return xstrndup(path + start, end - start);
}

static int make_dir(const char *dir, struct error *err)
{
    struct stat st;

    if (mkdir(dir, 0750) == 0)
        return 0;
    if (errno != EEXIST)
        return fail(err, "make directory", dir);
    if (stat(dir, &st) < 0)
        return fail(err, "make directory", dir);
    errno = ENOTDIR;
    return S_ISDIR(st.st_mode) ? 0 : fail(err, "make directory", dir);
}

int path_make_dirs(const char *dir, struct error *err)
{
    CLEANUP(free_p) char *prefix = xstrdup(dir);

    for (char *at = prefix; *at; at++) {
        int rc;

        if (*at != '/' || at == prefix)
            continue;
        *at = '\0';
        rc = make_dir(prefix, err);
        *at = '/';
        if (rc < 0)
            return rc;
    }
    return make_dir(dir, err);
}

static int write_all(int fd, const char *data, size_t len)
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

/* Some network and FUSE file systems cannot sync a directory; there the rename is all there is. */
static int sync_dir_fd(int dir_fd)
{
    return fsync(dir_fd) < 0 && errno != EINVAL && errno != ENOTSUP ? -errno : 0;
}

static int write_temp(int dir_fd, const char *temp, const void *data, size_t len)
{
    int fd, rc;

    /* left by a power cut; O_EXCL needs it gone */
    if (unlinkat(dir_fd, temp, 0) < 0 && errno != ENOENT)
        return -errno;
    fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0)
        return -errno;
    rc = write_all(fd, data, len);
    if (rc == 0 && fdatasync(fd) < 0)
        rc = -errno;
    if (close(fd) < 0 && rc == 0)
        rc = -errno;
    return rc;
}

static int replace_file(int dir_fd, const char *name, const void *data, size_t len)
{
    CLEANUP(free_p) char *temp = xasprintf(".%s.tmp", name);
    int rc = write_temp(dir_fd, temp, data, len);

    if (rc == 0 && renameat(dir_fd, temp, dir_fd, name) < 0)
        rc = -errno;
    if (rc < 0) {
        unlinkat(dir_fd, temp, 0);
        return rc;
    }
    return sync_dir_fd(dir_fd);
}

int path_write_durable(const char *dir, const char *name, const void *data, size_t len,
                       struct error *err)
{
    CLEANUP(close_fd) int dir_fd = -1;
    int rc;

    if (name[0] == '\0' || strchr(name, '/'))
        return error_set(err, -EINVAL, "cannot write '%s' in %s: not a file name", name, dir);
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return fail(err, "open directory", dir);
    rc = replace_file(dir_fd, name, data, len);
    if (rc < 0)
        return error_set(err, rc, "cannot write %s/%s: %s", dir, name, strerror(-rc));
    return 0;
}

int path_sync_dir(const char *dir, struct error *err)
{
    CLEANUP(close_fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc;

    if (fd < 0)
        return fail(err, "open directory", dir);
    rc = sync_dir_fd(fd);
    if (rc < 0)
        return error_set(err, rc, "cannot sync directory %s: %s", dir, strerror(-rc));
    return 0;
}

/* Reads to the end, or to the first byte past max_bytes. The size that stat() tells is no help:
 * it is 0 or 4096 in /proc and /sys, and a file may grow. */
static int read_to_end(int fd, struct buf *buf, size_t max_bytes)
{
    for (;;) {
        size_t want = MIN((size_t)READ_CHUNK_BYTES, max_bytes + 1 - buf->len);
        uint8_t *room = buf_reserve(buf, want);
        ssize_t got;

        if (want == 0 || !room)
            return -EFBIG;
        got = read(fd, room, want);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return 0;
        buf_commit(buf, (size_t)got);
    }
}

int path_read_file(const char *path, size_t max_bytes, char **ret_data, size_t *ret_len,
                   struct error *err)
{
    CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    CLEANUP(buf_done) struct buf buf = BUF_INIT(max_bytes + 1);
    size_t len;
    int rc;

    if (fd < 0)
        return fail(err, "read", path);
    rc = read_to_end(fd, &buf, max_bytes);
    if (rc == -EFBIG)
        return error_set(err, rc, "cannot read %s: more than %zu bytes", path, max_bytes);
    if (rc < 0)
        return error_set(err, rc, "cannot read %s: %s", path, strerror(-rc));
    (void)buf_text(&buf); /* puts the NUL */
    *ret_data = (char *)buf_take(&buf, &len);
    if (ret_len)
        *ret_len = len;
    return 0;
}

static int remove_content(int dir_fd, dev_t device, int depth);

static int remove_subdir(int parent_fd, const char *name, dev_t device, int depth)
{
    CLEANUP(close_fd)
    int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    int rc;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (st.st_dev != device)
        return -EXDEV;
    rc = depth < REMOVE_DEPTH_MAX ? remove_content(fd, device, depth + 1) : -E2BIG;
    if (rc < 0)
        return rc;
    return unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

static int remove_entry(int dir_fd, const char *name, dev_t device, int depth)
{
    if (str_equal(name, ".") || str_equal(name, ".."))
        return 0;
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    return errno == EISDIR ? remove_subdir(dir_fd, name, device, depth) : -errno;
}

static int remove_content(int dir_fd, dev_t device, int depth)
{
    /* fdopendir() owns its descriptor, the caller keeps its own */
    int iterator_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *iterator = iterator_fd >= 0 ? fdopendir(iterator_fd) : NULL;
    const struct dirent *entry;
    int rc = 0;

    if (!iterator) {
        rc = -errno;
        close_fd(&iterator_fd);
        return rc;
    }
    while (rc == 0 && (entry = readdir(iterator)))
        rc = remove_entry(dir_fd, entry->d_name, device, depth);
    closedir(iterator);
    return rc;
}

int path_remove_tree(const char *dir, struct error *err)
{
    CLEANUP(close_fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    int rc;

    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(err, "remove", dir);
    rc = remove_content(fd, st.st_dev, 0);
    if (rc == 0 && rmdir(dir) < 0)
        rc = -errno;
    if (rc < 0)
        return error_set(err, rc, "cannot remove %s: %s", dir, strerror(-rc));
    return 0;
}

int path_free_bytes(const char *path, int64_t *ret_free_bytes, struct error *err)
{
    struct statvfs fs;

    if (statvfs(path, &fs) < 0)
        return fail(err, "ask the free space of", path);
    *ret_free_bytes = (int64_t)(fs.f_bavail * fs.f_frsize);
    return 0;
}
