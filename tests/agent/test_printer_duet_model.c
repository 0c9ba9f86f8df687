/* SPDX-License-Identifier: MIT */
/* Reading a Duet's answers: real ones when the recordings are there, and what a broken or hostile
 * printer might say. Also whose reply a reply is. */
#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/printer/duet_commands.h"
#include "agent/printer/duet_model.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four above first */
#include <cmocka.h>

static int read_text(struct duet_model *model, enum duet_query query, const char *text)
{
    struct error err;

    return duet_model_read(model, query, text, strlen(text), 1000000, &err);
}

static void read_well(struct duet_model *model, enum duet_query query, const char *text)
{
    struct error err = {0};

    if (duet_model_read(model, query, text, strlen(text), 1000000, &err) < 0)
        fail_msg("%s: %s", text, err.text);
}

static void set_status(struct duet_model *model, const char *status)
{
    CLEANUP(free_p)
    char *text = xasprintf("{\"key\":\"state\",\"flags\":\"fn\",\"result\":{\"status\":\"%s\","
                           "\"upTime\":100}}\n",
                           status);

    read_well(model, DUET_STATE, text);
}

static void every_status_has_its_state(void **test)
{
    static const struct {
        const char *status;
        enum printer_state state;
    } rows[] = {
        {"starting", PRINTER_BUSY},       {"updating", PRINTER_BUSY},
        {"halted", PRINTER_ERROR},        {"off", PRINTER_ERROR},
        {"pausing", PRINTER_PAUSING},     {"resuming", PRINTER_RESUMING},
        {"paused", PRINTER_PAUSED},       {"cancelling", PRINTER_CANCELLING},
        {"simulating", PRINTER_PRINTING}, {"processing", PRINTER_PRINTING},
        {"changingTool", PRINTER_BUSY},   {"busy", PRINTER_BUSY},
        {"idle", PRINTER_IDLE},
    };
    struct duet_model model;

    (void)test;
    duet_model_init(&model);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        set_status(&model, rows[i].status);
        assert_int_equal(model.view.state, rows[i].state);
        assert_string_equal(model.view.native_state, rows[i].status);
    }
}

static void a_dry_run_stays_one_while_it_is_paused(void **test)
{
    struct duet_model model;

    (void)test;
    duet_model_init(&model);
    set_status(&model, "simulating");
    assert_true(model.view.simulating);
    set_status(&model, "pausing");
    set_status(&model, "paused");
    assert_true(model.view.simulating);
    set_status(&model, "idle");
    assert_false(model.view.simulating);
    set_status(&model, "processing");
    set_status(&model, "paused");
    assert_false(model.view.simulating);
}

static const char job_text[] =
    "{\"key\":\"job\",\"flags\":\"fn\",\"result\":{\"duration\":260,\"filePosition\":20500,"
    "\"layer\":3,\"layerTime\":4.2,\"pauseDuration\":0,\"timesLeft\":{\"filament\":9000,"
    "\"file\":8000,\"slicer\":7000.5},\"warmUpDuration\":11}}";

static const char file_text[] =
    "{\"key\":\"job\",\"flags\":\"d99vn\",\"result\":{\"duration\":260,\"filePosition\":20500,"
    "\"layer\":3,\"file\":{\"fileName\":\"0:/gcodes/sub dir/B\xc3\xa4r.gcode\",\"size\":41000,"
    "\"numLayers\":120,\"thumbnails\":[{\"width\":64}]},\"timesLeft\":{}}}";

static void start_job(struct duet_model *model)
{
    duet_model_init(model);
    set_status(model, "processing");
    read_well(model, DUET_FILE, file_text);
    read_well(model, DUET_JOB, job_text);
}

static void a_job_is_read(void **test)
{
    struct duet_model model;

    (void)test;
    start_job(&model);
    assert_true(model.file_known);
    assert_string_equal(model.view.job_file, "B\xc3\xa4r.gcode");
    assert_int_equal(model.view.layer, 3);
    assert_int_equal(model.view.layers, 120);
    assert_int_equal(model.view.job_elapsed_s, 260);
    assert_int_equal(model.view.job_remaining_s, 7000);
    assert_int_equal(model.view.job_position_bytes, 20500);
    assert_true(fabs(model.view.job_progress_percent - 50) < 0.01);
    set_status(&model, "idle");
    assert_string_equal(model.view.job_file, "");
    assert_int_equal(model.view.layer, -1);
    assert_false(model.file_known);
}

