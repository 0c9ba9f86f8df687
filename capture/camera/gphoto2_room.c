/* SPDX-License-Identifier: MIT */
#include "capture/camera/gphoto2_room.h"

#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROOM_PREFIX   "lapsed-gphoto2-"
#define HIDDEN_PREFIX "." ROOM_PREFIX

enum { NEW_S = 60 }; /* so young a directory may be about to be locked */

static const char *base_dir(void)
{
    const char *base = getenv("RUNTIME_DIRECTORY");

    return base && *base == '/' ? base : "/tmp";
}

/* What cannot be removed now is found by the next start. */
static void remove_all(const char *dir)
{
    int rc = path_remove_tree(dir, NULL);

    (void)rc;
}

/* --- making and leaving --- */

static void room_done(struct gphoto2_room *room)
{
    if (room->dir)
        close(room->lock_fd);
    free(room->dir);
    free(room->files);
    free(room->home_setting);
    *room = (struct gphoto2_room){.lock_fd = -1};
}

static int lock_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int rc = -errno;

        close(fd);
        return rc;
    }
    return fd;
}

static int make_inside(struct gphoto2_room *room)
{
    CLEANUP(free_p) char *home = path_join(room->dir, "home");

    room->lock_fd = lock_dir(room->dir);
    room->files = path_join(room->dir, "files");
    room->home_setting = xasprintf("HOME=%s", home);
    if (room->lock_fd < 0)
        return room->lock_fd;
    if (mkdir(home, 0700) < 0 || mkdir(room->files, 0700) < 0)
        return -errno;
    return 0;
}

static int make_room(const char *base, const char *template, struct gphoto2_room *ret_room,
                     struct error *err)
{
    struct gphoto2_room room = {.lock_fd = -1};
    int rc;

    room.dir = path_join(base, template);
    if (!mkdtemp(room.dir)) {
        rc = error_set(err, -errno, "cannot make a directory for gphoto2 in %s: %s", base,
                       strerror(errno));
        free(room.dir);
        return rc;
    }
    rc = make_inside(&room);
    if (rc < 0) {
        error_set(err, rc, "%s: %s", room.dir, strerror(-rc));
        remove_all(room.dir);
        room_done(&room);
        return rc;
    }
    *ret_room = room;
    return 0;
}

int gphoto2_room_make(struct gphoto2_room *ret_room, struct error *err)
{
    return make_room(base_dir(), ROOM_PREFIX "XXXXXX", ret_room, err);
}

int gphoto2_room_make_inside(const char *base, struct gphoto2_room *ret_room, struct error *err)
{
    return make_room(base, HIDDEN_PREFIX "XXXXXX", ret_room, err);
}

static void remove_on_worker(void *user)
{
    struct gphoto2_room *room = user;

    remove_all(room->dir);
}

static void on_removed(void *user)
{
    struct gphoto2_room *room = user;

    room_done(room);
    free(room);
}

void gphoto2_room_leave(struct gphoto2_room *room, struct loop *loop)
{
    if (!room->dir)
        return;
    loop_work(loop, remove_on_worker, on_removed, xmemdup(room, sizeof(*room)));
    *room = (struct gphoto2_room){.lock_fd = -1};
}

/* --- what a crash left --- */

static bool is_abandoned(const char *dir, int *ret_lock_fd)
{
    struct stat info;
    int fd = lock_dir(dir);

    if (fd < 0)
        return false;
    if (fstat(fd, &info) == 0 && info.st_uid == geteuid() && time(NULL) - info.st_mtime > NEW_S) {
        *ret_lock_fd = fd;
        return true;
    }
    close(fd);
    return false;
}

static void clean_up(const char *base, const char *prefix)
{
    DIR *all = opendir(base);

    for (struct dirent *entry; all && (entry = readdir(all));) {
        CLEANUP(free_p) char *dir = NULL;
        int lock_fd;

        if (!str_starts_with(entry->d_name, prefix))
            continue;
        dir = path_join(base, entry->d_name);
        if (!is_abandoned(dir, &lock_fd))
            continue;
        remove_all(dir);
        close(lock_fd);
    }
    if (all)
        closedir(all);
}

static void clean_up_on_worker(void *user)
{
    clean_up(user, ROOM_PREFIX);
}

void gphoto2_room_clean_up_inside(const char *base)
{
    clean_up(base, HIDDEN_PREFIX);
}

void gphoto2_room_clean_up(struct loop *loop)
{
    loop_work(loop, clean_up_on_worker, free, xstrdup(base_dir()));
}
