/* SPDX-License-Identifier: MIT */
/* The broker goes, comes back, or does not let us in; the print is filmed all the same, and nothing
 * that happened meanwhile is lost or told twice. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/e2e/promise.h"
#include "tests/e2e/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOG_MAX_BYTES = 16 * 1024 * 1024, IN_FLIGHT_MAX = 10 };

static const char *const sim[] = {"--idle", "--layers",      "16",      "--layer-ms",
                                  "400",    "--heat-ms",     "0",       "--camera-fps",
                                  "20",     "--camera-size", "320x240", NULL};

#define AGENT "agent = { id = \"pi01\"; data_dir = \"%dir/data\"; reserve_mb = 50.0; };\n"
#define REST                                                                                       \
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; poll_idle_ms = 250; } "  \
    ");\n"                                                                                         \
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; } );\n"         \
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ]; trigger = \"layer\";\n" \
    "    min_frames = 1; fps = 5.0; } );\n"

static const char conf[] = AGENT "mqtt = { host = \"127.0.0.1\"; port = %mqtt; };\n" REST;
static const char login_conf[] = AGENT
    "mqtt = { host = \"127.0.0.1\"; port = %mqtt; user = \"pi01\"; password = \"right\"; };\n" REST;

/* The broker's files are its own; what the test writes for it, or reads of it, is here. */
struct scene {
    struct rig *rig;
    char dir[40];
};

static void write_file(const struct scene *scene, const char *name, const char *text)
{
    CLEANUP(free_p) char *path = path_join(scene->dir, name);
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static char *read_log(const struct scene *scene)
{
    CLEANUP(free_p) char *path = path_join(scene->dir, "log");
    char *text = NULL;
    struct error err;

    if (path_read_file(path, LOG_MAX_BYTES, &text, NULL, &err) < 0)
        fail_msg("%s", err.text);
    return text;
}

static int setup_with(void **state, const char *agent_conf)
{
    struct scene *scene = xcalloc(1, sizeof(*scene));
    CLEANUP(free_p) char *broker = NULL;

    snprintf(scene->dir, sizeof(scene->dir), "/tmp/lapsed-broker-XXXXXX");
    assert_non_null(mkdtemp(scene->dir));
    write_file(scene, "users", "");
    broker = xasprintf("allow_anonymous true\nlog_type all\nlog_dest file %s/log\n"
                       "password_file %s/users\n",
                       scene->dir, scene->dir);
    scene->rig =
        rig_new(&(struct rig_options){.sim_args = sim, .broker = broker, .no_agent = true});
    conf_write(scene->rig, agent_conf);
    *state = scene;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, conf);
}

static int setup_login(void **state)
{
    return setup_with(state, login_conf);
}

static int teardown(void **state)
{
    struct scene *scene = *state;

    rig_free(scene->rig);
    if (path_remove_tree(scene->dir, NULL) < 0)
        perror(scene->dir);
    free(scene);
    return 0;
}

/* --- what was said --- */

/* Every frame of the session was told; one that was under way when the link broke may come again,
 * but then as the same message ("boot" and "seq"), so that a consumer can drop it. */
static void expect_all_frames_told(struct rig *rig)
{
    size_t told = rig_event_count(rig, "frame"), on_disk = frames_on_disk(rig, NULL);
    CLEANUP(free_p) int64_t *seqs = xcalloc(on_disk + 1, sizeof(*seqs));
    size_t doubles = 0, missing = 0;

    for (size_t i = 0; i < told; i++) {
        const cJSON *event = rig_event(rig, "frame", i);
        int64_t frame = (int64_t)json_number(json_get(event, "frame"));
        int64_t seq = (int64_t)json_number(json_get(event, "seq"));

        assert_in_range(frame, 1, on_disk);
        if (seqs[frame] > 0 && seqs[frame] != seq)
            fail_msg("frame %lld was told twice", (long long)frame);
        doubles += seqs[frame] > 0;
        seqs[frame] = seq;
    }
    for (size_t frame = 1; frame <= on_disk; frame++)
        missing += seqs[frame] == 0;
    assert_int_equal(missing, 0);
    assert_in_range(doubles, 0, IN_FLIGHT_MAX);
}

