/* SPDX-License-Identifier: MIT */
/* Ended sessions, their videos and the jobs that build them, asked for over JSON-RPC: a final video
 * that could not be made is made later, what is deleted is gone as a whole. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/e2e/asking.h"
#include "tests/e2e/promise.h"
#include "tests/e2e/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <glob.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const sim[] = {"--idle", "--layers",      "6",       "--layer-ms",
                                  "300",    "--heat-ms",     "0",       "--camera-fps",
                                  "20",     "--camera-size", "320x240", NULL};

static const char conf[] =
    "agent = { id = \"pi01\"; data_dir = \"%dir/data\"; reserve_mb = 50.0; };\n"
    "mqtt = { host = \"127.0.0.1\"; port = %mqtt; };\n"
    "encode = { ffmpeg = \"%dir/ffmpeg\"; max_encoders = 1; max_queued = 8; };\n"
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; poll_idle_ms = 250; } "
    ");\n"
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; } );\n"
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ]; trigger = \"layer\";\n"
    "    restart = true; min_frames = 1; fps = 5.0; segment_frames = 60; tail_frames = 60; } );\n";

static const char honest_ffmpeg[] = "exec ffmpeg \"$@\"\n";
/* Works only when it is allowed to. */
static const char gated_ffmpeg[] = "while [ ! -e \"%dir/go\" ]; do sleep 0.05; done\n"
                                   "exec ffmpeg \"$@\"\n";

static int setup_with(void **state, const char *ffmpeg)
{
    struct rig *rig = rig_new(&(struct rig_options){.sim_args = sim, .no_agent = true});

    if (ffmpeg)
        script_write(rig, "ffmpeg", ffmpeg);
    conf_write(rig, conf);
    rig_agent_start(rig);
    *state = rig;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, honest_ffmpeg);
}

static int setup_without_ffmpeg(void **state)
{
    return setup_with(state, NULL);
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

/* --- steps --- */

static void print_once(struct rig *rig)
{
    size_t before = rig_event_count(rig, "session_finished");

    sim_do(rig, "/sim/command?do=start");
    RIG_WAIT(rig, rig_event_count(rig, "session_finished") > before);
}

static const char *last_session(struct rig *rig)
{
    size_t count = rig_event_count(rig, "session_finished");

    return json_get_string(rig_event(rig, "session_finished", count - 1), "session");
}

static const cJSON *ask(struct rig *rig, const char *method, const char *format, const char *value)
{
    CLEANUP(free_p) char *params = NULL;
    const char *mark = format ? strstr(format, "%s") : NULL;

    if (mark)
        params = xasprintf("%.*s%s%s", (int)(mark - format), format, value, mark + 2);
    return rpc(rig, method, mark ? params : format);
}

static const char *job_state(struct rig *rig, const char *job)
{
    for (size_t i = rig_message_count(rig); i > 0; i--) {
        const struct rig_message *message = rig_message(rig, i - 1);

        if (str_equal(message->topic, "event") &&
            str_equal(json_get_string(message->json, "id"), job))
            return json_get_string(message->json, "state");
    }
    return NULL;
}

static size_t count_files(struct rig *rig, const char *pattern)
{
    CLEANUP(free_p)
    char *path = xasprintf("%s/data/media/pi01/mk4/*/%s", rig_dir(rig), pattern);
    glob_t found;
    size_t count;

    count = glob(path, 0, NULL, &found) == 0 ? found.gl_pathc : 0;
    globfree(&found);
    return count;
}

static char *build(struct rig *rig, const char *format, const char *session)
{
    const cJSON *answer = ask(rig, "video.build", format, session);

    assert_int_equal(code_of(answer), 0);
    return xstrdup(json_get_string(answer, "result.job"));
}

/* --- a final video that could not be made --- */

static void test_final_video_waits_for_ffmpeg_over_a_kill(void **state)
{
    struct rig *rig = *state;
    const cJSON *video;

    print_once(rig);
    RIG_WAIT(rig, json_size(rig_look(rig, "jobs", "[0]")) > 0);
    RIG_WAIT(rig, str_equal(json_string(rig_look(rig, "jobs", "[0].state")), "queued"));
    assert_non_null(strstr(json_string(rig_look(rig, "jobs", "[0].error")), "ffmpeg"));
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "waiting"));
    assert_int_equal(rig_event_count(rig, "video_failed"), 1);
    (void)rig_agent_signal(rig, SIGKILL);
    rig_agent_start(rig);
    RIG_WAIT(rig, json_size(rig_look(rig, "jobs", "[0]")) > 0);
    assert_int_equal(rig_event_count(rig, "video_ready"), 0);
    script_write(rig, "ffmpeg", honest_ffmpeg);
    RIG_WAIT(rig, rig_event_count(rig, "video_ready") == 1);
    video = rig_event(rig, "video_ready", 0);
    assert_string_equal(json_get_string(video, "session"), last_session(rig));
    assert_true(json_is_number(json_get(video, "ready_ms_after_end")));
    assert_int_equal(promise_videos(rig), 1);
    RIG_WAIT(rig, json_is_array(rig_last(rig, "jobs")->json) &&
                      json_size(rig_last(rig, "jobs")->json) == 0);
    assert_non_null(rig_last(rig, "unit/mk4/video"));
    assert_int_equal(count_files(rig, "*.growing.mp4"), 0);
    rig_pass(rig);
}

