/* SPDX-License-Identifier: MIT */
/* test_frame_store: a frame that is told to be there survives a power cut, one that is not told
 * leaves nothing, and no name from outside leads out of the root.
 *
 * The program brings its own fsync(), fdatasync() and renameat2(), which note what is synced in
 * which order, and fail when asked. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "capture/frame_store.h"
#include "capture/jpeg.h"
#include "tests/capture/pictures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DEADLINE_MS = 20000, NOTES = 64 };

/* --- what reaches the disk --- */

static struct {
    char *notes[NOTES]; /* "sync <path>", "rename <name>" */
    size_t count;
    int fail_fsync, fail_fdatasync, fail_rename; /* errno */
} disk;

static void disk_note(const char *verb, const char *what)
{
    if (disk.count < NOTES)
        disk.notes[disk.count++] = xasprintf("%s %s", verb, what);
}

static void disk_note_fd(const char *verb, int fd)
{
    char link[64], path[4096];
    ssize_t len;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    len = readlink(link, path, sizeof(path) - 1);
    path[MAX(len, 0)] = '\0';
    disk_note(verb, path);
}

static void disk_clear(void)
{
    for (size_t i = 0; i < disk.count; i++)
        free(disk.notes[i]);
    memset(&disk, 0, sizeof(disk));
}

static int fail_with(int code)
{
    errno = code;
    return -1;
}

int fsync(int fd)
{
    disk_note_fd("sync", fd);
    return disk.fail_fsync ? fail_with(disk.fail_fsync) : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    disk_note_fd("sync", fd);
    return disk.fail_fdatasync ? fail_with(disk.fail_fdatasync) : (int)syscall(SYS_fdatasync, fd);
}

int renameat2(int old_fd, const char *from, int new_fd, const char *to, unsigned flags)
{
    disk_note("rename", to);
    if (disk.fail_rename)
        return fail_with(disk.fail_rename);
    return (int)syscall(SYS_renameat2, old_fd, from, new_fd, to, flags);
}

/* The place of the first note that begins so and ends so; −1 = none. */
static int noted(const char *verb, const char *suffix)
{
    for (size_t i = 0; i < disk.count; i++)
        if (str_starts_with(disk.notes[i], verb) && str_ends_with(disk.notes[i], suffix))
            return (int)i;
    return -1;
}

/* --- fixture --- */

struct fixture {
    struct loop *loop;
    struct timer *deadline;
    bool late;
    char root[64];
    struct frame_store *store;
    char *dir, *id;
    bool worked;
    int done;
    int last_result;
    int64_t last_bytes;
    char last_path[512];
    struct error last_error;
    int results[200];
};

static void on_deadline(void *user)
{
    struct fixture *f = user;

    f->late = true;
}

static void open_store(struct fixture *f, int64_t reserve_bytes)
{
    struct frame_store_config config = {.root_dir = f->root, .reserve_bytes = reserve_bytes};

    assert_int_equal(frame_store_open(f->loop, &config, &f->store, NULL), 0);
}

static void make_session(struct fixture *f)
{
    assert_int_equal(frame_store_make_session(f->store, "pi", "mk4", "job", &f->dir, &f->id, NULL),
                     0);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    snprintf(f->root, sizeof(f->root), "/tmp/lapsed-store-XXXXXX");
    if (!mkdtemp(f->root) || loop_new(&f->loop, NULL) < 0)
        return -1;
    f->deadline = timer_new(f->loop, on_deadline, f);
    timer_start(f->deadline, DEADLINE_MS);
    open_store(f, 0);
    make_session(f);
    disk_clear();
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
    free(f->dir);
    free(f->id);
    free(f);
    disk_clear();
    return rc;
}

static void on_stored(int result, const struct frame_file *file, const struct error *err,
                      void *user)
{
    struct fixture *f = user;

    f->results[f->done++] = result;
    f->last_result = result;
    f->last_bytes = file->bytes;
    f->last_error = *err;
    snprintf(f->last_path, sizeof(f->last_path), "%s", file->path);
}

static struct picture *make_picture(int seed)
{
    size_t len;
    uint8_t *jpeg = picture_make(64, 48, seed, &len);