static const char *const retained[] = {
    "info",
    "status",
    "jobs",
    "printer/mk4/availability",
    "printer/mk4/state",
    "printer/mk4/status",
    "camera/front/status",
    "image/front/last",
    "image/front/last/meta",
    "unit/mk4/availability",
    "unit/mk4/state",
    "unit/mk4/status",
};

static const char *find_publish(const char *log, const char *topic)
{
    CLEANUP(free_p) char *quoted = xasprintf("'timelapse/v1/pi01/%s'", topic);

    for (const char *line = strstr(log, "Received PUBLISH from lapsed-pi01"); line;
         line = strstr(line + 1, "Received PUBLISH from lapsed-pi01")) {
        const char *found = strstr(line, quoted);

        if (found && memchr(line, '\n', (size_t)(found - line)) == NULL)
            return line;
    }
    return NULL;
}

/* In what the broker got since its log was that long. */
static void expect_availability_last(const struct scene *scene, size_t log_from)
{
    CLEANUP(free_p) char *text = read_log(scene);
    const char *log = text + log_from;
    const char *availability = find_publish(log, "availability");

    assert_non_null(availability);
    for (size_t i = 0; i < ARRAY_LEN(retained); i++) {
        const char *publish = find_publish(log, retained[i]);

        if (!publish)
            fail_msg("%s was not published again", retained[i]);
        if (publish > availability)
            fail_msg("%s came after availability", retained[i]);
    }
}

/* Stopped, the agent cannot be there before the tap, which would then miss what it tells. */
static void start_broker_before_agent(struct rig *rig)
{
    assert_int_equal(kill(rig_agent_pid(rig), SIGSTOP), 0);
    rig_broker_start(rig);
    assert_int_equal(kill(rig_agent_pid(rig), SIGCONT), 0);
}

static void await_end(struct rig *rig)
{
    RIG_WAIT(rig, rig_event_count(rig, "session_finished") >= 1);
    expect_all_frames_told(rig);
    assert_int_equal(promise_videos(rig), 1);
}

/* --- the tests --- */

static void test_broker_that_dies_mid_print_costs_nothing(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = scene->rig;
    size_t stored, from, log_from;

    rig_agent_start(rig);
    sim_do(rig, "/sim/command?do=start");
    RIG_WAIT(rig, rig_event_count(rig, "frame") >= 4);
    rig_broker_kill(rig);
    stored = frames_on_disk(rig, NULL);
    RIG_WAIT(rig, frames_on_disk(rig, NULL) >= stored + 4);
    {
        CLEANUP(free_p) char *log = read_log(scene);

        log_from = strlen(log);
    }
    from = rig_message_count(rig);
    start_broker_before_agent(rig);
    RIG_WAIT(rig, said_since(rig, from, "availability", "online"));
    await_end(rig);
    expect_availability_last(scene, log_from);
    rig_pass(rig);
}

/* --- what a reconnect costs the broker --- */

enum { RECONNECT_MESSAGES_MAX = 40, TOPIC_MAX_BYTES = 128 };

struct said {
    char topics[RECONNECT_MESSAGES_MAX + 1][TOPIC_MAX_BYTES];
    size_t count;
};

static bool note_topic(struct said *said, const char *topic)
{
    for (size_t i = 0; i < said->count; i++)
        if (str_equal(said->topics[i], topic))
            return false;
    if (said->count > RECONNECT_MESSAGES_MAX)
        fail_msg("more than %d retained messages on a reconnect", RECONNECT_MESSAGES_MAX);
    snprintf(said->topics[said->count++], TOPIC_MAX_BYTES, "%s", topic);
    return true;
}

/* Retained messages of the agent in the broker's log: no topic comes twice. */
static void expect_each_topic_once(const char *log)
{
    static const char start[] = "Received PUBLISH from lapsed-pi01 (";
    struct said said = {.count = 0};

    for (const char *line = strstr(log, start); line; line = strstr(line + 1, start)) {
        char topic[TOPIC_MAX_BYTES];

        if (sscanf(line + strlen(start), "d0, q%*1[01], r1, m%*[0-9], '%127[^']'", topic) == 1 &&
            !note_topic(&said, topic))
            fail_msg("%s was said twice", topic);
    }
    assert_true(said.count > ARRAY_LEN(retained) - 2); /* no picture was taken */
}