static void test_next_print_is_filmed_while_a_video_waits(void **state)
{
    struct rig *rig = *state;

    print_once(rig);
    print_once(rig);
    RIG_WAIT(rig, json_size(rig_last(rig, "jobs")->json) == 2);
    script_write(rig, "ffmpeg", honest_ffmpeg);
    RIG_WAIT(rig, rig_event_count(rig, "video_ready") == 2);
    promise_frames(rig);
    assert_int_equal(promise_videos(rig), 2);
    rig_pass(rig);
}

/* --- lists and one more video --- */

static void test_sessions_are_listed_and_built_once_more(void **state)
{
    struct rig *rig = *state;
    CLEANUP(free_p) char *job = NULL;
    const cJSON *answer;

    print_once(rig);
    answer = ask(rig, "session.list", "{\"unit\":\"mk4\"}", NULL);
    assert_int_equal(json_size(json_get(answer, "result.items")), 1);
    assert_string_equal(json_get_string(answer, "result.items[0].session"), last_session(rig));
    assert_string_equal(json_get_string(answer, "result.items[0].state"), "ended");
    assert_int_equal((size_t)json_number(json_get(answer, "result.items[0].frames")),
                     frames_on_disk(rig, NULL));
    job = build(rig, "{\"session\":\"%s\",\"name\":\"quick one\",\"fps\":10,\"max_width\":160}",
                last_session(rig));
    RIG_WAIT(rig, str_equal(job_state(rig, job), "done"));
    assert_int_equal(count_files(rig, "quick*_front.mp4"), 1);
    answer = ask(rig, "video.list", "{\"kind\":\"build\"}", NULL);
    assert_int_equal((int)json_number(json_get(answer, "result.items[0].width")), 160);
    assert_int_equal((int)json_number(json_get(answer, "result.items[0].fps")), 10);
    assert_int_equal((size_t)json_number(json_get(answer, "result.items[0].frames")),
                     frames_on_disk(rig, NULL));
    answer = ask(rig, "session.get", "{\"session\":\"%s\"}", last_session(rig));
    assert_int_equal(json_size(json_get(answer, "result.videos")), 2);
    assert_string_equal(json_get_string(answer, "result.cameras[0].camera"), "front");
    answer = ask(rig, "job.get", "{\"job\":\"%s\"}", job);
    assert_string_equal(json_get_string(answer, "result.state"), "done");
    rig_pass(rig);
}