    return picture_new(jpeg, len);
}

static void add(struct fixture *f, const char *camera, int64_t seq)
{
    struct picture *picture = make_picture((int)seq);

    frame_store_add(f->store, f->dir, camera, seq, picture, NULL, on_stored, f);
    picture_unref(picture);
}

static void wait_done(struct fixture *f, int count)
{
    while (f->done < count && !f->late)
        loop_run_once(f->loop);
    assert_int_equal(f->done, count);
}

static void add_and_wait(struct fixture *f, const char *camera, int64_t seq)
{
    int before = f->done;

    add(f, camera, seq);
    assert_int_equal(f->done, before);
    wait_done(f, before + 1);
}

static size_t count_files(const struct fixture *f)
{
    size_t count = 0;

    for (int64_t seq = 0; seq < 2000; seq++) {
        CLEANUP(free_p) char *path = frame_store_path(f->dir, "front", seq);

        count += access(path, F_OK) == 0;
    }
    return count;
}

static bool is_absent(const char *path)
{
    struct stat st;

    return lstat(path, &st) < 0 && errno == ENOENT;
}

static bool has_temp(const struct fixture *f, int64_t seq)
{
    CLEANUP(free_p)
    char *temp = xasprintf("%s/frames/.front_%08lld.jpg.tmp", f->dir, (long long)seq);

    return !is_absent(temp);
}

/* --- writing --- */

static void test_frame_is_there_with_all_its_bytes(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *path = frame_store_path(f->dir, "front", 7);
    struct picture *picture = make_picture(7);
    CLEANUP(free_p) char *data = NULL;
    size_t len;

    add_and_wait(f, "front", 7);
    assert_int_equal(f->last_result, 0);
    assert_string_equal(f->last_path, path);
    assert_int_equal(path_read_file(path, 1 << 20, &data, &len, NULL), 0);
    assert_int_equal(len, picture->len);
    assert_int_equal(f->last_bytes, len);
    assert_memory_equal(data, picture->jpeg, len);
    assert_true(str_ends_with(path, "/pi/mk4/job/frames/front_00000007.jpg"));
    picture_unref(picture);
}

static void test_a_stamp_gets_into_the_file_and_not_into_the_picture(void **state)
{
    struct fixture *f = *state;
    struct picture *picture = make_picture(7), *untouched = make_picture(7);
    struct exif_stamp *stamp = xcalloc(1, sizeof(*stamp));
    CLEANUP(free_p) char *data = NULL;
    struct jpeg_info info;
    size_t len;

    stamp->description = xstrdup("this is frame 7");
    stamp->comment = xstrdup("{}");
    frame_store_add(f->store, f->dir, "front", 7, picture, stamp, on_stored, f);
    wait_done(f, 1);
    assert_int_equal(path_read_file(f->last_path, 1 << 20, &data, &len, NULL), 0);
    assert_int_equal(f->last_bytes, len);
    assert_int_equal(jpeg_check((const uint8_t *)data, len, &info, NULL), 0);
    assert_true(info.len == len && info.exif_len > 0);
    assert_non_null(memmem(data, len, "this is frame 7", 15));
    assert_int_equal(picture->len, untouched->len);
    assert_memory_equal(picture->jpeg, untouched->jpeg, picture->len);
    picture_unref(untouched);
    picture_unref(picture);
}

static void test_frame_is_synced_before_its_name_and_its_directory_after(void **state)
{
    struct fixture *f = *state;
    int data, name, frames;

    add_and_wait(f, "front", 1);
    data = noted("sync", "/frames/.front_00000001.jpg.tmp");
    name = noted("rename", "front_00000001.jpg");
    frames = noted("sync", "/job/frames");
    assert_true(data >= 0 && data < name && name < frames);
}

static void test_parents_of_a_new_session_are_synced_once(void **state)
{
    struct fixture *f = *state;

    add_and_wait(f, "front", 1);
    assert_true(noted("sync", "/pi/mk4/job") >= 0);
    assert_true(noted("sync", "/pi/mk4") >= 0);
    assert_true(noted("sync", "/pi") >= 0);
    assert_true(noted("sync", f->root) >= 0);
    assert_true(noted("sync /tmp", "/tmp") >= 0);
    disk_clear();
    add_and_wait(f, "front", 2);
    assert_int_equal(disk.count, 3);
}

