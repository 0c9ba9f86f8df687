/* SPDX-License-Identifier: MIT */
/* What is known about a frame besides its bytes, through the real agent: a camera whose pictures
 * the test makes. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "capture/jpeg.h"
#include "tests/capture/pictures.h"
#include "tests/capture/private_exif.h"
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
#define UNIT UNIT_THAT("")
#define UNIT_THAT(settings)                                                                        \
    " } );\nunits = ( { id = \"garden\"; cameras = [ \"test\" ]; trigger = \"command\";\n"         \
    "last_frame = false; fps = 10.0; min_frames = 1; " settings " } );\n"

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

static void show_noise(struct rig *rig)
{
    size_t len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(320, 240, 5, &len);

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
    events_await(rig, "session_finished", 1, EVENT_DEADLINE_MS);
    assert_non_null(rig_command(rig, "unit/garden/cmd/rebuild", NULL)); /* from the disk */
    RIG_WAIT(rig, json_number(rig_look(rig, "event", "videos[0].resized_frames")) == 2);
    assert_int_equal((int)json_number(rig_look(rig, "event", "videos[0].frames")), 4);
    rig_pass(rig);
}

/* --- what is written beside the pixels --- */

static void write_private(struct rig *rig)
{
    size_t plain_len, len;
    CLEANUP(free_p) uint8_t *plain = picture_make(320, 240, 5, &plain_len);
    CLEANUP(free_p)
    uint8_t *jpeg =
        picture_with_segment(plain, plain_len, 0xE1, private_exif, sizeof(private_exif), &len);

    show(rig, jpeg, len);
}

/* What exiftool reads in a file. */
static cJSON *exif_of(struct rig *rig, const char *path)
{
    const char *const argv[] = {"exiftool", "-json", "-struct", path, NULL};
    struct rig_output output = rig_run(rig, argv);
    static const struct json_limits limits = {.max_bytes = 64 * 1024, .max_depth = 8};
    cJSON *json = NULL, *first;

    if (output.exit_code != 0)
        fail_msg("exiftool (package libimage-exiftool-perl): %s", output.err);
    assert_int_equal(json_parse(output.out, strlen(output.out), &limits, &json, NULL), 0);
    rig_output_done(&output);
    first = json_copy(json_first(json));
    json_free(json);
    return first;
}

static void assert_says(const cJSON *exif, const char *tag, const char *text)
{
    const char *said = json_get_string(exif, tag);

    if (!said)
        fail_msg("exiftool finds no %s", tag);
    assert_string_equal(said, text);
}

static void check_comment(const cJSON *exif, const cJSON *frame)
{
    static const struct json_limits limits = {.max_bytes = 4096, .max_depth = 4};
    const char *text = json_get_string(exif, "UserComment");
    CLEANUP(json_free_p) cJSON *comment = NULL;

    assert_non_null(text);
    assert_int_equal(json_parse(text, strlen(text), &limits, &comment, NULL), 0);
    assert_string_equal(json_get_string(comment, "agent"), "pi01");
    assert_string_equal(json_get_string(comment, "unit"), "garden");
    assert_string_equal(json_get_string(comment, "camera"), "test");
    assert_string_equal(json_get_string(comment, "trigger"), "command");
    assert_string_equal(json_get_string(comment, "session"), json_get_string(frame, "session"));
    assert_true(json_number(json_get(comment, "frame")) == event_number(frame, "frame"));
}

/* The moment of the event in the form of Exif, to the second; the agent's time zone is ours. */
static void check_time(const cJSON *exif, const cJSON *frame)
{
    char text[CLOCK_EXIF_LEN], offset[CLOCK_OFFSET_LEN];
    const cJSON *thousandth;
    int64_t at, ms = -1;

    assert_int_equal(clock_parse_rfc3339(json_get_string(frame, "captured_at"), &at), 0);
    clock_format_exif(at, text, offset);
    assert_says(exif, "OffsetTimeOriginal", offset);
    assert_says(exif, "DateTimeOriginal", text);
    thousandth = json_get(exif, "SubSecTimeOriginal"); /* exiftool: 285, but "031" */
    if (json_is_string(thousandth))
        assert_int_equal(str_to_int(json_string(thousandth), &ms), 0);
    else
        ms = (int64_t)json_number(thousandth);
    assert_int_equal(ms, at % 1000);
}

