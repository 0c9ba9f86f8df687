/* SPDX-License-Identifier: MIT */
/* What is known about a frame besides its bytes, through the real agent: a camera whose pictures
 * the test makes. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "capture/jpeg.h"
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

/* --- upright --- */

/* The brightness of a place of the frame that was stored, in tenths of width and height. */
static int stored_grey(const cJSON *frame, int x_tenths, int y_tenths)
{
    CLEANUP(free_p) char *jpeg = NULL;
    CLEANUP(picture_pixels_done) struct picture_pixels pixels = {0};
    bool damaged = true;
    size_t len, at;

    assert_int_equal(path_read_file(json_get_string(frame, "file"), 1 << 20, &jpeg, &len, NULL), 0);
    assert_int_equal(jpeg_decode((const uint8_t *)jpeg, len, 2000, &pixels, &damaged, NULL), 0);
    assert_false(damaged);
    at = (size_t)(pixels.height * y_tenths / 10 * pixels.width + pixels.width * x_tenths / 10);
    return pixels.rgb[3 * at];
}

/* Bright in the upper left quarter, as the camera gives it. */
static void show_corner(struct rig *rig, int width, int height)
{
    size_t luma = (size_t)width * (size_t)height, len;
    CLEANUP(free_p) uint8_t *planes = xmalloc(luma * 3 / 2);
    CLEANUP(free_p) uint8_t *jpeg = NULL;

    memset(planes, 128, luma * 3 / 2);
    for (int y = 0; y < height; y++)
        memset(planes + y * width, 40, (size_t)width);
    for (int y = 0; y < height / 2; y++)
        memset(planes + y * width, 220, (size_t)width / 2);
    assert_int_equal(jpeg_compress_yuv420(planes, width, height, 90, &jpeg, &len, NULL), 0);
    show(rig, jpeg, len);
}

static void test_a_turned_camera_gives_turned_frames_and_thumbnails(void **state)
{
    struct rig *rig = begin(state, CAMERA "rotation = 90; width = 320; height = 240;" UNIT);
    const cJSON *frame;

    show_corner(rig, 320, 240);
    frame = take(rig);
    assert_int_equal((int)event_number(frame, "width"), 240);
    assert_int_equal((int)event_number(frame, "height"), 320);
    assert_in_range(stored_grey(frame, 8, 2), 210, 230); /* upper right now */
    assert_in_range(stored_grey(frame, 2, 2), 30, 50);
    assert_in_range(stored_grey(frame, 8, 8), 30, 50);
    RIG_WAIT(rig, json_number(rig_look(rig, "image/test/last/meta", "frame")) > 0);
    assert_int_equal((int)json_number(rig_look(rig, "image/test/last/meta", "width")), 240);
    RIG_WAIT(rig, json_number(rig_look(rig, "camera/test/status", "size.height")) == 320);
    rig_pass(rig);
}

/* K4: kept, flagged; the video has the size of the first and says how many it had to fit in. */
static void test_a_size_that_changes_is_kept_and_flagged_and_told_with_the_video(void **state)
{
    struct rig *rig = begin(state, CAMERA UNIT);
    const cJSON *ready;

    assert_int_equal(flag_count(take_grey(rig, 320, 240, 100)), 0);
    assert_true(is_flagged(take_grey(rig, 240, 320, 101), "resized"));
    assert_int_equal(flag_count(take_grey(rig, 240, 320, 102)), 0);
    assert_true(is_flagged(take_grey(rig, 320, 240, 103), "resized"));
    assert_non_null(rig_command(rig, "unit/garden/cmd/finish", NULL));
    events_await(rig, "video_ready", 1, EVENT_DEADLINE_MS);
    ready = rig_event(rig, "video_ready", 0);
    assert_int_equal((int)event_number(ready, "frames"), 4);
    assert_int_equal((int)event_number(ready, "dropped_frames"), 0);
    assert_int_equal((int)event_number(ready, "resized_frames"), 2);
    assert_int_equal((int)event_number(ready, "width"), 320);
    assert_int_equal((int)event_number(ready, "height"), 240);
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_brightness_is_told_in_event_status_meta_and_answer),
        TEST(test_black_and_overexposed_pictures_are_kept_and_flagged),
        TEST(test_a_frozen_camera_is_flagged_and_then_refused),
        TEST(test_a_turned_camera_gives_turned_frames_and_thumbnails),
        TEST(test_a_size_that_changes_is_kept_and_flagged_and_told_with_the_video),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