static void test_what_cannot_be_is_refused_by_name(void **state)
{
    struct rig *rig = *state;
    const cJSON *answer;

    print_once(rig);
    answer = ask(rig, "video.build", "{\"session\":\"../../etc\"}", NULL);
    assert_int_equal(code_of(answer), -32001);
    answer = ask(rig, "video.build", "{\"session\":\"%s\",\"fps\":0.1}", last_session(rig));
    assert_int_equal(code_of(answer), -32602);
    assert_non_null(strstr(message_of(answer), "fps"));
    answer = ask(rig, "video.build", "{\"session\":\"%s\",\"name\":\"../../../tmp/x\"}",
                 last_session(rig));
    if (code_of(answer) == 0)
        RIG_WAIT(rig, str_equal(job_state(rig, json_get_string(answer, "result.job")), "done"));
    assert_int_equal(access("/tmp/x_front.mp4", F_OK), -1);
    answer = ask(rig, "video.delete", "{\"file\":\"/etc/hostname\"}", NULL);
    assert_int_equal(code_of(answer), -32001);
    answer = ask(rig, "job.cancel", "{\"job\":\"mk4-1\"}", NULL);
    assert_int_equal(code_of(answer), -32002);
    answer = ask(rig, "job.get", "{\"job\":\"nobody\"}", NULL);
    assert_int_equal(code_of(answer), -32001);
    answer = ask(rig, "session.list", "{\"cursor\":\"x\"}", NULL);
    assert_int_equal(code_of(answer), -32602);
    rig_pass(rig);
}

/* --- deleting --- */

static void test_running_session_is_not_deleted_an_ended_one_is(void **state)
{
    struct rig *rig = *state;
    CLEANUP(free_p) char *session = NULL;
    const cJSON *answer;

    sim_do(rig, "/sim/command?do=start&layers=200");
    RIG_WAIT(rig, rig_event_count(rig, "frame") >= 1);
    session = xstrdup(json_get_string(rig_event(rig, "session_started", 0), "session"));
    answer = ask(rig, "session.delete", "{\"session\":\"%s\"}", session);
    assert_int_equal(code_of(answer), -32002);
    sim_do(rig, "/sim/command?do=cancel");
    RIG_WAIT(rig, rig_event_count(rig, "session_finished") == 1);
    assert_non_null(rig_last(rig, "unit/mk4/video"));
    answer = ask(rig, "session.delete", "{\"session\":\"%s\"}", session);
    assert_int_equal(code_of(answer), 0);
    assert_int_equal(json_size(json_get(answer, "result.videos")), 1);
    assert_int_equal(frames_on_disk(rig, NULL), 0);
    assert_int_equal(count_files(rig, "*"), 0);
    RIG_WAIT(rig, rig_last(rig, "unit/mk4/video")->len == 0);
    answer = ask(rig, "session.list", NULL, NULL);
    assert_int_equal(json_size(json_get(answer, "result.items")), 0);
    answer = ask(rig, "session.get", "{\"session\":\"%s\"}", session);
    assert_int_equal(code_of(answer), -32001);
    rig_pass(rig);
}

static void test_video_is_deleted_and_built_again(void **state)
{
    struct rig *rig = *state;
    CLEANUP(free_p) char *job = NULL;
    const char *file;
    const cJSON *answer;

    print_once(rig);
    file = json_get_string(rig_event(rig, "video_ready", 0), "file");
    answer = ask(rig, "video.delete", "{\"file\":\"%s\"}", file);
    assert_int_equal(code_of(answer), 0);
    assert_int_equal(access(file, F_OK), -1);
    assert_int_equal(count_files(rig, "*.idx"), 0);
    RIG_WAIT(rig, rig_last(rig, "unit/mk4/video")->len == 0);
    answer = ask(rig, "video.list", NULL, NULL);
    assert_int_equal(json_size(json_get(answer, "result.items")), 0);
    job = build(rig, "{\"session\":\"%s\"}", last_session(rig));
    RIG_WAIT(rig, str_equal(job_state(rig, job), "done"));
    assert_int_equal(count_files(rig, "*.mp4"), 1);
    rig_pass(rig);
}

/* Killed at some moment of it: all of it is there, or nothing. */
static void test_killed_while_deleting_leaves_all_or_nothing(void **state)
{
    static const int delays_ms[] = {0, 2, 10, 40};
    struct rig *rig = *state;

    for (size_t i = 0; i < ARRAY_LEN(delays_ms); i++) {
        CLEANUP(free_p) char *request = NULL;
        const cJSON *answer;
        size_t frames;

        print_once(rig);
        frames = frames_on_disk(rig, NULL);
        request = xasprintf("{\"jsonrpc\":\"2.0\",\"method\":\"session.delete\",\"id\":1,"
                            "\"params\":{\"session\":\"%s\"}}",
                            last_session(rig));
        rig_publish(rig, "rpc/killer", request);
        rig_linger(rig, delays_ms[i]);
        (void)rig_agent_signal(rig, SIGKILL);
        rig_agent_start(rig);
        answer = ask(rig, "session.list", NULL, NULL);
        if (json_size(json_get(answer, "result.items")) == 0) {
            RIG_WAIT(rig, count_files(rig, "*") == 0);
            continue;
        }
        assert_int_equal(frames_on_disk(rig, NULL), frames);
        answer = ask(rig, "session.delete", "{\"session\":\"%s\"}", last_session(rig));
        assert_int_equal(code_of(answer), 0);
        assert_int_equal(count_files(rig, "*"), 0);
    }
    rig_pass(rig);
}

