/* SPDX-License-Identifier: MIT */
#include "capture/camera/gphoto2_files.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "capture/camera/gphoto2_name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEW_FILE   "New file is in location "
#define ON_CAMERA  " on the camera"
#define SAVED_AS   "Saving file as "
#define UNFINISHED "tmpfile" /* gphoto2's name of a file that it has not read to its end */

enum { FILES_MAX = 4096, SAME_NAME_MAX = 9999 };

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* --- directories --- */

static int open_base(const struct gphoto2_place *place, int *ret_fd, struct error *err)
{
    int rc = path_make_dirs(place->base_dir, err);

    if (rc < 0)
        return rc;
    *ret_fd = open(place->base_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*ret_fd >= 0)
        return 0;
    rc = -errno;
    return error_set(err, rc, "%s: %s", place->base_dir, strerror(-rc));
}

static int open_inside(int dir_fd, const char *name, bool make)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(dir_fd, name, flags);

    if (fd < 0 && errno == ENOENT && make && (mkdirat(dir_fd, name, 0750) == 0 || errno == EEXIST))
        fd = openat(dir_fd, name, flags);
    return fd >= 0 ? fd : -errno;
}

static int refuse_way(int code, const char *base_dir, const char *name, size_t len,
                      struct error *err)
{
    if (code == -ELOOP || code == -ENOTDIR)
        return error_set(err, code, "%s/%.*s is no directory (symbolic links are not followed)",
                         base_dir, (int)len, name);
    return error_set(err, code, "%s/%.*s: %s", base_dir, (int)len, name, strerror(-code));
}

/* The directory that name is in; *ret_leaf points into name. -ENOENT without make. */
static int open_parent(const struct gphoto2_place *place, const char *name, bool make, int *ret_fd,
                       const char **ret_leaf, struct error *err)
{
    const char *at = name;
    int fd = -1;
    int rc = open_base(place, &fd, err);

    for (const char *slash; rc == 0 && (slash = strchr(at, '/')); at = slash + 1) {
        CLEANUP(free_p) char *part = xstrndup(at, (size_t)(slash - at));
        int inside = open_inside(fd, part, make);

        close(fd);
        fd = inside;
        if (inside < 0)
            return refuse_way(inside, place->base_dir, name, (size_t)(slash - name), err);
    }
    *ret_fd = fd;
    *ret_leaf = at;
    return rc;
}

/* --- before --- */

int gphoto2_files_check_space(const struct gphoto2_place *place, struct error *err)
{
    int64_t free_bytes;
    int rc = path_free_bytes(place->base_dir, &free_bytes, err);

    if (rc < 0 || free_bytes >= place->reserve_bytes)
        return rc;
    return error_set(err, -ENOSPC,
                     "only %lld MB are free on the disk of %s, and %lld MB stay free (reserve_mb)",
                     (long long)free_bytes / 1000000, place->base_dir,
                     (long long)place->reserve_bytes / 1000000);
}