static bool holds_private(const char *data, size_t len)
{
    for (size_t i = 0; i < ARRAY_LEN(private_texts); i++)
        if (memmem(data, len, private_texts[i], strlen(private_texts[i])))
            return true;
    return false;
}

static int digit_of(char hex)
{
    return hex <= '9' ? hex - '0' : hex - 'a' + 10;
}

/* The retained picture, which the tap does not hear. */
static void assert_image_is_not_private(struct rig *rig)
{
    CLEANUP(free_p) char *port = xasprintf("%d", rig_mqtt_port(rig));
    const char *const argv[] = {"mosquitto_sub",
                                "-h",
                                "127.0.0.1",
                                "-p",
                                port,
                                "-C",
                                "1",
                                "-F",
                                "%x",
                                "-t",
                                "timelapse/v1/pi01/image/test/last",
                                NULL};
    struct rig_output output = rig_run(rig, argv);
    size_t len = strlen(output.out) / 2;
    CLEANUP(free_p) char *data = xmalloc(len + 1);

    assert_int_equal(output.exit_code, 0);
    for (size_t i = 0; i < len; i++)
        data[i] = (char)(digit_of(output.out[2 * i]) << 4 | digit_of(output.out[2 * i + 1]));
    assert_true(len > 1000 && memcmp(data, "\xFF\xD8", 2) == 0);
    assert_false(holds_private(data, len));
    assert_null(memmem(data, len, "Exif", 4));
    rig_output_done(&output);
}

static bool file_is_private(const cJSON *frame)
{
    CLEANUP(free_p) char *data = NULL;
    size_t len;

    assert_int_equal(path_read_file(json_get_string(frame, "file"), 1 << 20, &data, &len, NULL), 0);
    assert_int_equal((int64_t)event_number(frame, "bytes"), (int64_t)len);
    return holds_private(data, len);
}

static void test_a_frame_says_by_exif_what_it_is_and_nothing_private(void **state)
{
    struct rig *rig = begin(state, CAMERA UNIT);
    CLEANUP(json_free_p) cJSON *exif = NULL;
    const cJSON *frame;

    write_private(rig);
    frame = take(rig);
    assert_false(file_is_private(frame));
    exif = exif_of(rig, json_get_string(frame, "file"));
    assert_says(exif, "Make", "ACME");
    assert_says(exif, "Model", "Eye 9");
    assert_says(exif, "ExposureTime", "1/60");
    assert_int_equal((int)json_number(json_get(exif, "ISO")), 400);
    assert_says(exif, "Orientation", "Horizontal (normal)");
    assert_says(exif, "ImageDescription", "garden, test, frame 1");
    assert_says(exif, "Software", "lapsed " LAPSED_VERSION);
    assert_null(json_get(exif, "Warning"));
    assert_int_equal((int)json_number(json_get(exif, "ImageHeight")), 320); /* it lay */
    check_comment(exif, frame);
    check_time(exif, frame);
    RIG_WAIT(rig, json_number(rig_look(rig, "image/test/last/meta", "frame")) == 1);
    assert_image_is_not_private(rig);
    rig_pass(rig);
}

static void test_what_the_camera_wrote_is_kept_when_that_is_wanted(void **state)
{
    struct rig *rig = begin(state, CAMERA UNIT_THAT("keep_exif = true; "));
    CLEANUP(json_free_p) cJSON *exif = NULL;
    const cJSON *frame;

    write_private(rig);
    frame = take(rig);
    assert_true(file_is_private(frame));
    exif = exif_of(rig, json_get_string(frame, "file"));
    assert_says(exif, "SerialNumber", "SN-112233");
    assert_says(exif, "Orientation", "Horizontal (normal)"); /* it was turned */
    RIG_WAIT(rig, json_number(rig_look(rig, "image/test/last/meta", "frame")) == 1);
    assert_image_is_not_private(rig);
    rig_pass(rig);
}