/* --- the queue --- */

static size_t count_states(struct rig *rig, const char *state)
{
    const struct rig_message *jobs = rig_last(rig, "jobs");
    size_t count = 0;

    for (const cJSON *job = json_first(jobs ? jobs->json : NULL); job; job = json_next(job))
        count += str_equal(json_get_string(job, "state"), state);
    return count;
}

/* Asks for many at once: a batch is one request. */
static void ask_for_builds(struct rig *rig, int count, int *ret_accepted, int *ret_busy)
{
    CLEANUP(free_p) char *batch = xstrdup("[");
    size_t from = rig_message_count(rig);

    *ret_accepted = *ret_busy = 0;
    for (int i = 1; i <= count; i++) {
        char *longer = xasprintf("%s%s{\"jsonrpc\":\"2.0\",\"method\":\"video.build\",\"id\":%d,"
                                 "\"params\":{\"session\":\"%s\"}}",
                                 batch, i > 1 ? "," : "", i, last_session(rig));
        free(batch);
        batch = longer;
    }
    {
        CLEANUP(free_p) char *whole = xasprintf("%s]", batch);

        rig_publish(rig, "rpc/crowd", whole);
    }
    for (int i = 1; i <= count; i++) {
        CLEANUP(free_p) char *id = xasprintf("%d", i);

        RIG_WAIT(rig, response_to(rig, from, "crowd", id));
        *ret_accepted += code_of(response_to(rig, from, "crowd", id)) == 0;
        *ret_busy += code_of(response_to(rig, from, "crowd", id)) == -32000;
    }
}

static const char *queued_job(struct rig *rig, size_t index)
{
    const struct rig_message *jobs = rig_last(rig, "jobs");

    for (const cJSON *job = json_first(jobs->json); job; job = json_next(job))
        if (str_equal(json_get_string(job, "state"), "queued") && index-- == 0)
            return json_get_string(job, "id");
    return NULL;
}

static void test_one_build_runs_some_wait_the_rest_is_refused(void **state)
{
    struct rig *rig = *state;
    CLEANUP(free_p) char *first = NULL;
    CLEANUP(free_p) char *last = NULL;
    CLEANUP(free_p) char *running = NULL;
    int accepted, busy;

    print_once(rig);
    script_write(rig, "ffmpeg", gated_ffmpeg);
    running = build(rig, "{\"session\":\"%s\"}", last_session(rig));
    RIG_WAIT(rig, count_states(rig, "running") == 1);
    ask_for_builds(rig, 16, &accepted, &busy);
    assert_int_equal(accepted, 8);
    assert_int_equal(busy, 8);
    RIG_WAIT(rig, count_states(rig, "queued") == 8);
    first = xstrdup(queued_job(rig, 0));
    last = xstrdup(queued_job(rig, 7));

    assert_int_equal(code_of(ask(rig, "job.move", "{\"job\":\"%s\",\"position\":1}", last)), 0);
    RIG_WAIT(rig, str_equal(queued_job(rig, 0), last));
    assert_int_equal(code_of(ask(rig, "job.pause", "{\"job\":\"%s\"}", first)), 0);
    RIG_WAIT(rig, count_states(rig, "paused") == 1);
    assert_int_equal(code_of(ask(rig, "job.cancel", "{\"job\":\"%s\"}", running)), 0);
    RIG_WAIT(rig, str_equal(job_state(rig, last), "running"));
    assert_string_equal(job_state(rig, running), "cancelled");

    (void)rig_agent_signal(rig, SIGKILL);
    rig_agent_start(rig);
    RIG_WAIT(rig, count_states(rig, "paused") == 1 && count_states(rig, "running") == 1);
    assert_int_equal(count_states(rig, "queued"), 6);
    script_write(rig, "go", "");
    RIG_WAIT(rig, json_size(rig_last(rig, "jobs")->json) == 1);
    assert_int_equal(code_of(ask(rig, "job.resume", "{\"job\":\"%s\"}", first)), 0);
    RIG_WAIT(rig, str_equal(job_state(rig, first), "done"));
    assert_int_equal(count_files(rig, "*.mp4"), 1 + 8);
    assert_int_equal(count_files(rig, "*.growing.mp4"), 0);
    rig_pass(rig);
}