/* The answer to the ping is an event, which come behind all that is retained. */
static void test_a_reconnect_says_each_retained_topic_once(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = scene->rig;
    CLEANUP(free_p) char *before = NULL;
    CLEANUP(free_p) char *after = NULL;
    size_t from;

    rig_agent_start(rig);
    RIG_WAIT(rig, rig_says(rig, "printer/mk4/state", "idle"));
    assert_non_null(rig_command(rig, "cmd/ping", NULL));
    rig_broker_kill(rig);
    before = read_log(scene);
    from = rig_message_count(rig);
    start_broker_before_agent(rig);
    RIG_WAIT(rig, said_since(rig, from, "availability", "online"));
    assert_non_null(rig_command(rig, "cmd/ping", NULL));
    after = read_log(scene);
    expect_each_topic_once(after + strlen(before));
    rig_pass(rig);
}

static void test_broker_that_dies_twice_costs_nothing(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = scene->rig;

    rig_agent_start(rig);
    sim_do(rig, "/sim/command?do=start");
    for (size_t outage = 1; outage <= 2; outage++) {
        RIG_WAIT(rig, rig_event_count(rig, "frame") >= 3 * outage);
        rig_broker_kill(rig);
        start_broker_before_agent(rig);
    }
    await_end(rig);
    rig_pass(rig);
}

static void test_print_without_a_broker_is_told_later(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = scene->rig;

    rig_broker_kill(rig);
    rig_agent_spawn(rig);
    sim_do(rig, "/sim/command?do=start");
    RIG_WAIT(rig, frames_on_disk(rig, NULL) >= 4);
    start_broker_before_agent(rig);
    RIG_WAIT(rig, rig_says(rig, "availability", "online"));
    await_end(rig);
    assert_int_equal(rig_event_count(rig, "session_started"), 1);
    rig_pass(rig);
}

static bool spool_mentions(struct rig *rig, const char *text)
{
    CLEANUP(free_p) char *pattern = xasprintf("%s/data/spool/*.spool", rig_dir(rig));
    glob_t found;
    bool mentions = false;

    if (glob(pattern, 0, NULL, &found) != 0)
        return false;
    for (size_t i = 0; i < found.gl_pathc && !mentions; i++) {
        CLEANUP(free_p) char *data = NULL;
        size_t len;

        mentions = path_read_file(found.gl_pathv[i], LOG_MAX_BYTES, &data, &len, NULL) == 0 &&
                   memmem(data, len, text, strlen(text));
    }
    globfree(&found);
    return mentions;
}

/* The last frame on disk has its event there, too: between the two a kill costs the event. */
static bool last_frame_is_spooled(struct rig *rig)
{
    CLEANUP(free_p) char *text = xasprintf("\"frame\":%zu,", frames_on_disk(rig, NULL));

    return spool_mentions(rig, text);
}

static void expect_frames_in_order(struct rig *rig)
{
    int64_t last = 0;

    for (size_t i = 0; i < rig_event_count(rig, "frame"); i++) {
        int64_t frame = (int64_t)json_number(json_get(rig_event(rig, "frame", i), "frame"));

        assert_true(frame >= last - IN_FLIGHT_MAX && frame <= last + 1);
        last = MAX(last, frame);
    }
}

static void test_events_of_an_outage_survive_kills_of_the_agent(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = scene->rig;

    rig_agent_start(rig);
    sim_do(rig, "/sim/command?do=start");
    RIG_WAIT(rig, rig_event_count(rig, "frame") >= 2);
    rig_broker_kill(rig);
    for (int kills = 0; kills < 3; kills++) {
        size_t stored = frames_on_disk(rig, NULL);

        RIG_WAIT(rig, frames_on_disk(rig, NULL) >= stored + 2 && last_frame_is_spooled(rig));
        rig_agent_signal(rig, SIGKILL);
        rig_agent_spawn(rig);
    }
    start_broker_before_agent(rig);
    await_end(rig);
    expect_frames_in_order(rig);
    rig_pass(rig);
}