static void no_layer_is_null_absent_or_zero(void **test)
{
    static const char *const layers[] = {"\"layer\":null,", "", "\"layer\":0,"};

    (void)test;
    for (size_t i = 0; i < ARRAY_LEN(layers); i++) {
        CLEANUP(free_p)
        char *text = xasprintf("{\"key\":\"job\",\"result\":{%s\"duration\":300,"
                               "\"filePosition\":21000}}",
                               layers[i]);
        struct duet_model model;

        start_job(&model);
        read_well(&model, DUET_JOB, text);
        assert_int_equal(model.view.layer, -1);
    }
}

static void a_younger_job_forgets_the_file(void **test)
{
    struct duet_model model;

    (void)test;
    start_job(&model);
    read_well(&model, DUET_JOB,
              "{\"key\":\"job\",\"result\":{\"duration\":1,\"filePosition\":10,\"layer\":null}}");
    assert_false(model.file_known);
    assert_string_equal(model.view.job_file, "");
}

static void a_null_job_alone_ends_nothing(void **test)
{
    struct duet_model model;

    (void)test;
    start_job(&model);
    read_well(&model, DUET_JOB,
              "{\"key\":\"job\",\"result\":{\"duration\":null,\"filePosition\":0,\"layer\":null}}");
    assert_true(model.job_denied);
    assert_int_equal(model.view.layer, 3);
    assert_int_equal(model.view.job_position_bytes, 20500);
}

/* Each must be refused and change nothing at all. */
static void nonsense_changes_nothing(void **test)
{
    static const struct {
        enum duet_query query;
        const char *text;
    } rows[] = {
        {DUET_STATE, ""},
        {DUET_STATE, "<html><body>login</body></html>"},
        {DUET_STATE, "{}"},
        {DUET_STATE, "[]"},
        {DUET_STATE, "null"},
        {DUET_STATE, "{\"key\":\"state\",\"result\":null}"},
        {DUET_STATE, "{\"key\":\"state\",\"result\":{}}"},
        {DUET_STATE, "{\"key\":\"state\",\"result\":{\"status\":7,\"upTime\":1}}"},
        {DUET_STATE, "{\"key\":\"state\",\"result\":{\"status\":\"hungry\",\"upTime\":1}}"},
        {DUET_STATE, "{\"key\":\"state\",\"result\":{\"status\":\"idle\",\"upTime\":\"1\"}}"},
        {DUET_STATE, "{\"key\":\"job\",\"result\":{\"status\":\"idle\",\"upTime\":1}}"},
        {DUET_STATE, "{\"key\":\"state\",\"result\":{\"status\":\"idle\",\"upTi"},
        {DUET_STATE, "{\"key\":\"state\",\"result\":{\"status\":\"idle\",\"status\":\"paused\"}}"},
        {DUET_JOB, "{\"key\":\"job\",\"result\":null}"},
        {DUET_JOB, "{\"key\":\"job\",\"result\":{\"duration\":1,\"layer\":-7}}"},
        {DUET_JOB, "{\"key\":\"job\",\"result\":{\"duration\":1,\"layer\":\"5\"}}"},
        {DUET_JOB, "{\"key\":\"job\",\"result\":{\"duration\":1,\"layer\":1e300}}"},
        {DUET_JOB, "{\"key\":\"job\",\"result\":{\"duration\":1,\"layer\":NaN}}"},
        {DUET_JOB, "{\"key\":\"job\",\"result\":{\"duration\":[],\"layer\":1}}"},
        {DUET_JOB, "{\"key\":\"job\",\"result\":{\"duration\":1,\"filePosition\":1e400}}"},
        {DUET_JOB, "{\"key\":\"job\",\"result\":{\"duration\":1,\"timesLeft\":{\"slicer\":{}}}}"},
        {DUET_FILE, "{\"key\":\"job\",\"result\":{\"duration\":9,\"file\":{\"size\":\"big\"}}}"},
        {DUET_INPUTS, "{\"key\":\"inputs[2]\",\"result\":{\"state\":\"idle\"}}"},
        {DUET_INPUTS, "{\"key\":\"inputs[2]\",\"result\":{\"state\":1,\"inMacro\":true}}"},
        {DUET_BOX, "{\"key\":\"state.messageBox\",\"result\":{\"mode\":\"two\"}}"},
        {DUET_SEQS, "{\"key\":\"seqs\",\"result\":{}}"},
        {DUET_AXES, "{\"key\":\"move.axes\",\"result\":{\"X\":1}}"},
        {DUET_HEAT, "{\"key\":\"heat\",\"result\":{\"heaters\":7}}"},
        {DUET_FIRMWARE, "{\"key\":\"boards[0].firmwareVersion\",\"result\":36}"},
    };

    (void)test;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct duet_model before, model;

        start_job(&before);
        model = before;
        if (read_text(&model, rows[i].query, rows[i].text) != -EPROTO)
            fail_msg("taken for good: %s", rows[i].text);
        if (memcmp(&before, &model, sizeof(model)) != 0)
            fail_msg("changed something: %s", rows[i].text);
    }
}

