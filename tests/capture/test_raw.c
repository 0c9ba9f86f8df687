/* SPDX-License-Identifier: MIT */
/* test_raw: the RAW of a frame is stored beside it, whenever it comes. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "capture/frame_store.h"
#include "tests/capture/pictures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEADLINE_MS = 20000, RAW_BYTES = 700000 };

struct fixture {
    struct loop *loop;
    struct timer *deadline;
    bool late;
    char root[64];
    char *raw_path; /* as the camera's program makes it */
    struct frame_store *store;
    char *dir, *id;
    int stored, raws, deleted;
    int raw_result;
    char last_raw[512];
};

static void on_deadline(void *user)
{
    struct fixture *f = user;

    f->late = true;
}

static void on_raw(int result, const char *path, const struct error *err, void *user)
{
    struct fixture *f = user;

    (void)err;
    f->raws++;
    f->raw_result = result;
    snprintf(f->last_raw, sizeof(f->last_raw), "%s", path);
}

static void open_store(struct fixture *f, int64_t reserve_bytes)
{
    struct frame_store_config config = {
        .root_dir = f->root, .reserve_bytes = reserve_bytes, .on_raw = on_raw, .user = f};

    frame_store_free(f->store);
    assert_int_equal(frame_store_open(f->loop, &config, &f->store, NULL), 0);
}

static void put_raw(struct fixture *f)
{
    CLEANUP(free_p) char *bytes = xmalloc(RAW_BYTES);
    FILE *file = fopen(f->raw_path, "w");

    memset(bytes, 'r', RAW_BYTES);
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, RAW_BYTES, file), RAW_BYTES);
    assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    snprintf(f->root, sizeof(f->root), "/tmp/lapsed-raw-XXXXXX");
    if (!mkdtemp(f->root) || loop_new(&f->loop, NULL) < 0)
        return -1;
    f->raw_path = path_join(f->root, "1.NEF");
    f->deadline = timer_new(f->loop, on_deadline, f);
    timer_start(f->deadline, DEADLINE_MS);
    open_store(f, 0);
    if (frame_store_make_session(f->store, "pi", "mk4", "job", &f->dir, &f->id, NULL) < 0)
        return -1;
    put_raw(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    int rc = f->late ? -1 : 0;

    frame_store_free(f->store);
    timer_free(f->deadline);
    loop_free(f->loop);
    if (path_remove_tree(f->root, NULL) < 0)
        rc = -1;
    free(f->raw_path);
    free(f->dir);
    free(f->id);
    free(f);
    return rc;
}

static void on_stored(int result, const struct frame_file *file, const struct error *err,
                      void *user)
{
    struct fixture *f = user;

    (void)file;
    (void)err;
    assert_int_equal(result, 0);
    f->stored++;
}

static void wait_for(struct fixture *f, const int *count, int wanted)
{
    while (*count < wanted && !f->late)
        loop_run_once(f->loop);
    assert_int_equal(*count, wanted);
}

static void add(struct fixture *f, int64_t seq, struct raw *raw)
{
    size_t len;
    uint8_t *jpeg = picture_make(64, 48, (int)seq, &len);
    struct picture *picture = picture_new(jpeg, len);

    picture->raw = raw_ref(raw);
    frame_store_add(f->store, f->dir, "front", seq, picture, NULL, on_stored, f);
    picture_unref(picture);
}

static bool has_file(const struct fixture *f, const char *name)
{
    CLEANUP(free_p) char *path = xasprintf("%s/frames/%s", f->dir, name);

    return access(path, F_OK) == 0;
}

static void expect_whole(const char *path)
{
    CLEANUP(free_p) char *bytes = NULL;
    size_t len = 0;

    assert_int_equal(path_read_file(path, 2 * RAW_BYTES, &bytes, &len, NULL), 0);
    assert_int_equal(len, RAW_BYTES);
    assert_int_equal(strspn(bytes, "r"), RAW_BYTES);
}

