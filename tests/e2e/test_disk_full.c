/* SPDX-License-Identifier: MIT */
/* The disk fills up in the middle of a print: frames are refused and counted, nothing that was
 * stored suffers, the printer is not held for it; and when there is room again, filming goes on.
 *
 * The disk is a tmpfs of a few MB. Mounting one needs root; whoever is not gets a user and a mount
 * namespace of their own, which the children of the test then share. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "tests/e2e/promise.h"
#include "tests/e2e/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    MB = 1000 * 1000,
    DISK_MB = 32,
    RESERVE_MB = 4, /* reserve_mb in the configurations */
    ROOM_BYTES = 200 * 1000,
};

static const char *const sim[] = {
    "--idle", "--layers",     "60", "--layer-ms",    "250",     "--heat-ms",
    "0",      "--pause-ms",   "50", "--resume-ms",   "50",      "--move-mm-s",
    "1000",   "--camera-fps", "20", "--camera-size", "640x480", NULL};

#define CONF(agent, unit)                                                                          \
    "agent = { id = \"pi01\"; " agent " reserve_mb = 4.0; };\n"                                    \
    "mqtt = { host = \"127.0.0.1\"; port = %mqtt; };\n"                                            \
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; poll_idle_ms = 250; } "  \
    ");\n"                                                                                         \
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; } );\n"         \
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ]; trigger = \"layer\";\n" \
    "    min_frames = 1; fps = 5.0; segment_frames = 4; tail_frames = 4; " unit "} );\n"

#define SMALL_MEDIA "data_dir = \"%dir/data\"; media_dir = \"%dir/disk/media\";"
#define SMALL_ALL   "data_dir = \"%dir/disk/data\"; media_dir = \"%dir/disk/media\";"

static const char media_conf[] = CONF(SMALL_MEDIA, "");
static const char all_conf[] = CONF(SMALL_ALL, "pause = true; pause_from_layer = 2; ");

/* --- the disk --- */

static char *disk_path(struct rig *rig, const char *name)
{
    CLEANUP(free_p) char *disk = path_join(rig_dir(rig), "disk");

    return path_join(disk, name);
}

static char *media_dir(struct rig *rig)
{
    return disk_path(rig, "media");
}

static void mount_disk(struct rig *rig)
{
    CLEANUP(free_p) char *disk = path_join(rig_dir(rig), "disk");
    CLEANUP(free_p) char *size = xasprintf("size=%d", DISK_MB * MB);

    assert_int_equal(mkdir(disk, 0700), 0);
    if (mount("none", disk, "tmpfs", 0, size) < 0)
        fail_msg("no tmpfs on %s: %s (root, or user namespaces, are needed)", disk,
                 strerror(errno));
}

static int64_t free_bytes(struct rig *rig)
{
    CLEANUP(free_p) char *disk = path_join(rig_dir(rig), "disk");
    struct statvfs fs;

    assert_int_equal(statvfs(disk, &fs), 0);
    return (int64_t)(fs.f_bavail * fs.f_frsize);
}

/* Until only so much is free. */
static void fill_disk(struct rig *rig, int64_t left_bytes)
{
    CLEANUP(free_p) char *path = disk_path(rig, "ballast");
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    for (int64_t spare; (spare = free_bytes(rig) - left_bytes) > 4096;)
        if (posix_fallocate(fd, lseek(fd, 0, SEEK_END), (off_t)spare) != 0)
            break; /* somebody else was faster */
    close(fd);
}

static void empty_disk(struct rig *rig)
{
    CLEANUP(free_p) char *path = disk_path(rig, "ballast");

    assert_int_equal(unlink(path), 0);
}

/* --- the rig --- */

static int setup_with(void **state, const char *conf)
{
    struct rig *rig = rig_new(&(struct rig_options){.sim_args = sim, .no_agent = true});

    *state = rig;
    mount_disk(rig);
    conf_write(rig, conf);
    rig_agent_start(rig);
    sim_do(rig, "/sim/command?do=start");
    return 0;
}

static int setup_media(void **state)
{
    return setup_with(state, media_conf);
}

static int setup_all(void **state)
{
    return setup_with(state, all_conf);
}

static int teardown(void **state)
{
    struct rig *rig = *state;
    CLEANUP(free_p) char *disk = path_join(rig_dir(rig), "disk");

    rig_agent_signal(rig, SIGKILL);
    umount2(disk, MNT_DETACH);
    rig_free(rig);
    return 0;
}