static void deep_and_huge_answers_are_refused(void **test)
{
    struct duet_model model;
    size_t size = 4 * DUET_ANSWER_MAX_BYTES;
    char *text = xmalloc(size + 1);

    (void)test;
    duet_model_init(&model);
    memset(text, '[', size);
    text[size] = '\0';
    assert_int_equal(read_text(&model, DUET_STATE, text), -EPROTO);
    memset(text, ' ', size);
    assert_int_equal(read_text(&model, DUET_STATE, text), -EPROTO);
    text[DUET_ANSWER_MAX_BYTES / 2] = '\0';
    memset(text, '[', 100);
    assert_int_equal(read_text(&model, DUET_STATE, text), -EPROTO);
    free(text);
}

static void a_long_name_is_cut_between_characters(void **test)
{
    char name[2 * PRINTER_FILE_MAX + 1];
    struct duet_model model;

    (void)test;
    for (size_t i = 0; i < sizeof(name) - 1; i += 2)
        memcpy(name + i, "\xc3\xa4", 2);
    name[sizeof(name) - 1] = '\0';
    duet_model_init(&model);
    set_status(&model, "processing");
    {
        CLEANUP(free_p)
        char *text = xasprintf("{\"key\":\"job\",\"result\":{\"duration\":1,\"file\":{\"fileName\":"
                               "\"0:/gcodes/%s\",\"size\":1}}}",
                               name);

        read_well(&model, DUET_FILE, text);
    }
    assert_int_equal(strlen(model.view.job_file), PRINTER_FILE_MAX - 2);
}

static void boxes_and_acknowledgements_wait_for_a_person(void **test)
{
    struct duet_model model;

    (void)test;
    start_job(&model);
    read_well(&model, DUET_BOX, "{\"key\":\"state.messageBox\",\"result\":{\"mode\":1}}");
    assert_false(model.view.message_box);
    read_well(&model, DUET_BOX, "{\"key\":\"state.messageBox\",\"result\":{\"mode\":3}}");
    assert_true(model.view.message_box);
    read_well(&model, DUET_BOX, "{\"key\":\"state.messageBox\",\"result\":null}");
    assert_false(model.view.message_box);
    read_well(&model, DUET_INPUTS,
              "{\"key\":\"inputs[2]\",\"result\":{\"inMacro\":false,"
              "\"state\":\"awaitingAcknowledgement\"}}");
    assert_true(model.view.message_box);
    read_well(&model, DUET_INPUTS,
              "{\"key\":\"inputs[2]\",\"result\":{\"inMacro\":true,\"state\":\"waiting\"}}");
    assert_false(model.view.message_box);
    assert_true(model.view.heating);
    assert_true(model.view.in_macro);
}

