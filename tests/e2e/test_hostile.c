/* SPDX-License-Identifier: MIT */
/* What a stranger with the right to publish could try: payloads that are too large, names that are
 * paths or programs, floods of work, commands that contradict each other. The agent answers, does
 * what it may, and goes on. */
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/e2e/asking.h"
#include "tests/e2e/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { UNITS = 4, BATCH = 16 };

static const char conf[] =
    "cameras = ( { id = \"front\"; kind = \"pattern\"; width = 64; height = 64; } );\n"
    "units = (\n"
    "{ id = \"u0\"; cameras = [ \"front\" ]; trigger = \"command\"; standby = true; },\n"
    "{ id = \"u1\"; cameras = [ \"front\" ]; trigger = \"command\"; standby = true; },\n"
    "{ id = \"u2\"; cameras = [ \"front\" ]; trigger = \"command\"; standby = true; },\n"
    "{ id = \"u3\"; cameras = [ \"front\" ]; trigger = \"command\"; standby = true; } );\n";

static struct rig *begin(void **state, const char *mqtt)
{
    struct rig *rig = rig_new(&(struct rig_options){.conf = conf, .no_sim = true, .mqtt = mqtt});

    *state = rig;
    RIG_WAIT(rig, rig_says(rig, "unit/u3/state", "standby"));
    return rig;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static void still_well(struct rig *rig)
{
    rig_linger(rig, ASK_GAP_MS);
    assert_int_equal(code_of(command(rig, "cmd/ping", "")), 0);
    assert_true(rig_says(rig, "availability", "online"));
    assert_true(rig_agent_running(rig));
}

/* --- too large (C2) --- */

static int64_t resident_kib(struct rig *rig)
{
    CLEANUP(free_p) char *path = xasprintf("/proc/%d/statm", (int)rig_agent_pid(rig));
    FILE *file = fopen(path, "re");
    long long total = 0, resident = 0;

    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lld %lld", &total, &resident), 2);
    fclose(file);
    return resident * sysconf(_SC_PAGESIZE) / 1024;
}

static void publish_bytes(struct rig *rig, const char *topic, int64_t mib)
{
    CLEANUP(free_p) char *path = xasprintf("%s/huge", rig_dir(rig));
    CLEANUP(free_p) char *port = xasprintf("%d", rig_mqtt_port(rig));
    const char *argv[] = {
        "mosquitto_pub", "-V", "5",  "-q", "1", "-h", "127.0.0.1", "-p", port, "-t",
        topic,           "-f", path, NULL};
    FILE *file = fopen(path, "we");
    struct rig_output output;

    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), mib * 1024 * 1024), 0);
    fclose(file);
    output = rig_run(rig, argv);
    if (output.exit_code != 0)
        fail_msg("mosquitto_pub: %s", output.err);
    rig_output_done(&output);
    unlink(path);
}

/* MQTT 5: the broker itself keeps it from us. The memory of the sanitizers is left out of account:
 * a copy would be 200 times as much. */
static void test_a_payload_of_200_mib_never_reaches_us(void **state)
{
    struct rig *rig = begin(state, NULL);
    int64_t before_kib;
    size_t from;

    assert_int_equal(code_of(command(rig, "cmd/ping", "")), 0);
    before_kib = resident_kib(rig);
    from = rig_message_count(rig);
    publish_bytes(rig, "timelapse/v1/pi01/unit/u0/cmd/start", 200);
    still_well(rig);
    assert_true(resident_kib(rig) < before_kib + 20 * 1024);
    assert_int_equal(count_acks(rig, from, NULL, "accepted"), 1); /* of the ping */
    rig_pass(rig);
}

/* 3.1.1 knows no such limit: it comes in, and is dropped. */
static void test_a_large_payload_by_an_old_protocol_is_dropped(void **state)
{
    struct rig *rig = begin(state, "protocol = \"3.1.1\";");

    publish_bytes(rig, "timelapse/v1/pi01/unit/u0/cmd/start", 8);
    still_well(rig);
    assert_true(rig_says(rig, "unit/u0/state", "standby"));
    rig_pass(rig);
}

/* --- names (C10) --- */