static void test_end_of_a_print_goes_before_a_build(void **state)
{
    struct rig *rig = *state;
    CLEANUP(free_p) char *job = NULL;

    print_once(rig);
    script_write(rig, "ffmpeg", gated_ffmpeg);
    job = build(rig, "{\"session\":\"%s\"}", last_session(rig));
    RIG_WAIT(rig, str_equal(job_state(rig, job), "running"));
    sim_do(rig, "/sim/command?do=start");
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "building"));
    RIG_WAIT(rig, str_equal(job_state(rig, job), "queued"));
    script_write(rig, "go", "");
    RIG_WAIT(rig, rig_event_count(rig, "video_ready") == 2);
    RIG_WAIT(rig, str_equal(job_state(rig, job), "done"));
    assert_int_equal(promise_videos(rig), 2);
    rig_pass(rig);
}

static void test_paused_final_video_goes_on_when_resumed(void **state)
{
    struct rig *rig = *state;
    CLEANUP(free_p) char *job = NULL;

    script_write(rig, "ffmpeg", gated_ffmpeg);
    sim_do(rig, "/sim/command?do=start");
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "building") && count_states(rig, "running") == 1);
    job = xstrdup(json_string(rig_look(rig, "jobs", "[0].id")));
    assert_int_equal(code_of(ask(rig, "job.pause", "{\"job\":\"%s\"}", job)), 0);
    RIG_WAIT(rig, rig_event_count(rig, "session_finished") == 1);
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "waiting"));
    script_write(rig, "go", "");
    assert_int_equal(code_of(ask(rig, "job.resume", "{\"job\":\"%s\"}", job)), 0);
    RIG_WAIT(rig, rig_event_count(rig, "video_ready") == 1);
    assert_int_equal(promise_videos(rig), 1);
    rig_pass(rig);
}

static void test_cancelled_final_video_ends_the_session_without_one(void **state)
{
    struct rig *rig = *state;
    CLEANUP(free_p) char *job = NULL;

    script_write(rig, "ffmpeg", gated_ffmpeg);
    sim_do(rig, "/sim/command?do=start");
    RIG_WAIT(rig, rig_says(rig, "unit/mk4/state", "building") && count_states(rig, "running") == 1);
    job = xstrdup(json_string(rig_look(rig, "jobs", "[0].id")));
    assert_int_equal(code_of(ask(rig, "job.cancel", "{\"job\":\"%s\"}", job)), 0);
    RIG_WAIT(rig, rig_event_count(rig, "session_aborted") == 1);
    RIG_WAIT(rig, json_size(rig_last(rig, "jobs")->json) == 0);
    assert_int_equal(rig_event_count(rig, "video_ready"), 0);
    promise_frames(rig);
    rig_pass(rig);
}

#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_final_video_waits_for_ffmpeg_over_a_kill, setup_without_ffmpeg),
        TEST(test_next_print_is_filmed_while_a_video_waits, setup_without_ffmpeg),
        TEST(test_sessions_are_listed_and_built_once_more, setup),
        TEST(test_what_cannot_be_is_refused_by_name, setup),
        TEST(test_running_session_is_not_deleted_an_ended_one_is, setup),
        TEST(test_video_is_deleted_and_built_again, setup),
        TEST(test_killed_while_deleting_leaves_all_or_nothing, setup),
        TEST(test_one_build_runs_some_wait_the_rest_is_refused, setup),
        TEST(test_end_of_a_print_goes_before_a_build, setup),
        TEST(test_paused_final_video_goes_on_when_resumed, setup),
        TEST(test_cancelled_final_video_ends_the_session_without_one, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
