/* SPDX-License-Identifier: MIT */
/* The camera service of POCS over MQTT: the real agent, the real gphoto2, libgphoto2's virtual
 * Nikon; and scripts in the place of gphoto2 where it has to hang. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
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
#include <sys/stat.h>
#include <unistd.h>

#define SHOT  "--capture-image-and-download"
#define TOPIC "camera/dslr/cmd/gphoto2"

enum { PICTURE_MAX_BYTES = 4 * 1000 * 1000 };

static struct rig *begin(void **state, const char *program, const char *more)
{
    CLEANUP(free_p)
    char *conf = xasprintf("cameras = ( { id = \"dslr\"; kind = \"gphoto2\"; program = \"%s\";\n"
                           "    base_dir = \"%%dir/base\"; timeout_ms = 15000; %s },\n"
                           "  { id = \"front\"; kind = \"pattern\"; } );\n",
                           program, more);
    struct rig *rig = rig_new(&(struct rig_options){.conf = conf, .no_sim = true});

    *state = rig;
    return rig;
}

static struct rig *begin_nikon(void **state)
{
    return begin(state, NIKON_GPHOTO2, "gphoto2_allow = [ \"--list-files\", \"--folder\" ];");
}

/* A script in the rig's directory; it is there before the agent asks for it. */
static struct rig *begin_script(void **state, const char *script)
{
    struct rig *rig = begin(state, "%dir/gphoto2", "");