static void test_parents_are_synced_again_after_a_failed_first_frame(void **state)
{
    struct fixture *f = *state;

    disk.fail_fdatasync = EIO;
    add_and_wait(f, "front", 1);
    assert_int_equal(f->last_result, -EIO);
    disk_clear();
    add_and_wait(f, "front", 1);
    assert_int_equal(f->last_result, 0);
    assert_true(noted("sync", "/pi/mk4") >= 0);
}

static void expect_nothing_left(struct fixture *f, int64_t seq, int result)
{
    CLEANUP(free_p) char *path = frame_store_path(f->dir, "front", seq);

    assert_int_equal(f->last_result, result);
    assert_int_equal(f->last_error.code, result);
    assert_true(f->last_error.text[0] != '\0');
    assert_true(is_absent(path));
    assert_false(has_temp(f, seq));
}

static void test_failed_syncs_leave_nothing(void **state)
{
    struct fixture *f = *state;

    add_and_wait(f, "front", 1);
    disk.fail_fdatasync = EIO;
    add_and_wait(f, "front", 2);
    expect_nothing_left(f, 2, -EIO);
    disk.fail_fdatasync = 0;
    disk.fail_fsync = EIO;
    add_and_wait(f, "front", 3);
    expect_nothing_left(f, 3, -EIO);
    disk.fail_fsync = 0;
    disk.fail_rename = EROFS;
    add_and_wait(f, "front", 4);
    expect_nothing_left(f, 4, -EROFS);
}