static void raw_that_comes_later_follows_its_frame(void **state)
{
    struct fixture *f = *state;
    struct raw *raw = raw_new();

    add(f, 7, raw);
    wait_for(f, &f->stored, 1);
    assert_int_equal(f->raws, 0);
    raw_settle(raw, f->raw_path);
    raw_unref(raw);
    wait_for(f, &f->raws, 1);
    assert_int_equal(f->raw_result, 0);
    assert_true(has_file(f, "front_00000007.nef"));
    expect_whole(f->last_raw);
    assert_int_equal(access(f->raw_path, F_OK), -1);
}

static void raw_that_was_first_does_so_too_in_every_session(void **state)
{
    struct fixture *f = *state;
    struct raw *raw = raw_new();

    raw_settle(raw, f->raw_path);
    add(f, 1, raw);
    add(f, 2, raw);
    raw_unref(raw);
    wait_for(f, &f->raws, 2);
    assert_true(has_file(f, "front_00000001.nef"));
    assert_true(has_file(f, "front_00000002.nef"));
    expect_whole(f->last_raw);
}

static void picture_without_a_raw_has_none(void **state)
{
    struct fixture *f = *state;
    struct raw *raw = raw_new();

    add(f, 1, raw);
    add(f, 2, NULL);
    wait_for(f, &f->stored, 2);
    raw_settle_without(raw);
    raw_settle(raw, f->raw_path); /* too late */
    raw_unref(raw);
    add(f, 3, NULL);
    wait_for(f, &f->stored, 3);
    assert_int_equal(f->raws, 0);
    assert_false(has_file(f, "front_00000001.nef"));
}

static void on_deleted(int result, const struct error *err, void *user)
{
    struct fixture *f = user;

    (void)err;
    assert_int_equal(result, 0);
    f->deleted++;
}

static void raw_stays_without_its_frame_and_goes_with_the_session(void **state)
{
    struct fixture *f = *state;
    struct raw *raw = raw_new();

    raw_settle(raw, f->raw_path);
    add(f, 1, raw);
    raw_unref(raw);
    wait_for(f, &f->raws, 1);
    frame_store_delete(f->store, f->dir, "front", 1, 1);
    add(f, 2, NULL);
    wait_for(f, &f->stored, 2);
    assert_false(has_file(f, "front_00000001.jpg"));
    assert_true(has_file(f, "front_00000001.nef"));
    assert_int_equal(frame_store_delete_session(f->store, f->dir, on_deleted, f, NULL), 0);
    wait_for(f, &f->deleted, 1);
    assert_int_equal(access(f->dir, F_OK), -1);
}

static void raw_that_cannot_be_stored_is_told(void **state)
{
    struct fixture *f = *state;
    struct raw *raw = raw_new();

    add(f, 1, raw);
    wait_for(f, &f->stored, 1);
    assert_int_equal(frame_store_delete_session(f->store, f->dir, on_deleted, f, NULL), 0);
    wait_for(f, &f->deleted, 1);
    raw_settle(raw, f->raw_path);
    raw_unref(raw);
    wait_for(f, &f->raws, 1);
    assert_int_equal(f->raw_result, -ENOENT);
}

static void store_may_go_before_the_raw_comes(void **state)
{
    struct fixture *f = *state;
    struct raw *raw = raw_new();

    add(f, 1, raw);
    wait_for(f, &f->stored, 1);
    open_store(f, 0);
    raw_settle(raw, f->raw_path);
    raw_unref(raw);
    assert_int_equal(f->raws, 0);
}

static void half_a_raw_of_a_power_cut_is_cleared(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *temp = xasprintf("%s/frames/.front_00000001.nef.tmp", f->dir);
    struct stored_frame *frames = NULL;
    size_t count = 9;

    assert_int_equal(rename(f->raw_path, temp), 0);
    assert_int_equal(frame_store_scan(f->dir, "front", 1, &frames, &count, NULL), 0);
    free(frames);
    assert_int_equal(count, 0);
    assert_int_equal(access(temp, F_OK), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(raw_that_comes_later_follows_its_frame),
        TEST(raw_that_was_first_does_so_too_in_every_session),
        TEST(picture_without_a_raw_has_none),
        TEST(raw_stays_without_its_frame_and_goes_with_the_session),
        TEST(raw_that_cannot_be_stored_is_told),
        TEST(store_may_go_before_the_raw_comes),
        TEST(half_a_raw_of_a_power_cut_is_cleared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