/* A telephone on its side: frame, thumbnail and video agree. */
static void test_frame_thumbnail_and_video_of_a_camera_on_its_side_are_upright(void **state)
{
    struct rig *rig = begin(state, CAMERA UNIT_THAT("keep_exif = true; "));
    const cJSON *ready;

    write_private(rig);
    for (int i = 0; i < 3; i++)
        assert_int_equal((int)event_number(take(rig), "height"), 320);
    RIG_WAIT(rig, json_number(rig_look(rig, "image/test/last/meta", "height")) == 320);
    assert_non_null(rig_command(rig, "unit/garden/cmd/finish", NULL));
    events_await(rig, "video_ready", 1, EVENT_DEADLINE_MS);
    ready = rig_event(rig, "video_ready", 0);
    assert_int_equal((int)event_number(ready, "width"), 240);
    assert_int_equal((int)event_number(ready, "height"), 320);
    assert_int_equal((int)event_number(ready, "frames"), 3);
    assert_int_equal((int)event_number(ready, "resized_frames"), 0);
    rig_pass(rig);
}

/* --- on MQTT --- */

/* Puts one text in the place of another in the agent's configuration, and has it read again. */
static void reload_with(struct rig *rig, const char *before, const char *after)
{
    CLEANUP(free_p) char *path = xasprintf("%s/lapsed.conf", rig_dir(rig));
    CLEANUP(free_p) char *text = NULL;
    CLEANUP(free_p) char *changed = NULL;
    const char *at;
    size_t len;

    assert_int_equal(path_read_file(path, 1 << 20, &text, &len, NULL), 0);
    at = strstr(text, before);
    assert_non_null(at);
    changed = xasprintf("%.*s%s%s", (int)(at - text), text, after, at + strlen(before));
    assert_int_equal(
        path_write_durable(rig_dir(rig), "lapsed.conf", changed, strlen(changed), NULL), 0);
    assert_non_null(rig_command(rig, "cmd/reload", NULL));
}

static void test_the_picture_on_mqtt_has_the_size_wanted_or_is_not_there(void **state)
{
    struct rig *rig = begin(state, CAMERA "image_px = 100;" UNIT);
    const struct rig_message *meta;

    take_grey(rig, 320, 240, 90);
    RIG_WAIT(rig, json_number(rig_look(rig, "image/test/last/meta", "frame")) == 1);
    assert_int_equal((int)json_number(rig_look(rig, "image/test/last/meta", "width")), 80);
    reload_with(rig, "image_px = 100", "image_px = 0");
    assert_in_range((int)event_number(take_grey(rig, 320, 240, 91), "brightness"), 89, 93);
    RIG_WAIT(rig, (meta = rig_last(rig, "image/test/last/meta")) && meta->len == 0);
    reload_with(rig, "image_px = 0", "image_px = 400; image_max_bytes = 2000");
    show_noise(rig);
    take(rig);
    RIG_WAIT(rig, json_number(rig_look(rig, "image/test/last/meta", "frame")) == 3);
    assert_in_range((int)json_number(rig_look(rig, "image/test/last/meta", "bytes")), 500, 2000);
    rig_pass(rig);
}

static void test_pictures_on_mqtt_do_not_come_more_often_than_wanted(void **state)
{
    struct rig *rig = begin(state, CAMERA "image_gap_s = 86400.0;" UNIT);

    take_grey(rig, 320, 240, 90);
    RIG_WAIT(rig, json_number(rig_look(rig, "image/test/last/meta", "frame")) == 1);
    for (int i = 0; i < 5; i++)
        take_grey(rig, 320, 240, 100 + i);
    /* what the agent says now it says after the pictures */
    RIG_WAIT(rig, json_number(rig_look(rig, "camera/test/status", "pictures")) >= 6);
    assert_int_equal((int)json_number(rig_look(rig, "image/test/last/meta", "frame")), 1);
    rig_pass(rig);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_brightness_is_told_in_event_status_meta_and_answer),
        TEST(test_black_and_overexposed_pictures_are_kept_and_flagged),
        TEST(test_a_frozen_camera_is_flagged_and_then_refused),
        TEST(test_a_frame_says_by_exif_what_it_is_and_nothing_private),
        TEST(test_what_the_camera_wrote_is_kept_when_that_is_wanted),
        TEST(test_frame_thumbnail_and_video_of_a_camera_on_its_side_are_upright),
        TEST(test_a_turned_camera_gives_turned_frames_and_thumbnails),
        TEST(test_a_size_that_changes_is_kept_and_flagged_and_told_with_the_video),
        TEST(test_the_picture_on_mqtt_has_the_size_wanted_or_is_not_there),
        TEST(test_pictures_on_mqtt_do_not_come_more_often_than_wanted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
