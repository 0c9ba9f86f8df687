/* SPDX-License-Identifier: MIT */
/* A world that talks nonsense: jobs with hostile names, cameras and printers that answer what
 * nobody asked for. It is named, nothing leaves its place, and the print goes on. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/e2e/frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PRINT_DEADLINE_MS = 60000 };

static const char *const quick[] = {SIM_QUICK, "--heat-ms", "600", NULL};
static const char conf[] =
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; poll_idle_ms = 250; } "
    ");\n"
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; } );\n"
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ];\n"
    "fps = 10.0; min_frames = 1; %unit } );\n";

static struct rig *begin(void **state, const char *unit, const char *const *sim_args)
{
    struct rig *rig =
        rig_new(&(struct rig_options){.sim_args = sim_args, .conf = conf, .unit = unit});

    *state = rig;
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "waiting"));
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "idle"));
    return rig;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

/* --- names of jobs --- */

/* The session lies in a directory of its own right below the printer's, video and frames in it. */
static void check_place(struct rig *rig, size_t index)
{
    const cJSON *started = rig_event(rig, "session_started", index);
    const char *dir = json_get_string(started, "dir");
    const char *file = json_get_string(rig_event(rig, "video_ready", index), "file");
    CLEANUP(free_p) char *above = xasprintf("%s/data/media/pi01/mk4/", rig_dir(rig));
    CLEANUP(free_p) char *inside = xasprintf("%s/", dir);
    const char *name;

    if (!str_starts_with(dir, above))
        fail_msg("the session is at '%s'", dir);
    name = dir + strlen(above);
    if (name[0] == '.' || name[0] == '\0' || strspn(name, "0123456789") != 8 ||
        name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")])
        fail_msg("the session's directory is called '%s'", name);
    if (!str_starts_with(file, inside) || strchr(file + strlen(inside), '/'))
        fail_msg("the video is at '%s'", file);
}

static size_t count_entries(const char *path)
{
    DIR *dir = opendir(path);
    size_t count = 0;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

static void print_job(struct rig *rig, const char *query_name, size_t index)
{
    CLEANUP(free_p) char *start = xasprintf("start&layers=3&layer_ms=600&job=%s", query_name);
    struct frames frames;

    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "waiting"));
    RIG_WAIT(rig, !rig_says(rig, "printer/mk4/state", "printing"));
    sim_do(rig, start);
    events_await(rig, "session_finished", index + 1, PRINT_DEADLINE_MS);
    check_place(rig, index);
    frames_read(rig, "mk4", "front",
                json_get_string(rig_event(rig, "session_started", index), "session"), &frames);
    frames_check_order(&frames);
    frames_check_layers(&frames, 1, 1, 3);
    frames_check_video(rig, &frames, json_get_string(rig_event(rig, "video_ready", index), "file"));
    frames_done(&frames);
}

static void test_hostile_names_of_jobs_stay_in_their_place(void **state)
{
    /* ../../x   a newline and quotes   a shell's delight   a format   UTF-8   half a character */
    static const char *const names[] = {
        "..%2F..%2F..%2F..%2Fx.gcode",         "a%0Ab%22c%27%7B%7D.gcode",
        "%24(touch%20pwned)%60id%60%3B.gcode", "%25s%25n%25s%7F%01.gcode",
        "W%C3%BCrfel%20%E2%9C%93.gcode",       "-rf%20.gcode",
    };
    struct rig *rig = begin(state, "trigger = \"layer\";", quick);
    CLEANUP(free_p) char *printer_dir = xasprintf("%s/data/media/pi01/mk4", rig_dir(rig));
    CLEANUP(free_p) char *media_dir = xasprintf("%s/data/media", rig_dir(rig));

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        print_job(rig, names[i], i);
    assert_int_equal(count_entries(printer_dir), ARRAY_LEN(names));
    assert_int_equal(count_entries(media_dir), 1);
    rig_pass(rig);
}

static void test_a_job_name_of_four_kilobytes_is_cut(void **state)
{
    char name[4097] = "";
    const char *sim_args[] = {SIM_QUICK, "--heat-ms", "600", "--job", name, NULL};
    struct rig *rig;

    memset(name, 'n', sizeof(name) - 1);
    rig = begin(state, "trigger = \"layer\";", sim_args);
    sim_do(rig, "start&layers=3&layer_ms=500");
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    check_place(rig, 0);
    assert_true(event_says(rig_event(rig, "session_finished", 0), "end", "done"));
    rig_pass(rig);
}

/* --- cameras and printers that talk nonsense --- */

static void test_a_camera_that_answers_a_web_page_is_named(void **state)
{
    struct rig *rig = begin(state, "", quick);
    const cJSON *ack;

    rig_sim_fault(rig, "what=cam_html");
    ack = rig_command(rig, "camera/front/cmd/snapshot", NULL);
    assert_int_equal((int)event_number(ack, "code"), -32007);
    assert_non_null(strstr(json_get_string(ack, "message"), "front"));
    RIG_WAIT(rig, rig_look(rig, "camera/front/status", "error.message"));
    rig_sim_fault(rig, "what=none");
    ack = rig_command(rig, "camera/front/cmd/snapshot", NULL);
    assert_int_equal((int)event_number(ack, "code"), 0);
    rig_pass(rig);
}

/* Nonsense for a while, then sense again: the same session goes on to a good end. */
static void check_nonsense(void **state, const char *fault)
{
    struct rig *rig = begin(state, "trigger = \"layer\";", quick);
    CLEANUP(free_p) char *query = xasprintf("what=%s&on=printer", fault);
    struct frames frames;

    sim_do(rig, "start&layers=12&layer_ms=800");
    events_await(rig, "frame", 3, PRINT_DEADLINE_MS);
    rig_sim_fault(rig, query);
    RIG_WAIT(rig, rig_look(rig, "printer/mk4/status", "error.message"));
    assert_non_null(strstr(json_string(rig_look(rig, "printer/mk4/status", "error.message")),
                           "the printer's answer"));
    rig_sim_fault(rig, "what=none");
    events_await(rig, "session_finished", 1, PRINT_DEADLINE_MS);
    assert_true(event_says(rig_event(rig, "session_finished", 0), "end", "done"));
    assert_int_equal(rig_event_count(rig, "session_started"), 1);
    frames_read(rig, "mk4", "front", NULL, &frames);
    frames_check_order(&frames);
    assert_true(frames.items[frames.count - 2].layer == 12);
    frames_check_video(rig, &frames, json_get_string(rig_event(rig, "video_ready", 0), "file"));
    frames_done(&frames);
    truth_check_printer(rig);
    rig_pass(rig);
}

static void test_a_printer_that_answers_garbage_does_not_end_the_session(void **state)
{
    check_nonsense(state, "garbage");
}

static void test_a_printer_that_answers_a_web_page_does_not_end_the_session(void **state)
{
    check_nonsense(state, "html");
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_hostile_names_of_jobs_stay_in_their_place),
        TEST(test_a_job_name_of_four_kilobytes_is_cut),
        TEST(test_a_camera_that_answers_a_web_page_is_named),
        TEST(test_a_printer_that_answers_garbage_does_not_end_the_session),
        TEST(test_a_printer_that_answers_a_web_page_does_not_end_the_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