static void heaters_have_names(void **test)
{
    struct duet_model model;

    (void)test;
    duet_model_init(&model);
    read_well(&model, DUET_BEDS, "{\"key\":\"heat.bedHeaters\",\"result\":[0,-1],\"next\":0}");
    read_well(&model, DUET_TOOLS, "{\"key\":\"tools[].heaters\",\"result\":[[1],[2]],\"next\":0}");
    read_well(&model, DUET_CHAMBERS, "{\"key\":\"heat.chamberHeaters\",\"result\":null}");
    read_well(&model, DUET_HEAT,
              "{\"key\":\"heat\",\"result\":{\"heaters\":["
              "{\"active\":60,\"current\":59.5,\"standby\":0,\"state\":\"active\"},"
              "{\"active\":210,\"current\":180,\"standby\":150,\"state\":\"standby\"},"
              "{\"active\":0,\"current\":2.1e+1,\"standby\":0,\"state\":\"off\"},null,"
              "{\"current\":20,\"state\":\"fault\"}]}}");
    assert_int_equal(model.view.heater_count, 4);
    assert_string_equal(model.view.heaters[0].name, "bed");
    assert_string_equal(model.view.heaters[1].name, "tool0");
    assert_true(model.view.heaters[1].target == 150);
    assert_string_equal(model.view.heaters[2].name, "tool1");
    assert_true(model.view.heaters[2].current == 21 && isnan(model.view.heaters[2].target));
    assert_string_equal(model.view.heaters[3].name, "heater4");
}

static void a_restart_is_seen_by_the_up_time(void **test)
{
    (void)test;
    assert_false(duet_restarted(-1, 5, 0));
    assert_false(duet_restarted(100, 101, 1));
    assert_false(duet_restarted(100, 100, 5));
    assert_true(duet_restarted(100, 5, 5));
    assert_true(duet_restarted(100, 500, 3600)); /* more than before, but far too little */
    assert_false(duet_restarted(100, 3650, 3600));
}

/* --- rr_connect, rr_gcode --- */

static int connect_with(const char *text, struct duet_session *session)
{
    struct error err;

    return duet_parse_connect(text, strlen(text), session, &err);
}

static void sessions_of_all_firmwares_are_understood(void **test)
{
    struct duet_session session;

    (void)test;
    assert_int_equal(
        connect_with("{\"err\":0,\"sessionTimeout\":8000,\"boardType\":\"duetwifi102\","
                     "\"apiLevel\":1}",
                     &session),
        0);
    assert_false(session.has_key);
    assert_int_equal(connect_with("{\"err\":0,\"sessionTimeout\":8000,\"apiLevel\":2,"
                                  "\"sessionKey\":3735928559}",
                                  &session),
                     0);
    assert_true(session.has_key);
    assert_true(session.key == 3735928559u);
    assert_int_equal(session.timeout_ms, 8000);
}

static void refusals_to_connect_have_their_codes(void **test)
{
    struct duet_session session;

    (void)test;
    assert_int_equal(connect_with("{\"err\":1}", &session), -EACCES);
    assert_int_equal(connect_with("{\"err\":2}", &session), -EUSERS);
    assert_int_equal(connect_with("{\"err\":0,\"isEmulated\":true,\"apiLevel\":1}", &session),
                     -ENOTSUP);
    assert_int_equal(connect_with("{\"err\":9}", &session), -EPROTO);
    assert_int_equal(connect_with("<html>", &session), -EPROTO);
    assert_int_equal(connect_with("{}", &session), -EPROTO);
}

static void a_full_buffer_means_nothing_was_taken(void **test)
{
    struct error err;

    (void)test;
    assert_int_equal(duet_parse_gcode("{\"buff\":251}", 12, &err), 0);
    assert_int_equal(duet_parse_gcode("{\"err\":1}", 9, &err), -EAGAIN);
    assert_int_equal(duet_parse_gcode("garbage", 7, &err), -EPROTO);
}

/* --- commands and replies --- */

static void send_all(struct duet_commands *commands)
{
    struct duet_command *command;

    while ((command = duet_commands_unsent(commands)) != NULL)
        command->sent = true;
}

static void reply_token(struct duet_commands *commands, size_t index, const char *words)
{
    CLEANUP(free_p)
    char *text = xasprintf("%s%s\n", words, commands->items[index].token);

    duet_commands_reply(commands, text);
}