/* As they stand in JSON. */
static const char *const names[] = {
    "",
    ".",
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "..\\\\..\\\\x",
    "%n%n%s%s",
    "%2e%2e%2f",
    "-rf",
    "--help",
    "$(touch /tmp/owned)",
    "`id`",
    "; reboot",
    "| nc -l 1",
    "a\\nb",
    "a\\r\\nX: y",
    "\\u001b[2J",
    "front/../../x",
    "front#",
    "+",
    "#",
    "$SYS",
    "fr\\u043ent",
    "\\u202etnorf",
    "\\uff46ront",
    "front ",
    " front",
    "FRONT",
    "con",
    "nul.jpg",
    "' OR 1=1 --",
    "\\\"; DROP TABLE session; --",
};

/* One request of each name, at a place where a name is expected. */
struct place {
    const char *before, *after; /* the name */
};

static void ask_with_names(struct rig *rig, const struct place *place, size_t first, size_t count)
{
    char batch[16 * 1024];
    size_t len = 0;
    size_t from = rig_message_count(rig);
    const struct rig_message *reply;

    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(batch + len, sizeof(batch) - len,
                                "%s{\"jsonrpc\":\"2.0\",\"id\":%zu,%s%s%s", i > 0 ? "," : "[", i,
                                place->before, names[first + i], place->after);
    (void)snprintf(batch + len, sizeof(batch) - len, "]");
    rig_publish(rig, "rpc/desk", batch);
    RIG_WAIT(rig, response_to(rig, from, "desk", "0"));
    reply = rig_last(rig, "reply/desk");
    assert_int_equal(json_size(reply->json), count);
    for (const cJSON *it = json_first(reply->json); it; it = json_next(it))
        if (code_of(it) == 0 || !message_of(it)[0])
            fail_msg("%s: was taken with %s", place->before,
                     names[first + (size_t)json_number(json_get(it, "id"))]);
    rig_linger(rig, ASK_GAP_MS);
}

static size_t entries(const char *path)
{
    DIR *dir = opendir(path);
    size_t count = 0;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void test_a_name_that_is_none_of_ours_is_refused_and_touches_no_file(void **state)
{
    static const struct place places[] = {
        {"\"method\":\"", "\"}"},
        {"\"method\":\"unit.start\",\"params\":{\"unit\":\"", "\"}}"},
        {"\"method\":\"camera.snapshot\",\"params\":{\"camera\":\"", "\"}}"},
        {"\"method\":\"printer.status\",\"params\":{\"printer\":\"", "\"}}"},
        {"\"method\":\"unit.set\",\"params\":{\"unit\":\"u0\",\"value\":1,\"key\":\"", "\"}}"},
        {"\"method\":\"unit.list\",\"params\":{\"cursor\":\"", "\"}}"},
    };
    struct rig *rig = begin(state, NULL);
    CLEANUP(free_p) char *data = xasprintf("%s/data", rig_dir(rig));
    size_t in_rig = entries(rig_dir(rig)), in_data = entries(data);

    for (size_t place = 0; place < ARRAY_LEN(places); place++)
        for (size_t first = 0; first < ARRAY_LEN(names); first += BATCH)
            ask_with_names(rig, &places[place], first, MIN(BATCH, ARRAY_LEN(names) - first));
    assert_int_equal(entries(rig_dir(rig)), in_rig);
    assert_int_equal(entries(data), in_data);
    assert_int_equal(access("/tmp/owned", F_OK), -1);
    still_well(rig);
    rig_pass(rig);
}

/* An id is only echoed: whatever text it is, it comes back as it was. */
static void test_an_id_of_any_text_is_echoed_and_does_no_harm(void **state)
{
    struct rig *rig = begin(state, NULL);

    for (size_t i = 1; i < ARRAY_LEN(names); i++) {
        CLEANUP(free_p) char *payload = xasprintf("{\"id\":\"%s\"}", names[i]);
        CLEANUP(json_free_p) cJSON *sent = NULL;
        const cJSON *ack = command(rig, "unit/u0/cmd/abort", payload);
        struct error err;

        assert_int_equal(
            json_parse(payload, strlen(payload), &(struct json_limits){4096, 4}, &sent, &err), 0);
        assert_string_equal(json_get_string(ack, "id"), json_get_string(sent, "id"));
    }
    rig_pass(rig);
}

/* --- floods of work (C9) --- */

static void test_of_many_builds_at_once_one_is_made(void **state)
{
    struct rig *rig = begin(state, NULL);
    char batch[BATCH * 128] = "[";
    size_t from, made = 0;

    assert_int_equal(code_of(rpc(rig, "unit.start", "{\"unit\":\"u0\"}")), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(code_of(rpc(rig, "unit.snapshot", "{\"unit\":\"u0\"}")), 0);
    for (int i = 0; i < BATCH; i++) {
        size_t len = strlen(batch);

        snprintf(batch + len, sizeof(batch) - len,
                 "%s{\"jsonrpc\":\"2.0\",\"method\":\"unit.preview\",\"params\":{\"unit\":\"u0\"},"
                 "\"id\":%d}",
                 i > 0 ? "," : "", i);
    }
    memcpy(batch + strlen(batch), "]", 2);
    from = rig_message_count(rig);
    rig_publish(rig, "rpc/desk", batch);
    RIG_WAIT(rig, response_to(rig, from, "desk", "0"));
    for (int i = 0; i < BATCH; i++) {
        CLEANUP(free_p) char *id = xasprintf("%d", i);
        int code = code_of(response_to(rig, from, "desk", id));

        made += code == 0;
        assert_true(code == 0 || code == -32000);
    }
    assert_int_equal(made, 1);
    RIG_WAIT(rig, rig_event_count(rig, "preview_ready") == 1);
    still_well(rig);
    rig_pass(rig);
}

/* --- commands against each other (C12) --- */

static const char *const unit_verbs[] = {"start", "standby", "pause",    "resume", "finish",
                                         "abort", "restart", "snapshot", "preview"};

static bool is_defined(int code)
{
    static const int codes[] = {0, -32000, -32002, -32007, -32009, -32015};

    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i] == code)
            return true;
    return false;
}

