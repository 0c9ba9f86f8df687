/* SPDX-License-Identifier: MIT */
#include "tests/encode/rig.h"

#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_MAX_BYTES = 64 << 20 };

char *rig_dir_make(void)
{
    char *dir = xstrdup("/tmp/lapsed-encode-XXXXXX");

    assert_non_null(mkdtemp(dir));
    return dir;
}

void rig_dir_remove(char *dir)
{
    assert_int_equal(path_remove_tree(dir, NULL), 0);
    free(dir);
}

static void drain(int fd, struct buf *out)
{
    for (;;) {
        uint8_t *room = buf_reserve(out, 65536);
        ssize_t got;

        assert_non_null(room);
        got = read(fd, room, 65536);
        if (got <= 0)
            return;
        buf_commit(out, (size_t)got);
    }
}

static void become(const char *const *argv, int out)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    dup2(null, 0);
    dup2(out, 1);
    dup2(null, 2);
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

int rig_run(const char *const *argv, struct buf *out)
{
    CLEANUP(buf_done) struct buf nowhere = BUF_INIT(OUTPUT_MAX_BYTES);
    int fds[2], status = 0;
    pid_t pid;

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        become(argv, fds[1]);
    close(fds[1]);
    drain(fds[0], out ? out : &nowhere);
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void rig_make_frames(const char *dir, int first, int count, int width, int height)
{
    CLEANUP(free_p) char *pattern = xasprintf("%s/%%06d.jpg", dir);
    CLEANUP(free_p) char *source = xasprintf("testsrc2=size=%dx%d:rate=25", width, height);
    CLEANUP(free_p) char *start = xasprintf("%d", first);
    CLEANUP(free_p) char *frames = xasprintf("%d", count);
    const char *argv[] = {"ffmpeg",   "-y",       "-loglevel",     "error",     "-f",
                          "lavfi",    "-i",       source,          "-frames:v", frames,
                          "-pix_fmt", "yuvj420p", "-start_number", start,       pattern,
                          NULL};

    assert_int_equal(rig_run(argv, NULL), 0);
}

char *rig_frame_path(const char *dir, int number)
{
    return xasprintf("%s/%06d.jpg", dir, number);
}

void rig_make_h264(int frames, const char *level, struct h264_stream *ret_stream)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(OUTPUT_MAX_BYTES);
    CLEANUP(free_p) char *count = xasprintf("%d", frames);
    const char *argv[] = {"ffmpeg",
                          "-loglevel",
                          "error",
                          "-f",
                          "lavfi",
                          "-i",
                          "testsrc2=size=320x240:rate=25",
                          "-frames:v",
                          count,
                          "-pix_fmt",
                          "yuv420p",
                          "-c:v",
                          "libx264",
                          "-preset",
                          "veryfast",
                          "-bf",
                          "0",
                          "-level:v",
                          level,
                          "-f",
                          "h264",
                          "pipe:1",
                          NULL};

    assert_int_equal(rig_run(argv, &out), 0);
    assert_int_equal(h264_split(out.data, out.len, ret_stream, NULL), 0);
}

static bool probe(const char *path, const char *entry, bool count, struct buf *out)
{
    const char *argv[] = {"ffprobe",
                          "-v",
                          "error",
                          "-select_streams",
                          "v:0",
                          "-of",
                          "csv=p=0",
                          "-show_entries",
                          entry,
                          path,
                          count ? "-count_frames" : NULL,
                          NULL};

    return rig_run(argv, out) == 0;
}

int rig_count_frames(const char *path)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(OUTPUT_MAX_BYTES);
    int frames;

    if (!probe(path, "stream=nb_read_frames", true, &out) ||
        sscanf(buf_text(&out), "%d", &frames) != 1)
        return -1;
    return frames;
}

double rig_duration_s(const char *path)
{
    CLEANUP(buf_done) struct buf out = BUF_INIT(OUTPUT_MAX_BYTES);
    double duration_s;

    if (!probe(path, "format=duration", false, &out) ||
        sscanf(buf_text(&out), "%lf", &duration_s) != 1)
        return -1;
    return duration_s;
}

bool rig_decodes(const char *path)
{
    const char *argv[] = {"ffmpeg", "-loglevel", "error", "-xerror", "-err_detect", "explode",
                          "-i",     path,        "-f",    "null",    "-",           NULL};

    return rig_run(argv, NULL) == 0;
}

void rig_write(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(len == 0 ? 0 : write(fd, data, len), (ssize_t)len);
    close(fd);
}

void rig_read(const char *path, struct buf *ret)
{
    char *data = NULL;
    size_t len = 0;

    assert_int_equal(path_read_file(path, OUTPUT_MAX_BYTES, &data, &len, NULL), 0);
    buf_clear(ret);
    assert_int_equal(buf_append(ret, data, len), 0);
    free(data);
}

int64_t rig_size(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? info.st_size : -1;
}