static void test_disk_full_in_the_middle_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct rlimit old, tight;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = (struct rlimit){.rlim_cur = 100, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    add_and_wait(f, "front", 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    expect_nothing_left(f, 1, -EFBIG);
}

static void test_reserve_is_never_touched(void **state)
{
    struct fixture *f = *state;
    int64_t free_bytes;

    assert_int_equal(frame_store_free_bytes(f->store, &free_bytes, NULL), 0);
    assert_true(free_bytes > 0);
    frame_store_free(f->store);
    open_store(f, INT64_MAX / 2);
    add_and_wait(f, "front", 1);
    expect_nothing_left(f, 1, -ENOSPC);
    assert_non_null(strstr(f->last_error.text, "storage full"));
}

static void test_number_is_used_only_once(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *path = frame_store_path(f->dir, "front", 1);
    struct stat before, after;

    add_and_wait(f, "front", 1);
    assert_int_equal(stat(path, &before), 0);
    add_and_wait(f, "front", 1);
    assert_int_equal(f->last_result, -EEXIST);
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_false(has_temp(f, 1));
}

static void test_number_is_used_only_once_on_old_file_systems(void **state)
{
    struct fixture *f = *state;

    disk.fail_rename = EINVAL;
    add_and_wait(f, "front", 1);
    assert_int_equal(f->last_result, 0);
    add_and_wait(f, "front", 1);
    assert_int_equal(f->last_result, -EEXIST);
    assert_false(has_temp(f, 1));
}

static void test_symbolic_link_in_place_of_the_frame_is_not_followed(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *path = frame_store_path(f->dir, "front", 1);
    CLEANUP(free_p) char *temp = xasprintf("%s/frames/.front_00000002.jpg.tmp", f->dir);
    CLEANUP(free_p) char *victim = path_join(f->root, "victim");

    assert_int_equal(symlink(victim, path), 0);
    assert_int_equal(symlink(victim, temp), 0);
    add_and_wait(f, "front", 1);
    assert_int_equal(f->last_result, -EEXIST);
    add_and_wait(f, "front", 2);
    assert_int_equal(f->last_result, 0);
    assert_true(is_absent(victim));
}

static void test_linked_frames_directory_is_refused(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *frames = path_join(f->dir, "frames");
    CLEANUP(free_p) char *elsewhere = path_join(f->root, "elsewhere");
    CLEANUP(free_p) char *kept = path_join(elsewhere, "front_00000001.jpg");

    assert_int_equal(path_make_dirs(elsewhere, NULL), 0);
    assert_int_equal(path_write_durable(elsewhere, "front_00000001.jpg", "x", 1, NULL), 0);
    assert_int_equal(rmdir(frames), 0);
    assert_int_equal(symlink(elsewhere, frames), 0);
    add_and_wait(f, "front", 2);
    assert_true(f->last_result == -ELOOP || f->last_result == -ENOTDIR);
    frame_store_delete(f->store, f->dir, "front", 0, INT64_MAX);
    assert_int_equal(frame_store_delete_session(f->store, f->dir, NULL, NULL, NULL), 0);
    while (!is_absent(f->dir) && !f->late)
        loop_run_once(f->loop);
    assert_false(is_absent(kept));
}

static void test_directory_that_is_gone_is_not_made_again(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(path_remove_tree(f->dir, NULL), 0);
    add_and_wait(f, "front", 1);
    assert_int_equal(f->last_result, -ENOENT);
    assert_true(is_absent(f->dir));
}

static void test_writes_end_in_the_order_asked(void **state)
{
    struct fixture *f = *state;

    for (int64_t seq = 1; seq <= 20; seq++)
        add(f, "front", seq == 10 ? 1 : seq);
    wait_done(f, 20);
    for (int i = 0; i < 20; i++)
        assert_int_equal(f->results[i], i == 9 ? -EEXIST : 0);
    assert_string_equal(f->last_path + strlen(f->last_path) - 6, "20.jpg");
}

static void test_writes_over_the_limit_are_refused(void **state)
{
    struct fixture *f = *state;
    int busy = 0;

    for (int64_t seq = 1; seq <= 70; seq++)
        add(f, "front", seq);
    assert_int_equal(f->done, 0);
    wait_done(f, 70);
    for (int i = 0; i < 70; i++) {
        assert_true(f->results[i] == 0 || f->results[i] == -EBUSY);
        busy += f->results[i] == -EBUSY;
    }
    assert_int_equal(busy, 6);
    assert_int_equal(count_files(f), 64);
    add_and_wait(f, "front", 71);
    assert_int_equal(f->last_result, 0);
}

static void do_nothing(void *user)
{
    (void)user;
}

static void on_worked(void *user)
{
    struct fixture *f = user;

    f->worked = true;
}

static void test_free_with_writes_under_way_calls_nobody(void **state)
{
    struct fixture *f = *state;

    for (int64_t seq = 1; seq <= 70; seq++)
        add(f, "front", seq);
    frame_store_free(f->store);
    f->store = NULL;
    /* what would come comes before a second work that is asked for now */
    loop_work(f->loop, do_nothing, on_worked, f);
    while (!f->worked && !f->late)
        loop_run_once(f->loop);
    assert_int_equal(f->done, 0);
    assert_int_equal(count_files(f), 1);
}

static void on_stored_free(int result, const struct frame_file *file, const struct error *err,
                           void *user)
{
    struct fixture *f = user;

    on_stored(result, file, err, user);
    frame_store_free(f->store);
    f->store = NULL;
}

static void test_store_may_be_freed_by_done(void **state)
{
    struct fixture *f = *state;
    struct picture *picture = make_picture(1);

    frame_store_add(f->store, f->dir, "front", 1, picture, NULL, on_stored_free, f);
    frame_store_add(f->store, f->dir, "front", 2, picture, NULL, on_stored_free, f);
    picture_unref(picture);
    wait_done(f, 1);
    assert_int_equal(f->last_result, 0);
}

/* --- sessions and names --- */

static void test_sessions_of_one_name_get_numbers(void **state)
{
    struct fixture *f = *state;

    for (int i = 2; i <= 4; i++) {
        CLEANUP(free_p) char *dir = NULL;
        CLEANUP(free_p) char *id = NULL;
        CLEANUP(free_p) char *expected = xasprintf("job-%d", i);

        assert_int_equal(frame_store_make_session(f->store, "pi", "mk4", "job", &dir, &id, NULL),
                         0);
        assert_string_equal(id, expected);
        assert_true(str_ends_with(dir, id));
        assert_false(is_absent(dir));
    }
}

static void test_hostile_names_stay_below_the_root(void **state)
{
    static const char *const names[] = {"../../etc", "/etc/passwd", "..", ".", "", "a/b\nc", "-rf"};
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        CLEANUP(free_p) char *dir = NULL;
        CLEANUP(free_p) char *id = NULL;
        CLEANUP(free_p) char *real = NULL;

        assert_int_equal(
            frame_store_make_session(f->store, names[i], names[i], names[i], &dir, &id, NULL), 0);
        real = realpath(dir, NULL);
        assert_string_equal(real, dir);
        assert_true(str_starts_with(real, f->root));
        replace_str(&f->dir, dir);
        add_and_wait(f, names[i], 1);
        assert_int_equal(f->last_result, 0);
        assert_true(str_starts_with(f->last_path, dir));
        assert_null(strstr(f->last_path, "/../"));
    }
}

