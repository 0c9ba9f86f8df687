/* SPDX-License-Identifier: MIT */
/* test_frame: what a frame can look like by the time the encoder wants it. */
#include "encode/frame.h"

#include "agent/base/mem.h"
#include "encode/ffmpeg.h"
#include "tests/encode/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct fixture {
    char *dir, *path;
    struct buf jpeg;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    f->dir = rig_dir_make();
    f->path = rig_frame_path(f->dir, 0);
    buf_init(&f->jpeg, 1 << 20);
    rig_make_frames(f->dir, 0, 1, 64, 48);
    rig_read(f->path, &f->jpeg);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    buf_done(&f->jpeg);
    free(f->path);
    rig_dir_remove(f->dir);
    free(f);
    return 0;
}

static int read_code(const char *path)
{
    uint8_t *data = NULL;
    size_t len;
    int rc = frame_read(path, &data, &len, NULL);

    free(data);
    return rc;
}

static void a_whole_frame_becomes_a_part(void **state)
{
    struct fixture *f = *state;
    char head[FFMPEG_PART_HEAD_MAX];
    size_t head_len = ffmpeg_part_head(f->jpeg.len, head), len = 0;
    uint8_t *data = NULL;

    assert_int_equal(frame_read(f->path, &data, &len, NULL), 0);
    assert_int_equal(len, head_len + f->jpeg.len);
    assert_memory_equal(data, head, head_len);
    assert_memory_equal(data + head_len, f->jpeg.data, f->jpeg.len);
    free(data);
}

static void what_cameras_append_is_left_out(void **state)
{
    struct fixture *f = *state;
    size_t len = f->jpeg.len;

    assert_int_equal(buf_append(&f->jpeg, "\0\0\0\0padding", 11), 0);
    assert_int_equal(frame_jpeg_len(f->jpeg.data, f->jpeg.len), len);
    f->jpeg.len = len;
    assert_non_null(buf_reserve(&f->jpeg, len));
    assert_int_equal(buf_append(&f->jpeg, f->jpeg.data, len), 0); /* a preview */
    assert_int_equal(frame_jpeg_len(f->jpeg.data, f->jpeg.len), len);
}

static void a_cut_at_any_byte_is_noticed(void **state)
{
    struct fixture *f = *state;

    for (size_t len = 0; len < f->jpeg.len; len++) {
        uint8_t *exact = xmemdup(f->jpeg.data, MAX(len, (size_t)1));

        assert_int_equal(frame_jpeg_len(exact, len), 0);
        free(exact);
    }
}

static void what_is_no_frame_is_the_offender(void **state)
{
    struct fixture *f = *state;

    rig_write(f->path, "", 0);
    assert_int_equal(read_code(f->path), -EBADMSG);
    rig_write(f->path, "<html>404</html>", 16);
    assert_int_equal(read_code(f->path), -EBADMSG);
    rig_write(f->path, "\xff\xd8\xff\xd9", 4);
    assert_int_equal(read_code(f->path), -EBADMSG);
    assert_int_equal(remove(f->path), 0);
    assert_int_equal(read_code(f->path), -EBADMSG);
    assert_int_equal(mkdir(f->path, 0700), 0);
    assert_int_equal(read_code(f->path), -EBADMSG);
}

static void a_missing_directory_is_the_machines_matter(void **state)
{
    (void)state;
    assert_int_equal(read_code("/tmp/lapsed-no-such-directory/000001.jpg"), -ENODEV);
}

#define FRAME_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRAME_TEST(a_whole_frame_becomes_a_part),
        FRAME_TEST(what_cameras_append_is_left_out),
        FRAME_TEST(a_cut_at_any_byte_is_noticed),
        FRAME_TEST(what_is_no_frame_is_the_offender),
        FRAME_TEST(a_missing_directory_is_the_machines_matter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
