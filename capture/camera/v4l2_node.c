/* SPDX-License-Identifier: MIT */
#include "capture/camera/v4l2_node.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define BY_ID_DIR "/dev/v4l/by-id"

enum { LIST_TEXT_MAX = 400, FACT_MAX = 128 };

int v4l2_call(int fd, unsigned long request, void *arg)
{
    int rc;

    do {
        rc = ioctl(fd, request, arg);
    } while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : rc;
}

/* --- one device --- */

static int refuse_open(const char *path, int code, struct error *err)
{
    switch (code) {
    case -ENOENT:
    case -ENXIO:
    case -ENODEV:
    case -ENOTDIR:
        return error_set(err, -ENODEV, "there is no camera %s", path);
    case -EACCES:
    case -EPERM:
        return error_set(err, -EACCES,
                         "may not open %s; put the user of lapsed into the group video", path);
    case -EBUSY:
        return error_set(err, -EBUSY, "another program has %s; end it", path);
    default:
        return error_set(err, code, "cannot open %s: %s", path, strerror(-code));
    }
}

void v4l2_copy_text(char *to, size_t size, const void *from, size_t from_max)
{
    size_t len = MIN(strnlen(from, from_max), size - 1);

    memcpy(to, from, len);
    to[len] = '\0';
    if (!str_is_utf8(to, len))
        for (char *at = to; *at; at++)
            *at = (unsigned char)*at < 0x80 ? *at : '?';
    for (char *at = to; *at; at++)
        *at = (unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at;
}

int v4l2_node_open(const char *path, struct v4l2_node *ret_node, struct error *err)
{
    struct v4l2_capability about = {0};
    struct v4l2_node node = {.fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)};
    uint32_t caps;

    if (node.fd < 0)
        return refuse_open(path, -errno, err);
    if (v4l2_call(node.fd, VIDIOC_QUERYCAP, &about) < 0) {
        close(node.fd);
        return error_set(err, -EPROTOTYPE, "%s is no video device", path);
    }
    caps = about.capabilities & V4L2_CAP_DEVICE_CAPS ? about.device_caps : about.capabilities;
    node.captures = (caps & V4L2_CAP_VIDEO_CAPTURE) && (caps & V4L2_CAP_STREAMING);
    v4l2_copy_text(node.identity.card, sizeof(node.identity.card), about.card, sizeof(about.card));
    v4l2_copy_text(node.identity.bus, sizeof(node.identity.bus), about.bus_info,
                   sizeof(about.bus_info));
    node.path = xstrdup(path);
    *ret_node = node;
    return 0;
}

void v4l2_node_close(struct v4l2_node *node)
{
    if (node->path && node->fd >= 0)
        close(node->fd);
    free(node->path);
    *node = (struct v4l2_node){.fd = -1};
}

/* --- all of them --- */

static int number_of(const struct dirent *entry)
{
    int64_t number;

    if (!str_starts_with(entry->d_name, "video") || str_to_int(entry->d_name + 5, &number) < 0)
        return -1;
    return (int)number;
}

static int is_video(const struct dirent *entry)
{
    return number_of(entry) >= 0;
}

static int compare_numbers(const struct dirent **a, const struct dirent **b)
{
    return number_of(*a) - number_of(*b);
}