/* A user who may not mount is root in a namespace of their own. */
static int group_setup(void **state)
{
    (void)state;
    if (geteuid() != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        perror("unshare");
    return 0;
}

/* --- the tests --- */

static void await_frames(struct rig *rig, size_t more)
{
    size_t before = rig_event_count(rig, "frame");

    RIG_WAIT(rig, rig_event_count(rig, "frame") >= before + more);
}

static void await_refusals(struct rig *rig, size_t more)
{
    size_t before = rig_event_count(rig, "frame_missed");
    const cJSON *event;

    RIG_WAIT(rig, rig_event_count(rig, "frame_missed") >= before + more);
    event = rig_event(rig, "frame_missed", before);
    assert_non_null(strstr(json_get_string(event, "error"), "full"));
}

static void finish_and_judge(struct rig *rig)
{
    CLEANUP(free_p) char *media = media_dir(rig);
    const cJSON *finished;

    sim_do(rig, "/sim/command?do=cancel");
    RIG_WAIT(rig, (finished = rig_event(rig, "session_finished", 0)) != NULL);
    assert_int_equal(rig_event_count(rig, "session_started"), 1);
    assert_int_equal(promise_frames(rig), frames_on_disk(rig, media));
    assert_int_equal(promise_videos(rig), 1);
    assert_true(json_number(json_get(finished, "missed")) >=
                (double)rig_event_count(rig, "frame_missed"));
    promise_printer_is_free(rig, 10000);
}

static void test_frames_leave_the_reserve_free(void **state)
{
    struct rig *rig = *state;

    await_frames(rig, 5);
    fill_disk(rig, RESERVE_MB * MB + ROOM_BYTES);
    await_refusals(rig, 4);
    /* what the video needs of it is little, and it is for that, too */
    assert_in_range(free_bytes(rig), RESERVE_MB * MB - ROOM_BYTES, RESERVE_MB * MB + ROOM_BYTES);
    RIG_WAIT(rig, json_number(rig_look(rig, "unit/mk4/status", "session.missed")) >= 4);
    RIG_WAIT(rig, strstr(json_string(rig_look(rig, "unit/mk4/status", "error.message")), "full"));
    empty_disk(rig);
    await_frames(rig, 5);
    RIG_WAIT(rig, json_is_null(rig_look(rig, "unit/mk4/status", "error")));
    finish_and_judge(rig);
    rig_pass(rig);
}

static void test_not_a_byte_left_for_frames_and_video(void **state)
{
    struct rig *rig = *state;

    await_frames(rig, 6);
    fill_disk(rig, 0);
    await_refusals(rig, 6);
    assert_true(rig_agent_running(rig));
    empty_disk(rig);
    await_frames(rig, 6);
    finish_and_judge(rig);
    rig_pass(rig);
}

/* The print ends while nothing can be written; the video comes with the room for it. */
static void test_print_that_ends_on_a_full_disk_is_not_lost(void **state)
{
    struct rig *rig = *state;
    CLEANUP(free_p) char *media = media_dir(rig);
    size_t stored;

    await_frames(rig, 6);
    fill_disk(rig, 0);
    await_refusals(rig, 2);
    stored = frames_on_disk(rig, media);
    sim_do(rig, "/sim/command?do=cancel");
    RIG_WAIT(rig, rig_event_count(rig, "session_finished") == 1);
    assert_int_equal(promise_frames(rig), stored);
    assert_int_equal(frames_on_disk(rig, media), stored);
    promise_videos(rig); /* one that is called ready is one */
    assert_int_equal(rig_event_count(rig, "video_ready") + rig_event_count(rig, "video_failed"), 1);
    empty_disk(rig);
    RIG_WAIT(rig, rig_event_count(rig, "video_ready") == 1);
    assert_int_equal(promise_videos(rig), 1);
    assert_int_equal((size_t)json_number(json_get(rig_event(rig, "video_ready", 0), "frames")),
                     stored);
    rig_pass(rig);
}

/* Nor can the journal write: no pause is made that could not be proved ours after a crash. */
static void test_full_journal_stops_the_pausing_not_the_print(void **state)
{
    struct rig *rig = *state;
    int64_t pauses;

    await_frames(rig, 4);
    RIG_WAIT(rig, sim_number(rig, "pauses") >= 2);
    fill_disk(rig, 0);
    await_refusals(rig, 2); /* what was under way is over */
    pauses = sim_number(rig, "pauses");
    await_refusals(rig, 4);
    assert_in_range(sim_number(rig, "pauses"), pauses, pauses + 4);
    assert_true(rig_agent_running(rig));
    empty_disk(rig);
    await_frames(rig, 4);
    finish_and_judge(rig);
    rig_agent_signal(rig, SIGTERM);
    rig_agent_start(rig); /* the journal is whole */
    rig_pass(rig);
}

#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_frames_leave_the_reserve_free, setup_media),
        TEST(test_not_a_byte_left_for_frames_and_video, setup_media),
        TEST(test_print_that_ends_on_a_full_disk_is_not_lost, setup_media),
        TEST(test_full_journal_stops_the_pausing_not_the_print, setup_all),
    };

    return cmocka_run_group_tests(tests, group_setup, NULL);
}