/* Four pairs, each on a unit of its own: armed, then one verb right behind the other, then put away
 * again. */
static void ask_pairs(struct rig *rig, size_t first)
{
    char batch[BATCH * 128] = "[";
    size_t len = 1, from = rig_message_count(rig);

    for (size_t i = 0; i < BATCH; i++) {
        size_t pair = (first + i / 4) % (ARRAY_LEN(unit_verbs) * ARRAY_LEN(unit_verbs));
        const char *const steps[] = {"start", unit_verbs[pair / ARRAY_LEN(unit_verbs)],
                                     unit_verbs[pair % ARRAY_LEN(unit_verbs)], "standby"};

        len += (size_t)snprintf(batch + len, sizeof(batch) - len,
                                "%s{\"jsonrpc\":\"2.0\",\"method\":\"unit.%s\",\"params\":"
                                "{\"unit\":\"u%zu\"},\"id\":%zu}",
                                i > 0 ? "," : "", steps[i % 4], i / 4, i);
    }
    snprintf(batch + len, sizeof(batch) - len, "]");
    rig_publish(rig, "rpc/desk", batch);
    RIG_WAIT(rig, response_to(rig, from, "desk", "15"));
    for (size_t i = 0; i < BATCH; i++) {
        CLEANUP(free_p) char *id = xasprintf("%zu", i);
        const cJSON *response = response_to(rig, from, "desk", id);

        if (!response || !is_defined(code_of(response)))
            fail_msg("pair %zu, step %zu: %d %s", first + i / 4, i % 4, code_of(response),
                     message_of(response));
    }
    rig_linger(rig, ASK_GAP_MS);
}

static void test_any_two_commands_right_behind_each_other_have_a_defined_end(void **state)
{
    struct rig *rig = begin(state, NULL);
    size_t pairs = ARRAY_LEN(unit_verbs) * ARRAY_LEN(unit_verbs);
    pid_t children[4];

    for (size_t first = 0; first < pairs; first += UNITS)
        ask_pairs(rig, first);
    for (size_t i = 0; i < UNITS; i++) {
        CLEANUP(free_p) char *params = xasprintf("{\"unit\":\"u%zu\"}", i);
        CLEANUP(free_p) char *topic = xasprintf("unit/u%zu/state", i);

        (void)rpc(rig, "unit.standby", params);
        RIG_WAIT(rig, rig_says(rig, topic, "standby"));
        assert_int_equal(code_of(rpc(rig, "unit.start", params)), 0);
        RIG_WAIT(rig, rig_says(rig, topic, "capturing"));
    }
    RIG_WAIT(rig, agent_children(rig, children, ARRAY_LEN(children)) == 0);
    still_well(rig);
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_payload_of_200_mib_never_reaches_us),
        TEST(test_a_large_payload_by_an_old_protocol_is_dropped),
        TEST(test_a_name_that_is_none_of_ours_is_refused_and_touches_no_file),
        TEST(test_an_id_of_any_text_is_echoed_and_does_no_harm),
        TEST(test_of_many_builds_at_once_one_is_made),
        TEST(test_any_two_commands_right_behind_each_other_have_a_defined_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