void v4l2_list_paths(struct v4l2_paths *ret_paths)
{
    struct dirent **entries = NULL;
    int count = scandir("/dev", &entries, is_video, compare_numbers);

    *ret_paths = (struct v4l2_paths){0};
    for (int i = 0; i < count; i++) {
        if (ret_paths->count < V4L2_NODES_MAX)
            ret_paths->items[ret_paths->count++] = path_join("/dev", entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

void v4l2_paths_done(struct v4l2_paths *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        free(paths->items[i]);
    paths->count = 0;
}

char *v4l2_by_id(const char *path)
{
    CLEANUP(free_p) char *real = realpath(path, NULL);
    DIR *dir = opendir(BY_ID_DIR);
    char *found = NULL;

    for (struct dirent *entry; dir && real && !found && (entry = readdir(dir));) {
        CLEANUP(free_p) char *link = path_join(BY_ID_DIR, entry->d_name);
        CLEANUP(free_p) char *target = realpath(link, NULL);

        if (str_equal(target, real))
            found = xstrdup(entry->d_name);
    }
    if (dir)
        closedir(dir);
    return found;
}

/* --- the camera that is meant --- */

/* The kernel's own list tells names without opening, which would wake the cameras up. */
static char *read_fact(const char *path, const char *fact)
{
    CLEANUP(free_p)
    char *file = xasprintf("/sys/class/video4linux/%s/%s", path + strlen("/dev/"), fact);
    size_t len;
    char *text;

    if (path_read_file(file, FACT_MAX, &text, &len, NULL) < 0)
        return NULL;
    text[strcspn(text, "\n")] = '\0';
    return text;
}

static void append_cameras(struct error *err)
{
    CLEANUP(buf_done) struct buf list = BUF_INIT(LIST_TEXT_MAX);
    struct v4l2_paths paths;
    struct error missing = *err;
    bool ok = true;

    v4l2_list_paths(&paths);
    for (size_t i = 0; i < paths.count && ok; i++) {
        CLEANUP(free_p) char *name = read_fact(paths.items[i], "name");
        CLEANUP(free_p) char *index = read_fact(paths.items[i], "index");

        if (name && str_equal(index, "0"))
            ok = buf_printf(&list, "%s%s (%s)", list.len ? ", " : "", paths.items[i], name) == 0;
    }
    v4l2_paths_done(&paths);
    if (list.len > 0)
        error_set(err, missing.code, "%s; there is: %s", missing.text, buf_text(&list));
    else
        error_set(err, missing.code, "%s, nor any other; is it plugged in?", missing.text);
}

enum likeness { STRANGER, SAME_CARD, SAME_CARD_AND_BUS };

static enum likeness compare(const struct v4l2_node *node, const struct v4l2_identity *known)
{
    if (!node->captures || !str_equal(node->identity.card, known->card))
        return STRANGER;
    return str_equal(node->identity.bus, known->bus) ? SAME_CARD_AND_BUS : SAME_CARD;
}

/* The one that is at the same place, else the only one of this name: of two alike at other places
 * nobody knows which it is. */
static int find_known(const struct v4l2_identity *known, struct v4l2_node *ret_node)
{
    struct v4l2_node best = {.fd = -1};
    enum likeness best_likeness = STRANGER;
    size_t alike = 0;
    struct v4l2_paths paths;

    v4l2_list_paths(&paths);
    for (size_t i = 0; i < paths.count && best_likeness != SAME_CARD_AND_BUS; i++) {
        struct v4l2_node node = {.fd = -1};
        enum likeness likeness = STRANGER;

        if (v4l2_node_open(paths.items[i], &node, NULL) == 0)
            likeness = compare(&node, known);
        alike += likeness != STRANGER;
        if (likeness > best_likeness) {
            v4l2_node_close(&best);
            best = node;
            best_likeness = likeness;
        } else {
            v4l2_node_close(&node);
        }
    }
    v4l2_paths_done(&paths);
    if (best_likeness == SAME_CARD_AND_BUS || (best_likeness == SAME_CARD && alike == 1)) {
        *ret_node = best;
        return 0;
    }
    v4l2_node_close(&best);
    return -ENODEV;
}

static int refuse_stranger(struct v4l2_node *node, const struct v4l2_identity *known,
                           struct error *err)
{
    error_set(err, -ENODEV,
              "%s is now another camera (%s); %s is not there. Start lapsed again to use this one, "
              "or name the camera by its /dev/v4l/by-id",
              node->path, node->identity.card, known->card);
    v4l2_node_close(node);
    return -ENODEV;
}

static int check_captures(struct v4l2_node *node, struct error *err)
{
    if (node->captures)
        return 0;
    error_set(err, -EPROTOTYPE,
              "%s (%s) gives no pictures; a camera often has a second device for other data: take "
              "the one whose by-id name ends in -video-index0",
              node->path, node->identity.card);
    v4l2_node_close(node);
    return -EPROTOTYPE;
}

int v4l2_node_find(const char *device, const struct v4l2_identity *known,
                   struct v4l2_node *ret_node, struct error *err)
{
    CLEANUP(free_p)
    char *path = device[0] == '/' ? xstrdup(device) : path_join(BY_ID_DIR, device);
    bool numbered = !str_starts_with(path, "/dev/v4l/");
    int rc = v4l2_node_open(path, ret_node, err);

    if (rc == -ENODEV && known->card[0] && find_known(known, ret_node) == 0)
        return 0;
    if (rc == -ENODEV)
        append_cameras(err);
    if (rc < 0)
        return rc;
    if (numbered && known->card[0] && !str_equal(ret_node->identity.card, known->card)) {
        struct v4l2_node stranger = *ret_node;

        if (find_known(known, ret_node) < 0)
            return refuse_stranger(&stranger, known, err);
        v4l2_node_close(&stranger);
    }
    return check_captures(ret_node, err);
}

/* --- who has it --- */

static bool process_has(const char *pid, dev_t device)
{
    CLEANUP(free_p) char *dir_path = xasprintf("/proc/%s/fd", pid);
    DIR *dir = opendir(dir_path);
    bool found = false;

    for (struct dirent *entry; dir && !found && (entry = readdir(dir));) {
        struct stat about;

        found = fstatat(dirfd(dir), entry->d_name, &about, 0) == 0 && S_ISCHR(about.st_mode) &&
                about.st_rdev == device;
    }
    if (dir)
        closedir(dir);
    return found;
}

static char *describe_process(const char *pid)
{
    CLEANUP(free_p) char *path = xasprintf("/proc/%s/comm", pid);
    CLEANUP(free_p) char *name = NULL;
    size_t len;

    if (path_read_file(path, FACT_MAX, &name, &len, NULL) < 0)
        return xasprintf("process %s", pid);
    name[strcspn(name, "\n")] = '\0';
    return xasprintf("process %s (%s)", pid, name);
}

char *v4l2_owner(int fd)
{
    struct stat about;
    DIR *dir = opendir("/proc");
    char *owner = NULL;

    for (struct dirent *entry; dir && fstat(fd, &about) == 0 && !owner && (entry = readdir(dir));) {
        int64_t pid;

        if (str_to_int(entry->d_name, &pid) == 0 && pid != getpid() &&
            process_has(entry->d_name, about.st_rdev))
            owner = describe_process(entry->d_name);
    }
    if (dir)
        closedir(dir);
    return owner;
}