static void only_its_own_token_ends_a_command(void **test)
{
    struct duet_commands commands;
    struct duet_outcome outcome;

    (void)test;
    duet_commands_init(&commands, 7);
    duet_commands_add(&commands, PRINTER_CMD_RESUME, "M24");
    send_all(&commands);
    assert_non_null(strstr(commands.items[0].gcode, "M24\nM118 P3 S\"tl-"));
    duet_commands_reply(&commands, "Printing resumed\ntl-00000007-12\ntl-00000008-1\n");
    assert_false(duet_commands_next(&commands, 0, &outcome));
    assert_true(duet_commands_awaiting(&commands));
    reply_token(&commands, 0, "");
    assert_true(duet_commands_next(&commands, 0, &outcome));
    assert_int_equal(outcome.kind, PRINTER_CMD_RESUME);
    assert_int_equal(outcome.result, 0);
    assert_false(duet_commands_awaiting(&commands));
    duet_commands_done(&commands);
}

static void old_words_are_not_the_answer_to_a_pause(void **test)
{
    struct duet_commands commands;
    struct duet_outcome outcome;
    struct error err;

    (void)test;
    duet_commands_init(&commands, 7);
    duet_commands_add(&commands, PRINTER_CMD_PAUSE, "M25");
    send_all(&commands);
    {
        CLEANUP(free_p)
        char *text =
            xasprintf("Error: M25: Printing is already paused!\n%s:\nPrinting paused at X1\n"
                      "%s\nsomething later\n",
                      commands.items[0].token, commands.items[0].token);

        duet_commands_reply(&commands, text);
    }
    assert_true(duet_commands_next(&commands, 0, &outcome));
    assert_string_equal(outcome.reply, "Printing paused at X1");
    assert_int_equal(duet_judge_pause(outcome.reply, &err), 0);
    duet_commands_done(&commands);
}

static void a_later_token_proves_the_earlier_command(void **test)
{
    struct duet_commands commands;
    struct duet_outcome outcome;

    (void)test;
    duet_commands_init(&commands, 7);
    duet_commands_add(&commands, PRINTER_CMD_PAUSE, "M25");
    duet_commands_add(&commands, PRINTER_CMD_FLUSH, "");
    send_all(&commands);
    reply_token(&commands, 1, "lost is what came before\n");
    assert_true(duet_commands_next(&commands, 0, &outcome));
    assert_int_equal(outcome.kind, PRINTER_CMD_PAUSE);
    assert_true(duet_commands_next(&commands, 0, &outcome));
    assert_int_equal(outcome.kind, PRINTER_CMD_FLUSH);
    assert_false(duet_commands_next(&commands, 0, &outcome));
    duet_commands_done(&commands);
}

static void a_command_is_overdue_in_the_end(void **test)
{
    struct duet_commands commands;
    struct duet_outcome outcome;

    (void)test;
    duet_commands_init(&commands, 7);
    duet_commands_add(&commands, PRINTER_CMD_PARK, "G1 X1");
    assert_false(duet_commands_next(&commands, 3600000000, &outcome)); /* not even sent */
    send_all(&commands);
    assert_false(duet_commands_next(&commands, 9000000, &outcome));
    assert_true(duet_commands_next(&commands, 11000000, &outcome));
    assert_int_equal(outcome.result, -ETIMEDOUT);
    duet_commands_done(&commands);
}

static void endless_replies_of_others_do_no_harm(void **test)
{
    char noise[3000];
    struct duet_commands commands;
    struct duet_outcome outcome;

    (void)test;
    memset(noise, 'x', sizeof(noise) - 1);
    noise[sizeof(noise) - 1] = '\0';
    duet_commands_init(&commands, 7);
    duet_commands_add(&commands, PRINTER_CMD_PAUSE, "M25");
    send_all(&commands);
    for (int i = 0; i < 50; i++)
        duet_commands_reply(&commands, noise);
    assert_true(commands.replies.len <= 8192);
    reply_token(&commands, 0, noise);
    assert_true(duet_commands_next(&commands, 0, &outcome));
    duet_commands_done(&commands);
}

