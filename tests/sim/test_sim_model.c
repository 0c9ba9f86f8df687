/* SPDX-License-Identifier: MIT */
/* test_sim_model: rr_model's key and flags, and the fields beside recorded ones of a real board
 * (when those lie next to the repository). */
#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/sim/object_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static void on_machine(const struct machine_event *event, void *user)
{
    (void)event;
    (void)user;
}

static void on_printer(const struct printer_event *event, void *user)
{
    (void)event;
    (void)user;
}

static int setup(void **state)
{
    static const struct machine_job job = {
        .name = "0:/gcodes/benchy.gcode", .layers = 10, .layer_us = 1000000};
    const struct printer_config config = {.machine = {.firmware = 36, .heat_us = 500000},
                                          .wall_at_start_ms = INT64_C(1767225600000),
                                          .on_machine = on_machine,
                                          .on_event = on_printer};
    struct printer *printer = xcalloc(1, sizeof(*printer));

    printer_init(printer, &config);
    if (machine_start_job(&printer->machine, &job) < 0)
        return -1;
    *state = printer;
    return 0;
}

static int teardown(void **state)
{
    printer_done(*state);
    free(*state);
    return 0;
}

static cJSON *ask(const struct printer *printer, const char *key, const char *flags)
{
    static const struct json_limits limits = {.max_bytes = 65536, .max_depth = 16};
    CLEANUP(free_p) char *text = object_model_query(printer, key, flags);
    cJSON *answer;

    assert_true(str_ends_with(text, "\n"));
    assert_int_equal(json_parse(text, strlen(text) - 1, &limits, &answer, NULL), 0);
    return answer;
}

static void null_fields_are_absent_unless_asked_for(void **state)
{
    CLEANUP(json_free_p) cJSON *without = ask(*state, "job", "f");
    CLEANUP(json_free_p) cJSON *with = ask(*state, "job", "fn");

    assert_null(json_get(without, "result.layer"));
    assert_true(json_is_null(json_get(with, "result.layer")));
}

static void the_flag_f_leaves_live_fields_only(void **state)
{
    CLEANUP(json_free_p) cJSON *live = ask(*state, "state", "fn");
    CLEANUP(json_free_p) cJSON *all = ask(*state, "state", "n");

    assert_non_null(json_get(live, "result.status"));
    assert_null(json_get(live, "result.messageBox"));
    assert_true(json_is_null(json_get(all, "result.messageBox")));
}

static void deep_keys_lead_to_single_values_and_arrays_of_them(void **state)
{
    struct printer *printer = *state;

    printer_advance(printer, 600000);
    {
        CLEANUP(json_free_p) cJSON *layer = ask(printer, "job.layer", "");
        CLEANUP(json_free_p) cJSON *letter = ask(printer, "move.axes[1].letter", "");
        CLEANUP(json_free_p) cJSON *axes = ask(printer, "move.axes[].machinePosition", "");
        CLEANUP(json_free_p) cJSON *count = ask(printer, "#tools", "");

        assert_true(json_number(json_get(layer, "result")) == 1);
        assert_string_equal(json_get_string(letter, "result"), "Y");
        assert_int_equal(json_size(json_get(axes, "result")), 3);
        assert_true(json_number(json_get(count, "result")) == 1);
    }
}

static void a_wrong_key_yields_null(void **state)
{
    CLEANUP(json_free_p) cJSON *answer = ask(*state, "job.nothing", "");

    assert_true(json_is_null(json_get(answer, "result")));
    assert_string_equal(json_get_string(answer, "key"), "job.nothing");
}

static void without_a_key_everything_is_one_level_deep(void **state)
{
    CLEANUP(json_free_p) cJSON *answer = ask(*state, "", "");
    CLEANUP(json_free_p) cJSON *deep = ask(*state, "", "d99fn");

    assert_true(json_is_object(json_get(answer, "result.job")));
    assert_int_equal(json_size(json_get(answer, "result.job")), 0);
    assert_non_null(json_get(deep, "result.seqs.reply"));
    assert_non_null(json_get(deep, "result.state.upTime"));
}

static void long_arrays_come_in_pages(void **state)
{
    size_t elements = 0;
    int64_t next = 0;
    int pages = 0;

    do {
        CLEANUP(free_p) char *flags = xasprintf("d99vnoa%lld", (long long)next);
        CLEANUP(json_free_p) cJSON *page = ask(*state, "inputs", flags);

        elements += json_size(json_get(page, "result"));
        assert_true(json_get_int(page, "next", &next));
        pages++;
    } while (next > 0 && pages < 10);
    assert_int_equal(elements, 14);
    assert_true(pages > 1);
}