/* Who was refused waits for a minute, or for a person who restarts it. */
static void test_refused_login_is_said_and_stops_no_print(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = scene->rig;
    CLEANUP(free_p) char *log_path = path_join(rig_dir(rig), "lapsed.txt");
    CLEANUP(free_p) char *users = path_join(scene->dir, "users");
    CLEANUP(free_p) char *log = NULL;
    struct error err;

    rig_agent_spawn(rig);
    sim_do(rig, "/sim/command?do=start");
    RIG_WAIT(rig, frames_on_disk(rig, NULL) >= 4);
    assert_null(rig_last(rig, "availability"));
    assert_int_equal(path_read_file(log_path, LOG_MAX_BYTES, &log, NULL, &err), 0);
    assert_non_null(strstr(log, "mqtt.problem"));
    assert_non_null(strstr(log, "user 'pi01'"));
    assert_null(strstr(log, "right")); /* the password */
    assert_true(ended_well(rig_agent_signal(rig, SIGTERM)));
    broker_add_user(users, "pi01", "right");
    rig_broker_kill(rig);
    rig_broker_start(rig);
    rig_agent_start(rig);
    RIG_WAIT(rig, rig_event_count(rig, "session_finished") == 1);
    assert_int_equal(promise_videos(rig), 1);
    rig_pass(rig);
}

static bool log_says(struct rig *rig, const char *log, const char *words)
{
    CLEANUP(free_p) char *path = path_join(rig_dir(rig), log);
    CLEANUP(free_p) char *text = NULL;

    return path_read_file(path, LOG_MAX_BYTES, &text, NULL, NULL) == 0 && strstr(text, words);
}

/* A cloned SD card: the two throw each other out until one of them says why and stays away. */
static void test_two_agents_of_one_id_are_told_apart_for_people(void **state)
{
    static const char words[] = "another agent uses this id";
    static const char clone_conf[] = "agent = { id = \"pi01\"; data_dir = \"%dir/data2\"; };\n"
                                     "mqtt = { host = \"127.0.0.1\"; port = %mqtt; };\n";
    struct scene *scene = *state;
    struct rig *rig = scene->rig;
    CLEANUP(free_p) char *clone_log = path_join(rig_dir(rig), "clone.txt");
    CLEANUP(free_p) char *path = path_join(rig_dir(rig), "lapsed.conf");
    const char *argv[] = {LAPSED_PROGRAM, "--config", path, NULL};
    struct child clone = {0};

    rig_agent_start(rig);
    conf_write(rig, clone_conf);
    child_start(&clone, argv, clone_log);
    RIG_WAIT(rig, log_says(rig, "lapsed.txt", words) || log_says(rig, "clone.txt", words));
    assert_true(rig_agent_running(rig));
    assert_false(child_ended(&clone));
    child_signal(&clone, SIGKILL);
    rig_pass(rig);
}

static void test_killed_agent_is_offline_for_everybody(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = scene->rig;

    rig_agent_start(rig);
    rig_agent_signal(rig, SIGKILL);
    RIG_WAIT(rig, rig_says(rig, "availability", "offline")); /* the will waits 10 s */
    rig_agent_start(rig);
    rig_linger(rig, 500);
    assert_true(rig_says(rig, "availability", "online"));
    rig_pass(rig);
}

/* A restart within the delay of the will is not worth telling. */
static void test_agent_back_at_once_was_never_offline(void **state)
{
    struct scene *scene = *state;
    struct rig *rig = scene->rig;
    size_t from;

    rig_agent_start(rig);
    from = rig_message_count(rig);
    rig_agent_signal(rig, SIGKILL);
    rig_agent_start(rig);
    rig_linger(rig, 12000);
    assert_false(said_since(rig, from, "availability", "offline"));
    rig_pass(rig);
}

#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_broker_that_dies_mid_print_costs_nothing, setup),
        TEST(test_a_reconnect_says_each_retained_topic_once, setup),
        TEST(test_broker_that_dies_twice_costs_nothing, setup),
        TEST(test_print_without_a_broker_is_told_later, setup),
        TEST(test_events_of_an_outage_survive_kills_of_the_agent, setup),
        TEST(test_refused_login_is_said_and_stops_no_print, setup_login),
        TEST(test_two_agents_of_one_id_are_told_apart_for_people, setup),
        TEST(test_killed_agent_is_offline_for_everybody, setup),
        TEST(test_agent_back_at_once_was_never_offline, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
