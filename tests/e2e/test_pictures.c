/* SPDX-License-Identifier: MIT */
/* What is known about a frame besides its bytes, through the real agent: a camera whose pictures
 * the test makes. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/capture/pictures.h"
#include "tests/e2e/frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_DEADLINE_MS = 20000 };

#define CAMERA                                                                                     \
    "cameras = ( { id = \"test\"; kind = \"command\"; timeout_ms = 20000;\n"                       \
    "command = [ \"cat\", \"%dir/now.jpg\" ]; "
#define UNIT                                                                                       \
    " } );\nunits = ( { id = \"garden\"; cameras = [ \"test\" ]; trigger = \"command\";\n"         \
    "last_frame = false; fps = 10.0; min_frames = 1; } );\n"

static void show(struct rig *rig, const uint8_t *jpeg, size_t len)
{
    assert_int_equal(path_write_durable(rig_dir(rig), "now.jpg", jpeg, len, NULL), 0);
}

static void show_grey(struct rig *rig, int width, int height, int grey)
{
    size_t len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make_grey(width, height, grey, &len);

    show(rig, jpeg, len);
}

static struct rig *begin(void **state, const char *conf)
{
    struct rig *rig =
        rig_new(&(struct rig_options){.conf = conf, .no_agent = true, .no_sim = true});

    *state = rig;
    show_grey(rig, 320, 240, 100);
    rig_agent_start(rig);
    RIG_WAIT(rig, rig_says(rig, "unit/garden/state", "capturing"));
    return rig;
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

/* Takes a frame; its event. */
static const cJSON *take(struct rig *rig)
{
    size_t before = rig_event_count(rig, "frame");

    assert_non_null(rig_command(rig, "unit/garden/cmd/snapshot", NULL));
    events_await(rig, "frame", before + 1, EVENT_DEADLINE_MS);
    return rig_event(rig, "frame", before);
}

static const cJSON *take_grey(struct rig *rig, int width, int height, int grey)
{
    show_grey(rig, width, height, grey);
    return take(rig);
}

static bool is_flagged(const cJSON *json, const char *word)
{
    for (const cJSON *flag = json_first(json_get(json, "flags")); flag; flag = json_next(flag))
        if (str_equal(json_string(flag), word))
            return true;
    return false;
}

static size_t flag_count(const cJSON *json)
{
    return json_size(json_get(json, "flags"));
}

/* --- how it looks --- */

static void test_brightness_is_told_in_event_status_meta_and_answer(void **state)
{
    struct rig *rig = begin(state, CAMERA UNIT);
    const cJSON *answer, *frame = take_grey(rig, 320, 240, 90);

    assert_in_range((int)event_number(frame, "brightness"), 88, 92);
    assert_int_equal(flag_count(frame), 0);
    RIG_WAIT(rig, json_number(rig_look(rig, "camera/test/status", "brightness")) > 0);
    assert_in_range((int)json_number(rig_look(rig, "camera/test/status", "brightness")), 88, 92);
    RIG_WAIT(rig, json_number(rig_look(rig, "image/test/last/meta", "frame")) > 0);
    assert_in_range((int)json_number(rig_look(rig, "image/test/last/meta", "brightness")), 88, 92);
    show_grey(rig, 320, 240, 180);
    answer = rig_command(rig, "camera/test/cmd/snapshot", NULL);
    assert_non_null(answer);
    assert_in_range((int)json_number(json_get(answer, "result.brightness")), 178, 182);
    rig_pass(rig);
}

/* K6: flagged, counted, kept. */
static void test_black_and_overexposed_pictures_are_kept_and_flagged(void **state)
{
    struct rig *rig = begin(state, CAMERA UNIT);
    const cJSON *frame = take_grey(rig, 320, 240, 2);

    assert_true(is_flagged(frame, "black"));
    assert_int_equal(flag_count(frame), 1);
    frame = take_grey(rig, 320, 240, 255);
    assert_true(is_flagged(frame, "overexposed"));
    assert_int_equal(flag_count(frame), 1);
    frame = take_grey(rig, 320, 240, 120);
    assert_int_equal(flag_count(frame), 0);
    assert_int_equal((int)event_number(frame, "frame"), 3);
    RIG_WAIT(rig, json_number(rig_look(rig, "camera/test/status", "flagged.black")) > 0 &&
                      json_number(rig_look(rig, "camera/test/status", "flagged.overexposed")) > 0);
    assert_int_equal(rig_event_count(rig, "frame_missed"), 0);
    rig_pass(rig);
}

/* K5: the same bytes are flagged at once; they count no more when stale_after says so. */
static void test_a_frozen_camera_is_flagged_and_then_refused(void **state)
{
    struct rig *rig = begin(state, CAMERA "stale_after = 3;" UNIT);

    assert_int_equal(flag_count(take_grey(rig, 320, 240, 90)), 0);
    assert_true(is_flagged(take(rig), "frozen"));
    assert_non_null(rig_command(rig, "unit/garden/cmd/snapshot", NULL));
    events_await(rig, "frame_missed", 1, EVENT_DEADLINE_MS);
    assert_non_null(strstr(json_get_string(rig_event(rig, "frame_missed", 0), "error"), "frozen"));
    RIG_WAIT(rig, json_number(rig_look(rig, "camera/test/status", "flagged.frozen")) > 1);
    assert_true(json_is_object(rig_look(rig, "camera/test/status", "error")));
    assert_int_equal(flag_count(take_grey(rig, 320, 240, 91)), 0);
    RIG_WAIT(rig, json_is_null(rig_look(rig, "camera/test/status", "error")));
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_brightness_is_told_in_event_status_meta_and_answer),
        TEST(test_black_and_overexposed_pictures_are_kept_and_flagged),
        TEST(test_a_frozen_camera_is_flagged_and_then_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