static void the_words_of_a_pause_are_judged(void **test)
{
    struct error err;

    (void)test;
    assert_int_equal(duet_judge_pause("Printing paused at X120.0 Y80.0 Z0.4\n", &err), 0);
    assert_int_equal(duet_judge_pause("", &err), 0);
    assert_int_equal(duet_judge_pause("Printing paused for filament change at X1", &err), -EPERM);
    assert_int_equal(duet_judge_pause("Error: M25: Printing is already paused!\n", &err),
                     -EALREADY);
    assert_int_equal(
        duet_judge_pause("Error: M25: Cannot pause print, because no file is being printed!", &err),
        -EAGAIN);
    assert_int_equal(duet_judge_pause("Error: M25: Machine is halted", &err), -EAGAIN);
}

static void the_head_goes_only_where_the_axes_reach(void **test)
{
    struct printer_view view = {
        .homed = {true, true, false}, .min_mm = {0, -5, 0}, .max_mm = {200, 190, 300}};
    struct park_move move = {500, -50, 9000};
    char gcode[DUET_GCODE_MAX];
    struct error err;

    (void)test;
    assert_int_equal(duet_park_gcode(&view, &move, gcode, sizeof(gcode), &err), 0);
    assert_string_equal(gcode, "M120\nG90\nG1 X200.0 Y-5.0 F9000\nM400\nM121");
    view.homed[1] = false;
    assert_int_equal(duet_park_gcode(&view, &move, gcode, sizeof(gcode), &err), -EPERM);
}

/* --- a million little monkeys --- */

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void damaged_answers_never_hurt(void **test)
{
    static const struct {
        enum duet_query query;
        const char *text;
    } seeds[] = {
        {DUET_JOB, job_text},
        {DUET_FILE, file_text},
        {DUET_AXES, "{\"key\":\"move.axes\",\"result\":[{\"letter\":\"X\",\"homed\":true,\"min\":0,"
                    "\"max\":200,\"machinePosition\":1.5},{\"letter\":\"Y\"},null],\"next\":0}"},
        {DUET_HEAT,
         "{\"key\":\"heat\",\"result\":{\"heaters\":[{\"current\":1,\"state\":\"off\"}]}}"},
    };
    uint32_t seed = 42;

    (void)test;
    for (int run = 0; run < 20000; run++) {
        size_t pick = next_random(&seed) % ARRAY_LEN(seeds);
        CLEANUP(free_p) char *text = xstrdup(seeds[pick].text);
        size_t len = strlen(text);
        struct duet_model model;
        struct error err;

        start_job(&model);
        for (uint32_t i = 0; i <= next_random(&seed) % 4; i++)
            text[next_random(&seed) % len] = (char)next_random(&seed);
        (void)!duet_model_read(&model, seeds[pick].query, text, len - next_random(&seed) % 3,
                               2000000, &err);
        assert_true(model.view.layer >= -1);
        assert_true(model.view.heater_count <= PRINTER_HEATERS_MAX);
    }
}

/* --- recordings --- */

#define FIXTURES "/../shared/fixtures/rrf/"

static char *load(const char *name)
{
    CLEANUP(free_p) char *path = xasprintf("%s%s%s", REPOSITORY, FIXTURES, name);
    char *text = NULL;
    size_t len;

    return path_read_file(path, 1 << 20, &text, &len, NULL) < 0 ? NULL : text;
}

static void recorded_answers_are_understood(void **test)
{
    CLEANUP(free_p) char *good = load("synthetic/rr_connect_ok_3.5_3.6.json");
    CLEANUP(free_p) char *emulated = load("synthetic/rr_connect_emulated_sbc.json");
    CLEANUP(free_p) char *box = load("synthetic/state_messagebox_blocking.json");
    struct duet_session session;
    struct duet_model model;

    (void)test;
    if (!good || !emulated || !box) {
        print_message("no recordings at " REPOSITORY FIXTURES ": skipped\n");
        skip();
    }
    duet_model_init(&model);
    assert_int_equal(connect_with(good, &session), 0);
    assert_int_equal(connect_with(emulated, &session), -ENOTSUP);
    read_well(&model, DUET_STATE, box); /* a complete state: more fields than we ask for */
    assert_int_equal(model.view.state, PRINTER_PRINTING);
    assert_int_equal(model.view.up_time_s, 58564);
}