static void test_root_must_be_absolute_and_writable(void **state)
{
    struct fixture *f = *state;
    struct frame_store_config relative = {.root_dir = "frames"};
    struct frame_store_config impossible = {.root_dir = "/proc/lapsed"};
    struct frame_store *store = NULL;
    struct error err = {0};

    assert_int_equal(frame_store_open(f->loop, &relative, &store, &err), -EINVAL);
    assert_true(frame_store_open(f->loop, &impossible, &store, &err) < 0);
    assert_non_null(strstr(err.text, "/proc/lapsed"));
    assert_null(store);
}

/* --- recovery --- */

static void put_file(const struct fixture *f, const char *name, const void *data, size_t len)
{
    CLEANUP(free_p) char *frames = path_join(f->dir, "frames");

    assert_int_equal(path_write_durable(frames, name, data, len, NULL), 0);
}

static void test_scan_finds_whole_frames_and_clears_leftovers(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *link = xasprintf("%s/frames/front_00000050.jpg", f->dir);
    CLEANUP(free_p) char *pipe_path = xasprintf("%s/frames/front_00000051.jpg", f->dir);
    CLEANUP(free_p) char *foreign = xasprintf("%s/frames/.note.tmp", f->dir);
    CLEANUP(free_p) char *temp = xasprintf("%s/frames/.front_00000009.jpg.tmp", f->dir);
    CLEANUP(free_p) struct stored_frame *frames = NULL;
    struct picture *picture = make_picture(1);
    size_t count;

    add_and_wait(f, "front", 12);
    add_and_wait(f, "front", 2);
    add_and_wait(f, "front", 5);
    add_and_wait(f, "side", 4);
    add_and_wait(f, "front", 123456789);
    put_file(f, "front_00000006.jpg", "", 0);
    put_file(f, "front_00000007.jpg", picture->jpeg, picture->len / 2);
    put_file(f, "front_8.jpg", picture->jpeg, picture->len);
    put_file(f, "front_00000008.jpeg", picture->jpeg, picture->len);
    put_file(f, ".front_00000009.jpg.tmp", picture->jpeg, picture->len);
    put_file(f, ".note.tmp", "mine", 4);
    assert_int_equal(symlink("/etc/passwd", link), 0);
    assert_int_equal(mkfifo(pipe_path, 0600), 0);

    assert_int_equal(frame_store_scan(f->dir, "front", 3, &frames, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_int_equal(frames[0].seq, 5);
    assert_int_equal(frames[1].seq, 12);
    assert_int_equal(frames[2].seq, 123456789);
    assert_int_equal(frames[0].width, 64);
    assert_int_equal(frames[0].height, 48);
    assert_true(llabs(frames[0].modified_at - clock_wall_ms()) < 60000);
    assert_true(is_absent(temp));
    assert_false(is_absent(foreign));
    picture_unref(picture);
}

static void test_scan_of_an_empty_and_of_no_session(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) struct stored_frame *frames = NULL;
    size_t count = 1;
    struct error err = {0};

    assert_int_equal(frame_store_scan(f->dir, "front", 0, &frames, &count, NULL), 0);
    assert_int_equal(count, 0);
    assert_int_equal(frame_store_scan("/nowhere", "front", 0, &frames, &count, &err), -ENOENT);
    assert_non_null(strstr(err.text, "/nowhere"));
}

/* --- deleting --- */

static void test_delete_takes_its_range_only(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *kept = frame_store_path(f->dir, "side", 3);

    for (int64_t seq = 1; seq <= 9; seq++)
        add(f, "front", seq);
    add(f, "side", 3);
    frame_store_delete(f->store, f->dir, "front", 2, 8);
    wait_done(f, 10);
    add_and_wait(f, "front", 10); /* behind the deletion */
    assert_int_equal(count_files(f), 3);
    assert_false(is_absent(kept));
}

static void test_long_deletion_lets_frames_through(void **state)
{
    struct fixture *f = *state;
    size_t left_when_stored;

    for (int i = 0; i < 1000; i++) {
        CLEANUP(free_p) char *path = frame_store_path(f->dir, "front", i);
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0640);

        assert_true(fd >= 0);
        close(fd);
    }
    frame_store_delete(f->store, f->dir, "front", 0, 999);
    add_and_wait(f, "front", 1500);
    left_when_stored = count_files(f);
    assert_in_range(left_when_stored, 2, 1000);
    while (count_files(f) > 1 && !f->late)
        loop_run_once(f->loop);
    assert_int_equal(count_files(f), 1);
}

