/* SPDX-License-Identifier: MIT */
/* test_video_recovery: a video that is interrupted at any moment, by its owner, by death or by the
 * disk, goes on from what is safe. */
#include "tests/encode/studio.h"

#include "agent/base/mem.h"
#include "tests/encode/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- interrupted --- */

static void freed_at_any_moment_and_opened_again_nothing_is_lost(void **state)
{
    struct studio *s = *state;

    studio_open(s);
    for (int turns = 0; studio_state(s).encoded_frames < 20; turns += 17) {
        studio_add(s, (int)(20 - MAX(studio_state(s).last_seq, (int64_t)0)));
        for (int i = 0; i < turns && studio_state(s).encoded_frames < 20; i++)
            loop_run_once(s->loop);
        studio_close(s);
        studio_open(s);
    }
    studio_add(s, 5);
    assert_int_equal(studio_finish(s), 0);
    studio_assert_result(s, 25, 0, 1);
}

/* The child of a fork adds frames and says when a segment is safe, until it is killed. */
static void run_until_killed(const struct studio *s, int report_fd)
{
    struct studio mine = *s;
    int told = 0;

    if (loop_new(&mine.loop, NULL) < 0)
        _exit(1);
    mine.queue = encode_queue_new(mine.loop, &mine.encode);
    studio_open(&mine);
    for (;;) {
        if (studio_state(&mine).pending_frames < 20)
            studio_add(&mine, 10);
        loop_run_once(mine.loop);
        for (; told < mine.segments; told++)
            if (write(report_fd, "s", 1) != 1)
                _exit(1);
    }
}

static void kill_after_segments(const struct studio *s, int segments)
{
    int fds[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe(fds), 0);
    pid = fork();
    if (pid == 0)
        run_until_killed(s, fds[1]);
    for (int i = 0; i < segments; i++)
        assert_int_equal(read(fds[0], &byte, 1), 1);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(fds[0]);
    close(fds[1]);
}

static void a_killed_process_leaves_a_video_that_goes_on(void **state)
{
    struct studio *s = *state;
    CLEANUP(free_p) char *growing = xasprintf("%s/film.growing.mp4", s->dir);
    int64_t frames = 0;

    for (int round = 1; round <= 3; round++) {
        kill_after_segments(s, round);
        studio_open(s);
        assert_true(studio_state(s).encoded_frames >= frames + 10 * round);
        frames = studio_state(s).encoded_frames;
        assert_int_equal(frames, studio_state(s).last_seq);
        assert_int_equal(rig_count_frames(growing), frames);
        studio_close(s);
    }
    studio_open(s);
    studio_add(s, 5);
    assert_int_equal(studio_finish(s), 0);
    studio_assert_result(s, (int)frames + 5, 0, ((double)frames + 5) / 25);
}

/* --- a bad disk --- */

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A limit of the file size fails every write that a full disk would. */
static void a_disk_without_room_costs_nothing(void **state)
{
    struct studio *s = *state;
    CLEANUP(free_p) char *growing = xasprintf("%s/film.growing.mp4", s->dir);
    struct rlimit before;
    int64_t kept;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    studio_open(s);
    studio_add(s, 20);
    studio_wait_frames(s, 20);
    kept = studio_state(s).encoded_frames;
    limit_file_size((rlim_t)rig_size(growing) + 5000);
    studio_add(s, 20);
    studio_wait_failures(s, 1);
    assert_int_equal(s->last_error.code, -EFBIG);
    assert_int_equal(studio_finish(s), -EFBIG);
    assert_int_equal(studio_state(s).encoded_frames, kept);
    assert_int_equal(rig_count_frames(growing), kept);
    limit_file_size(before.rlim_cur);
    assert_int_equal(studio_finish(s), 0);
    studio_assert_result(s, 40, 0, 40 / 25.0);
}

static void frames_on_a_disk_that_is_gone_are_not_given_up(void **state)
{
    struct studio *s = *state;
    CLEANUP(free_p) char *away = xasprintf("%s/away", s->dir);

    studio_open(s);
    assert_int_equal(rename(s->frame_dir, away), 0);
    studio_add(s, 12);
    assert_int_equal(studio_finish(s), -ENODEV);
    assert_int_equal(studio_state(s).pending_frames, 12);
    assert_int_equal(rename(away, s->frame_dir), 0);
    assert_int_equal(studio_finish(s), 0);
    studio_assert_result(s, 12, 0, 12 / 25.0);
}

/* --- the owner --- */

static void the_owner_may_free_the_video_from_its_callbacks(void **state)
{
    struct studio *s = *state;

    s->free_on_segment = true;
    studio_open(s);
    studio_add(s, 10);
    while (s->video)
        loop_run_once(s->loop);
    s->free_on_segment = false;
    s->free_on_done = true;
    studio_open(s);
    assert_int_equal(studio_state(s).encoded_frames, 10);
    studio_add(s, 2);
    assert_int_equal(studio_finish(s), 0);
    assert_null(s->video);
    studio_assert_result(s, 12, 0, 12 / 25.0);
}

#define VIDEO_TEST(name) cmocka_unit_test_setup_teardown(name, studio_setup, studio_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        VIDEO_TEST(freed_at_any_moment_and_opened_again_nothing_is_lost),
        VIDEO_TEST(a_killed_process_leaves_a_video_that_goes_on),
        VIDEO_TEST(a_disk_without_room_costs_nothing),
        VIDEO_TEST(frames_on_a_disk_that_is_gone_are_not_given_up),
        VIDEO_TEST(the_owner_may_free_the_video_from_its_callbacks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