/* A whole recorded model: each of our queries is a part of it. */
static void parts_of_a_recorded_model_are_understood(void **test)
{
    static const struct {
        enum duet_query query;
        const char *key, *path;
    } parts[] = {
        {DUET_STATE, "state", "state"},
        {DUET_FILE, "job", "job"},
        {DUET_JOB, "job", "job"},
        {DUET_INPUTS, "inputs[2]", "inputs[2]"},
        {DUET_SEQS, "seqs", "seqs"},
        {DUET_AXES, "move.axes", "move.axes"},
        {DUET_HEAT, "heat", "heat"},
        {DUET_BEDS, "heat.bedHeaters", "heat.bedHeaters"},
        {DUET_FIRMWARE, "boards[0].firmwareVersion", "boards[0].firmwareVersion"},
    };
    CLEANUP(free_p) char *text = load("duet2wifi_3.6.0-beta.3_processing_warmup_full_merged.json");
    const struct json_limits limits = {1 << 20, 32};
    CLEANUP(json_free_p) cJSON *json = NULL;
    struct duet_model model;
    const cJSON *root;

    (void)test;
    if (!text) {
        print_message("no recordings at " REPOSITORY FIXTURES ": skipped\n");
        skip();
    }
    assert_int_equal(json_parse(text, strlen(text), &limits, &json, NULL), 0);
    root = json_get(json, "result") ? json_get(json, "result") : json;
    duet_model_init(&model);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        CLEANUP(free_p) char *part = json_print(json_get(root, parts[i].path));
        CLEANUP(free_p)
        char *answer = xasprintf("{\"key\":\"%s\",\"result\":%s}", parts[i].key, part);

        read_well(&model, parts[i].query, answer);
    }
    assert_int_equal(model.view.layers, 296);
    assert_int_equal(model.view.layer, -1);
    assert_int_equal(model.view.job_size_bytes, 4821779);
    assert_true(model.view.homed[0] && model.view.max_mm[0] == 850);
    assert_true(model.view.in_macro);
    assert_int_equal(model.view.heater_count, 2);
    assert_string_equal(model.view.firmware, "RepRapFirmware 3.6.0-beta.3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_state),
        cmocka_unit_test(a_dry_run_stays_one_while_it_is_paused),
        cmocka_unit_test(a_job_is_read),
        cmocka_unit_test(no_layer_is_null_absent_or_zero),
        cmocka_unit_test(a_younger_job_forgets_the_file),
        cmocka_unit_test(a_null_job_alone_ends_nothing),
        cmocka_unit_test(nonsense_changes_nothing),
        cmocka_unit_test(deep_and_huge_answers_are_refused),
        cmocka_unit_test(a_long_name_is_cut_between_characters),
        cmocka_unit_test(boxes_and_acknowledgements_wait_for_a_person),
        cmocka_unit_test(heaters_have_names),
        cmocka_unit_test(a_restart_is_seen_by_the_up_time),
        cmocka_unit_test(sessions_of_all_firmwares_are_understood),
        cmocka_unit_test(refusals_to_connect_have_their_codes),
        cmocka_unit_test(a_full_buffer_means_nothing_was_taken),
        cmocka_unit_test(only_its_own_token_ends_a_command),
        cmocka_unit_test(old_words_are_not_the_answer_to_a_pause),
        cmocka_unit_test(a_later_token_proves_the_earlier_command),
        cmocka_unit_test(a_command_is_overdue_in_the_end),
        cmocka_unit_test(endless_replies_of_others_do_no_harm),
        cmocka_unit_test(the_words_of_a_pause_are_judged),
        cmocka_unit_test(the_head_goes_only_where_the_axes_reach),
        cmocka_unit_test(damaged_answers_never_hurt),
        cmocka_unit_test(recorded_answers_are_understood),
        cmocka_unit_test(parts_of_a_recorded_model_are_understood),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