static void on_deleted(int result, const struct error *err, void *user)
{
    bool *gone = user;

    assert_null(err);
    *gone = result == 0;
}

static void test_session_is_deleted_with_all_it_has(void **state)
{
    struct fixture *f = *state;
    bool gone = false;
    CLEANUP(free_p) char *parent = path_join(f->root, "pi/mk4");

    add(f, "front", 1);
    add(f, "side", 1);
    wait_done(f, 2);
    put_file(f, "note.txt", "x", 1);
    assert_int_equal(path_write_durable(f->dir, "job.mp4", "x", 1, NULL), 0);
    assert_int_equal(frame_store_delete_session(f->store, "/tmp", NULL, NULL, NULL), -EPERM);
    assert_int_equal(frame_store_delete_session(f->store, f->root, NULL, NULL, NULL), -EPERM);
    assert_int_equal(frame_store_delete_session(f->store, f->dir, on_deleted, &gone, NULL), 0);
    while (!gone && !f->late)
        loop_run_once(f->loop);
    assert_true(is_absent(f->dir));
    assert_false(is_absent(parent));
}

#define store_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_frame_is_there_with_all_its_bytes),
        store_test(test_a_stamp_gets_into_the_file_and_not_into_the_picture),
        store_test(test_frame_is_synced_before_its_name_and_its_directory_after),
        store_test(test_parents_of_a_new_session_are_synced_once),
        store_test(test_parents_are_synced_again_after_a_failed_first_frame),
        store_test(test_failed_syncs_leave_nothing),
        store_test(test_disk_full_in_the_middle_leaves_nothing),
        store_test(test_reserve_is_never_touched),
        store_test(test_number_is_used_only_once),
        store_test(test_number_is_used_only_once_on_old_file_systems),
        store_test(test_symbolic_link_in_place_of_the_frame_is_not_followed),
        store_test(test_linked_frames_directory_is_refused),
        store_test(test_directory_that_is_gone_is_not_made_again),
        store_test(test_writes_end_in_the_order_asked),
        store_test(test_writes_over_the_limit_are_refused),
        store_test(test_free_with_writes_under_way_calls_nobody),
        store_test(test_store_may_be_freed_by_done),
        store_test(test_sessions_of_one_name_get_numbers),
        store_test(test_hostile_names_stay_below_the_root),
        store_test(test_root_must_be_absolute_and_writable),
        store_test(test_scan_finds_whole_frames_and_clears_leftovers),
        store_test(test_scan_of_an_empty_and_of_no_session),
        store_test(test_delete_takes_its_range_only),
        store_test(test_long_deletion_lets_frames_through),
        store_test(test_session_is_deleted_with_all_it_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