    script_write(rig, "gphoto2", script);
    return rig;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

static void expect_code(const cJSON *ack, int code, const char *words)
{
    if (code_of(ack) != code || !strstr(message_of(ack), words))
        fail_msg("%d '%s'; expected %d with '%s'", code_of(ack), message_of(ack), code, words);
}

static void expect_said(const cJSON *ack, const char *words)
{
    const char *output = json_get_string(ack, "result.output");

    if (!output || !strstr(output, words))
        fail_msg("'%s' is not in '%s'", words, output ? output : "(no output)");
}

static void expect_jpeg(struct rig *rig, const char *name)
{
    CLEANUP(free_p) char *path = xasprintf("%s/base/%s", rig_dir(rig), name);
    CLEANUP(free_p) char *data = NULL;
    struct error err = {0};
    size_t len;

    if (path_read_file(path, PICTURE_MAX_BYTES, &data, &len, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(len > 1000 && memcmp(data, "\xff\xd8", 2) == 0);
}

static size_t count_hidden(struct rig *rig)
{
    CLEANUP(free_p) char *base = path_join(rig_dir(rig), "base");
    DIR *dir = opendir(base);
    size_t count = 0;

    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += str_starts_with(entry->d_name, ".lapsed");
    if (dir)
        closedir(dir);
    return count;
}

/* --- what POCS does --- */

static void test_the_payload_of_pocs_takes_a_picture(void **state)
{
    struct rig *rig = begin_nikon(state);
    size_t from = rig_message_count(rig);
    const cJSON *ack = command(rig, TOPIC, "{\"arguments\":\"" SHOT " --filename x.cr2\"}");
    bool success = false;

    expect_code(ack, 0, "");
    assert_int_equal(count_acks(rig, from, NULL, "accepted"), 1);
    assert_true(json_get_bool(ack, "result.success", &success) && success);
    assert_string_equal(json_get_string(ack, "result.arguments"), SHOT " --filename x.cr2");
    assert_int_equal(json_number(json_get(ack, "result.returncode")), 0);
    assert_string_equal(json_get_string(ack, "result.files[0].file"), "x.cr2");
    assert_string_equal(json_get_string(ack, "result.command[1]"), "--filename=%n");
    expect_said(ack, "base/x.cr2\n");
    expect_jpeg(rig, "x.cr2");

    ack = command(rig, TOPIC, "{\"arguments\":\"" SHOT " --filename x.cr2\"}");
    expect_code(ack, -32002, "x.cr2 is there already");
    ack = command(rig, TOPIC, "");
    expect_said(ack, "Nikon DSC D750");
    RIG_WAIT(rig, count_hidden(rig) == 0);
    rig_pass(rig);
}

static void test_an_exposure_as_pocs_makes_it(void **state)
{
    struct rig *rig = begin_nikon(state);
    const cJSON *answer =
        rpc(rig, "camera.gphoto2",
            "{\"camera\":\"dslr\",\"arguments\":[\"--port\",\"usb:001,001\",\"--set-config\","
            "\"capturetarget=0\",\"--trigger-capture\",\"--wait-event-and-download=1s\","
            "\"--filename\",\"/var/panoptes/%Y/x.%C\"]}");

    expect_code(answer, 0, "");
    assert_int_equal(json_number(json_get(answer, "result.returncode")), 0);
    expect_said(answer, "Waiting for 1 seconds");
    rig_pass(rig);
}

static void test_lapsectl_passes_words_on_and_prints_what_was_said(void **state)
{
    static const char *const asks[] = {"camera",       "gphoto2",       "dslr", "--",
                                       "--get-config", "capturetarget", NULL};
    static const char *const wrong[] = {"camera", "gphoto2", "dslr", "--list-config", NULL};
    struct rig *rig = begin_nikon(state);
    struct rig_output output = rig_ctl(rig, asks);

    assert_int_equal(output.exit_code, 0);
    assert_non_null(strstr(output.out, "Current: Internal RAM\n"));
    rig_output_done(&output);
    output = rig_ctl(rig, wrong);
    assert_int_equal(output.exit_code, 2);
    assert_non_null(strstr(output.err, "stand behind '--', as in: -- --list-config"));
    rig_output_done(&output);
    rig_pass(rig);
}

/* --- what is refused --- */

static void test_what_is_not_allowed_is_refused_by_name(void **state)
{
    static const struct {
        const char *topic, *payload;
        int code;
        const char *words;
    } rows[] = {
        {TOPIC, "{\"arguments\":\"--hook-script /tmp/x\"}", -32010, "--hook-script is never"},
        {TOPIC, "{\"arguments\":[\"--get-file\",\"1\"]}", -32010,
         "gphoto2_allow = [ \"--get-file\""},
        {TOPIC, "{\"arguments\":\"--port disk:/etc --summary\"}", -32010, "--port disk:/etc"},
        {TOPIC, "{\"arguments\":\"--sumary\"}", -32602, "did you mean --summary?"},
        {TOPIC, "{\"arguments\":\"'\"}", -32602, "has no end"},
        {TOPIC, "{\"arguments\":7}", -32602, "args.arguments"},
        {TOPIC, "{\"argument\":\"--summary\"}", -32602, "args.argument: 'gphoto2' takes no such"},
        {TOPIC, "--summary", -32700, ""},
        {"camera/front/cmd/gphoto2", "", -32016, "camera front is of kind \"pattern\""},
        {"camera/nosuch/cmd/gphoto2", "", -32001, "no camera of this name"},
    };
    struct rig *rig = begin_nikon(state);
    const cJSON *ack;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ack = command(rig, rows[i].topic, rows[i].payload);
        expect_code(ack, rows[i].code, rows[i].words);
    }
    ack = command(rig, TOPIC, "{\"arguments\":\"--folder / --list-files\"}"); /* the file allows */
    expect_code(ack, 0, "");
    rig_pass(rig);
}

static void test_the_configuration_cannot_allow_what_is_dangerous(void **state)
{
    struct rig *rig = begin_nikon(state);
    CLEANUP(free_p) char *path = path_join(rig_dir(rig), "wrong.conf");
    const char *const argv[] = {LAPSED_PROGRAM, "--check-config", path, NULL};
    struct rig_output output;
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs("cameras = ( { id = \"dslr\"; kind = \"gphoto2\"; timeout_ms = 15000;\n"
          "    gphoto2_allow = [ \"--list-files\", \"--hook-script\" ]; },\n"
          "  { id = \"front\"; kind = \"pattern\"; base_dir = \"/x\"; } );\n",
          file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0600), 0);
    output = rig_run(rig, argv);
    assert_int_not_equal(output.exit_code, 0);
    assert_non_null(strstr(output.err, "wrong.conf:2: "));
    assert_non_null(strstr(output.err, "--hook-script can never be allowed: it runs a program"));
    assert_non_null(strstr(output.err, "base_dir is not for kind = \"pattern\""));
    rig_output_done(&output);
    rig_pass(rig);
}

/* --- several, slow, stopping --- */

static void test_shots_and_commands_have_the_camera_in_turns(void **state)
{
    struct rig *rig = begin_nikon(state);
    size_t from = rig_message_count(rig);

    rig_publish(rig, TOPIC, "{\"id\":\"a\",\"arguments\":\"--summary --wait-event=500ms\"}");
    rig_publish(rig, "camera/dslr/cmd/snapshot", "{\"id\":\"b\"}");
    rig_publish(rig, TOPIC, "{\"id\":\"c\",\"arguments\":\"--get-config capturetarget\"}");
    for (const char *const *id = (const char *const[]){"a", "b", "c", NULL}; *id; id++) {
        RIG_WAIT(rig, final_ack(rig, from, *id));
        expect_code(final_ack(rig, from, *id), 0, "");
    }
    rig_pass(rig);
}

static void test_the_same_id_is_done_once(void **state)
{
    static const char twice[] = "{\"id\":\"a\",\"arguments\":\"--summary\"}";
    struct rig *rig = begin_script(state, "echo $$");
    size_t from = rig_message_count(rig);
    const cJSON *first;

    rig_publish(rig, TOPIC, twice);
    rig_publish(rig, TOPIC, twice);
    RIG_WAIT(rig, count_acks(rig, from, "a", "final") == 2);
    first = final_ack(rig, from, "a");
    assert_string_equal(json_get_string(first, "result.output"),
                        json_get_string(rig_last(rig, "ack")->json, "result.output"));
    rig_pass(rig);
}

static void test_a_command_that_takes_too_long_tells_what_it_said_so_far(void **state)
{
    struct rig *rig = begin_script(state, "echo began; exec sleep 1000");
    const cJSON *ack =
        command(rig, TOPIC, "{\"timeout_s\":1,\"arguments\":\"" SHOT " --filename x.jpg\"}");

    expect_code(ack, -32014, "gphoto2 did not end within 1000 ms");
    expect_said(ack, "began\n");
    assert_true(json_is_null(json_get(ack, "result.returncode")));
    rig_pass(rig);
}

static void test_what_is_said_is_bounded_and_cut_at_a_line(void **state)
{
    struct rig *rig =
        begin_script(state, "i=0; while [ $i -lt 9000 ]; do i=$((i+1)); echo \"line $i "
                            "\\\"\\\\\\\\\"; done; printf '\\377\\033[31m' >&2");
    const cJSON *answer =
        rpc(rig, "camera.gphoto2", "{\"camera\":\"dslr\",\"arguments\":\"--list-all-config\"}");
    const char *output = json_get_string(answer, "result.output");
    bool cut = false;

    expect_code(answer, 0, "");
    assert_true(json_get_bool(answer, "result.output_cut", &cut) && cut);
    assert_true(strlen(output) > 16000 && strlen(output) < 28 * 1024);
    assert_true(str_ends_with(output, "\n"));
    rig_pass(rig);
}

static void test_too_many_that_wait_are_told_that_the_camera_is_busy(void **state)
{
    struct rig *rig = begin_script(state, "exec sleep 1000");
    size_t from = rig_message_count(rig);

    for (int i = 0; i < 10; i++) /* one has the camera, eight wait */
        rig_publish(rig, TOPIC, "{\"arguments\":\"--summary\"}");
    RIG_WAIT(rig, final_ack(rig, from, NULL));
    expect_code(final_ack(rig, from, NULL), -32000, "8 runs of gphoto2 wait for this camera");
    rig_pass(rig);
}

static void test_a_full_disk_is_told_before_anything_is_exposed(void **state)
{
    static const char conf[] =
        "agent = { id = \"pi01\"; data_dir = \"%dir/data\"; reserve_mb = 1000000.0; };\n"
        "mqtt = { host = \"127.0.0.1\"; port = %mqtt; };\n"
        "cameras = ( { id = \"dslr\"; kind = \"gphoto2\"; program = \"/bin/false\";\n"
        "    timeout_ms = 15000; } );\n";
    struct rig *rig = rig_new(&(struct rig_options){.no_agent = true, .no_sim = true});
    const cJSON *ack;

    *state = rig;
    conf_write(rig, conf);
    rig_agent_start(rig);
    ack = command(rig, TOPIC, "{\"arguments\":\"" SHOT "\"}");
    expect_code(ack, -32008, "1000000 MB stay free (reserve_mb)");
    assert_non_null(strstr(message_of(ack), "/media/gphoto2/dslr"));
    assert_true(json_is_null(json_get(ack, "result.returncode")));
    rig_pass(rig);
}

static void test_an_agent_that_stops_ends_the_command_and_answers(void **state)
{
    struct rig *rig = begin_script(state, "echo $$ > ../../../pid.new; mv ../../../pid.new "
                                          "../../../pid; exec sleep 1000");
    CLEANUP(free_p) char *path = path_join(rig_dir(rig), "pid");
    CLEANUP(free_p) char *text = NULL;
    size_t from = rig_message_count(rig);
    int64_t pid;

    rig_publish(rig, TOPIC, "{\"id\":\"a\",\"arguments\":\"" SHOT "\"}");
    rig_publish(rig, "cmd/ping", "{\"id\":\"p\"}");
    RIG_WAIT(rig, final_ack(rig, from, "p"));
    while (access(path, F_OK) < 0)
        rig_linger(rig, 20);
    assert_int_equal(path_read_file(path, 100, &text, NULL, NULL), 0);
    text[strcspn(text, "\n")] = '\0';
    assert_int_equal(str_to_int(text, &pid), 0);
    rig_agent_signal(rig, SIGTERM);
    RIG_WAIT(rig, final_ack(rig, from, "a"));
    expect_code(final_ack(rig, from, "a"), -32013, "stopped");
    assert_int_equal(kill((pid_t)pid, 0), -1);
    assert_int_equal(count_hidden(rig), 0);
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_payload_of_pocs_takes_a_picture),
        TEST(test_an_exposure_as_pocs_makes_it),
        TEST(test_lapsectl_passes_words_on_and_prints_what_was_said),
        TEST(test_what_is_not_allowed_is_refused_by_name),
        TEST(test_the_configuration_cannot_allow_what_is_dangerous),
        TEST(test_shots_and_commands_have_the_camera_in_turns),
        TEST(test_the_same_id_is_done_once),
        TEST(test_a_command_that_takes_too_long_tells_what_it_said_so_far),
        TEST(test_what_is_said_is_bounded_and_cut_at_a_line),
        TEST(test_too_many_that_wait_are_told_that_the_camera_is_busy),
        TEST(test_a_full_disk_is_told_before_anything_is_exposed),
        TEST(test_an_agent_that_stops_ends_the_command_and_answers),
    };

    return cmocka_run_group_tests_name("gphoto2", tests, NULL, NULL);
}