/* --- beside the real board --- */

/* NULL: the recording is not on this machine. */
static cJSON *load(const char *name)
{
    static const struct json_limits limits = {.max_bytes = 65536, .max_depth = 16};
    CLEANUP(free_p) char *path = path_join(SOURCE_DIR "/../shared/fixtures/rrf", name);
    CLEANUP(free_p) char *text = NULL;
    size_t len;
    cJSON *json;

    if (path_read_file(path, limits.max_bytes, &text, &len, NULL) < 0) {
        print_message("not there, so not compared: %s\n", path);
        return NULL;
    }
    assert_int_equal(json_parse(text, len, &limits, &json, NULL), 0);
    return json;
}

static bool same_kind(const cJSON *a, const cJSON *b)
{
    if (json_is_null(a) || json_is_null(b))
        return true;
    return json_is_object(a) == json_is_object(b) && json_is_array(a) == json_is_array(b) &&
           json_is_number(a) == json_is_number(b) && json_is_string(a) == json_is_string(b);
}

/* Whatever we show the board shows, too, in the same place and of the same kind. */
static int count_strange(const cJSON *ours, const cJSON *real, const char *path)
{
    int strange = 0;

    for (const cJSON *member = json_first(ours); member; member = json_next(member)) {
        CLEANUP(free_p) char *here = xasprintf("%s.%s", path, json_key(member));
        const cJSON *theirs = json_get(real, json_key(member));

        if (!theirs || !same_kind(member, theirs)) {
            print_message("not so on the board: %s\n", here);
            strange++;
        } else if (json_is_object(member) && json_is_object(theirs)) {
            strange += count_strange(member, theirs, here);
        } else if (json_is_array(member) && json_is_object(json_first(member))) {
            strange += count_strange(json_first(member), json_first(theirs), here);
        }
    }
    return strange;
}

static void live_fields_are_those_of_a_real_board(void **state)
{
    struct printer *printer = *state;
    CLEANUP(json_free_p) cJSON *real = load("duet2wifi_3.6.0-beta.3_processing_warmup_live.json");

    if (!real)
        skip();
    printer_advance(printer, 100000);
    {
        CLEANUP(json_free_p) cJSON *ours = ask(printer, "", "d99fn");

        assert_int_equal(count_strange(json_get(ours, "result"), real, ""), 0);
        assert_int_equal(json_size(json_get(ours, "result.job")), json_size(json_get(real, "job")));
        assert_int_equal(json_size(json_get(ours, "result.state")),
                         json_size(json_get(real, "state")));
        assert_int_equal(json_size(json_get(ours, "result.seqs")),
                         json_size(json_get(real, "seqs")));
    }
}

static void all_fields_are_known_to_a_real_board(void **state)
{
    /* boards is left out: the recording has only the live part of its temperatures. */
    static const char *const keys[] = {"directories", "fans",   "heat",   "inputs",
                                       "job",         "limits", "move",   "network",
                                       "state",       "tools",  "volumes"};
    CLEANUP(json_free_p)
    cJSON *real = load("duet2wifi_3.6.0-beta.3_processing_warmup_full_merged.json");
    int strange = 0;

    if (!real)
        skip();
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        CLEANUP(json_free_p) cJSON *ours = ask(*state, keys[i], "d99vno");
        const cJSON *result = json_get(ours, "result"), *theirs = json_get(real, keys[i]);

        assert_non_null(theirs);
        if (json_is_array(result))
            strange += count_strange(json_first(result), json_first(theirs), keys[i]);
        else
            strange += count_strange(result, theirs, keys[i]);
    }
    assert_int_equal(strange, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(null_fields_are_absent_unless_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(the_flag_f_leaves_live_fields_only, setup, teardown),
        cmocka_unit_test_setup_teardown(deep_keys_lead_to_single_values_and_arrays_of_them, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_wrong_key_yields_null, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_key_everything_is_one_level_deep, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(long_arrays_come_in_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(live_fields_are_those_of_a_real_board, setup, teardown),
        cmocka_unit_test_setup_teardown(all_fields_are_known_to_a_real_board, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