static int check_absent(const struct gphoto2_place *place, struct error *err)
{
    CLEANUP(free_p) char *name = NULL;
    CLEANUP(close_fd) int fd = -1;
    const char *leaf = NULL;
    struct error why = {0};
    struct stat info;
    int rc = gphoto2_name_fill(place->name, &(struct gphoto2_picture){0}, &name, &why);

    if (rc == 0)
        rc = open_parent(place, name, false, &fd, &leaf, &why);
    if (rc == -ENOENT)
        return 0;
    if (rc < 0)
        return error_set(err, rc, "%s", why.text);
    if (fstatat(fd, leaf, &info, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    if (place->overwrite && S_ISREG(info.st_mode))
        return 0;
    return error_set(err, -EEXIST, "%s is there already in %s; choose another name", name,
                     place->base_dir);
}

int gphoto2_files_check(const struct gphoto2_place *place, struct error *err)
{
    int rc = path_make_dirs(place->base_dir, err);

    if (rc == 0)
        rc = gphoto2_files_check_space(place, err);
    if (rc == 0 && place->name && gphoto2_name_is_fixed(place->name))
        rc = check_absent(place, err);
    return rc;
}

/* --- what is there --- */

struct download {
    char *file; /* in the directory where gphoto2 worked */
    struct stat info;
};

static bool is_number(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len < 10 && strspn(text, "0123456789") == len;
}

static int compare(const void *a, const void *b)
{
    const struct download *one = a, *other = b;
    int64_t x = 0, y = 0;

    if (is_number(one->file) && is_number(other->file) && str_to_int(one->file, &x) == 0 &&
        str_to_int(other->file, &y) == 0)
        return x < y ? -1 : x > y;
    return strcmp(one->file, other->file);
}

static size_t list_downloads(int dir_fd, struct download *downloads)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    size_t count = 0;

    for (struct dirent *entry; dir && count < FILES_MAX && (entry = readdir(dir));) {
        struct download *download = &downloads[count];

        if (str_starts_with(entry->d_name, UNFINISHED) ||
            fstatat(dir_fd, entry->d_name, &download->info, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(download->info.st_mode) || download->info.st_size == 0)
            continue;
        download->file = xstrdup(entry->d_name);
        count++;
    }
    if (dir)
        closedir(dir);
    qsort(downloads, count, sizeof(*downloads), compare);
    return count;
}

static bool is_jpeg(int dir_fd, const char *file)
{
    CLEANUP(close_fd) int fd = openat(dir_fd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    unsigned char begin[2] = {0};

    return fd >= 0 && read(fd, begin, sizeof(begin)) == (ssize_t)sizeof(begin) &&
           begin[0] == 0xff && begin[1] == 0xd8;
}

/* The last new file that gphoto2 spoke of before it said that it saved this one. NULL: none. */
static char *find_camera_name(const char *said, const char *file)
{
    const char *name = NULL;
    size_t name_len = 0;

    for (size_t len; *said; said += len + (said[len] == '\n')) {
        const char *end = strstr(said, ON_CAMERA);

        len = strcspn(said, "\n");
        if (str_starts_with(said, NEW_FILE) && end && end < said + len) {
            name = said + strlen(NEW_FILE);
            name_len = (size_t)(end - name);
        } else if (str_starts_with(said, SAVED_AS)) {
            const char *saved = said + strlen(SAVED_AS);

            if (strlen(file) == len - strlen(SAVED_AS) && memcmp(saved, file, strlen(file)) == 0)
                return name ? xstrndup(name, name_len) : NULL;
            name = NULL;
        }
    }
    return NULL;
}

/* Its own name tells the most when gphoto2 chose it (a preview, a movie). */
static char *camera_name(int dir_fd, const char *file, const char *said)
{
    char *name = is_number(file) ? find_camera_name(said, file) : xstrdup(file);

    if (name)
        return name;
    return xstrdup(is_jpeg(dir_fd, file) ? "picture.jpg" : "picture.bin");
}

/* --- names --- */

/* RAW and JPEG of one shot and one name for both: that of the other kind gets its own suffix. */
static char *with_suffix(const char *name, const char *suffix)
{
    const char *old = gphoto2_name_suffix(name);
    size_t stem = strlen(name) - strlen(old) - (*old != '\0');

    return xasprintf("%.*s.%s", (int)stem, name, suffix);
}

static int choose_name(const struct gphoto2_place *place, const struct gphoto2_picture *picture,
                       bool is_only, char **ret_name, struct error *err)
{
    CLEANUP(free_p) char *camera = path_safe_name(picture->name);
    const char *suffix = gphoto2_name_suffix(camera);
    CLEANUP(free_p) char *name = NULL;
    int rc = gphoto2_name_fill(place->name, picture, &name, err);

    if (rc < 0)
        return rc;
    if (!place->name || is_only || !*suffix || !gphoto2_name_is_fixed(place->name) ||
        strcasecmp(gphoto2_name_suffix(name), suffix) == 0)
        *ret_name = TAKE(name);
    else
        *ret_name = with_suffix(name, suffix);
    return 0;
}

/* "a/x.jpg" becomes "a/x-1.jpg". */
static char *numbered(const char *name, int number)
{
    const char *suffix = gphoto2_name_suffix(name);
    size_t stem = strlen(name) - strlen(suffix) - (*suffix != '\0');

    return xasprintf("%.*s-%d%s%s", (int)stem, name, number, *suffix ? "." : "", suffix);
}

/* --- moving --- */

static int rename_new(int from_fd, const char *file, int to_fd, const char *name)
{
    if (renameat2(from_fd, file, to_fd, name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL)
        return -errno;
    /* A file system that cannot do this in one. */
    if (linkat(from_fd, file, to_fd, name, 0) < 0)
        return -errno;
    unlinkat(from_fd, file, 0);
    return 0;
}

static void sync_file(int dir_fd, const char *file)
{
    CLEANUP(close_fd) int fd = openat(dir_fd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0)
        (void)fdatasync(fd);
}

/* *ret_name: what it is called now. */
static int move_file(const struct gphoto2_place *place, int from_fd, const char *file,
                     const char *name, char **ret_name, struct error *err)
{
    CLEANUP(close_fd) int fd = -1;
    CLEANUP(free_p) char *free_name = xstrdup(name);
    const char *leaf = NULL;
    int rc = open_parent(place, name, true, &fd, &leaf, err);

    if (rc < 0)
        return rc;
    sync_file(from_fd, file);
    if (place->overwrite)
        rc = renameat(from_fd, file, fd, leaf) < 0 ? -errno : 0;
    else
        rc = rename_new(from_fd, file, fd, leaf);
    for (int number = 1; rc == -EEXIST && number <= SAME_NAME_MAX; number++) {
        free(free_name);
        free_name = numbered(name, number);
        rc = rename_new(from_fd, file, fd, free_name + (leaf - name));
    }
    if (rc < 0)
        return error_set(err, rc, "%s/%s: %s", place->base_dir, name, strerror(-rc));
    (void)fsync(fd);
    *ret_name = TAKE(free_name);
    return 0;
}

static int keep_file(const struct gphoto2_place *place, int from_fd,
                     const struct download *download, const struct gphoto2_picture *picture,
                     bool is_only, char **ret_name, struct error *err)
{
    CLEANUP(free_p) char *name = NULL;
    CLEANUP(free_p) char *plain = path_safe_name(picture->name);
    struct error why = {0};
    int rc = choose_name(place, picture, is_only, &name, &why);

    if (rc == 0)
        rc = move_file(place, from_fd, download->file, name, ret_name, &why);
    if (rc == 0)
        return 0;
    if (move_file(place, from_fd, download->file, plain, ret_name, err) < 0)
        return rc;
    return error_set(err, rc, "%s; the picture is kept as %s/%s", why.text, place->base_dir,
                     *ret_name);
}

static void add_kept(struct gphoto2_kept_list *kept, char *name, const struct download *download)
{
    kept->items = xrealloc(kept->items, (kept->count + 1) * sizeof(*kept->items));
    kept->items[kept->count++] = (struct gphoto2_kept){
        .name = name, .file = xstrdup(download->file), .bytes = download->info.st_size};
}

int gphoto2_files_keep(const struct gphoto2_place *place, const char *dir, const char *said,
                       struct gphoto2_kept_list *ret_kept, struct error *err)
{
    CLEANUP(close_fd) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CLEANUP(free_p) struct download *downloads = xcalloc(FILES_MAX, sizeof(*downloads));
    size_t count = fd >= 0 ? list_downloads(fd, downloads) : 0;
    int rc = 0;

    *ret_kept = (struct gphoto2_kept_list){0};
    for (size_t i = 0; i < count; i++) {
        CLEANUP(free_p) char *original = camera_name(fd, downloads[i].file, said);
        const struct gphoto2_picture picture = {.name = original,
                                                .number = place->first_number + (int64_t)i,
                                                .taken_at_s = downloads[i].info.st_mtime};
        char *name = NULL;
        int kept = keep_file(place, fd, &downloads[i], &picture, count == 1, &name, err);

        rc = rc < 0 ? rc : kept;
        if (name)
            add_kept(ret_kept, name, &downloads[i]);
        free(downloads[i].file);
    }
    return rc;
}

static const struct gphoto2_kept *find_kept(const struct gphoto2_kept_list *kept, const char *file,
                                            size_t len)
{
    for (size_t i = 0; i < kept->count; i++)
        if (strlen(kept->items[i].file) == len && memcmp(kept->items[i].file, file, len) == 0)
            return &kept->items[i];
    return NULL;
}

char *gphoto2_files_tell(const struct gphoto2_place *place, const struct gphoto2_kept_list *kept,
                         const char *said)
{
    CLEANUP(buf_done) struct buf told = BUF_INIT(SIZE_MAX / 2);
    int rc = 0;

    for (size_t len; *said && rc == 0; said += len + (said[len] == '\n')) {
        bool saves = str_starts_with(said, SAVED_AS);
        const struct gphoto2_kept *found;

        len = strcspn(said, "\n");
        found = saves ? find_kept(kept, said + strlen(SAVED_AS), len - strlen(SAVED_AS)) : NULL;
        if (found)
            rc = buf_printf(&told, SAVED_AS "%s/%s\n", place->base_dir, found->name);
        else
            rc = buf_append(&told, said, len + (said[len] == '\n'));
    }
    return xstrdup(buf_text(&told));
}

void gphoto2_kept_list_done(struct gphoto2_kept_list *kept)
{
    for (size_t i = 0; i < kept->count; i++) {
        free(kept->items[i].name);
        free(kept->items[i].file);
    }
    free(kept->items);
    *kept = (struct gphoto2_kept_list){0};
}
