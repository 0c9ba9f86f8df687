/* SPDX-License-Identifier: MIT */
/* What 'lapsectl convert' writes is a configuration that lapsed accepts, and says the same. */
#include "agent/convert/convert.h"

#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "agent/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void (*convert_fn)(const char *text, struct conversion *ret);

/* Loads what was made; fails the test when lapsed would refuse it. */
static struct config *load(const struct conversion *made)
{
    char dir[] = "/tmp/lapsed-convert-XXXXXX";
    CLEANUP(free_p) char *file = NULL;
    struct config *config;
    struct error err = {0};

    if (!made->config) {
        CLEANUP(free_p) char *problems = problems_join(&made->problems);
        fail_msg("%s", problems);
    }
    assert_non_null(mkdtemp(dir));
    file = path_join(dir, "lapsed.conf");
    assert_int_equal(
        path_write_durable(dir, "lapsed.conf", made->config, strlen(made->config), &err), 0);
    config = config_load(file, stderr);
    assert_int_equal(path_remove_tree(dir, &err), 0);
    if (!config)
        fail_msg("%s", made->config);
    return config;
}

static bool notes(const struct conversion *made, const char *start)
{
    for (size_t i = 0; i < made->notes.count; i++)
        if (str_starts_with(made->notes.items[i], start))
            return true;
    return false;
}

static bool refuses(const struct conversion *made, const char *start)
{
    for (size_t i = 0; i < made->problems.count; i++)
        if (str_starts_with(made->problems.items[i], start))
            return !made->config;
    return false;
}

/* --- DuetLapse3 --- */

static const char cam[] = "-camera1 stream -weburl1 http://cam/stream";

static const char *const good_options[] = {
    "",
    "-seconds 20",
    "-seconds 20 -detect none",
    "-detect none",
    "-detect pause -movehead 5 5 -rest 2",
    "-pause yes -movehead 10 200 -rest 0 -numlayers 3",
    "-restart -standby -dontwait",
    "-novideo",
    "-deletepics",
    "-keepfiles -deletepics",
    "-fps 25 -extratime 5 -minvideo 5 -maxvideo 60",
    "-camera2 web -weburl2 http://user:word@two/x.jpg",
    "-camera2 usb -password secret",
    "-execkey x -vidparam1 'a \"b\" \\c' -poll 5 -instances many -# 'a comment'",
};

static void every_duetlapse_line_gives_a_configuration_that_loads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good_options); i++) {
        CLEANUP(free_p) char *line = xasprintf("-duet 10.0.0.5 %s %s", cam, good_options[i]);
        CLEANUP(conversion_done) struct conversion made;
        struct config *config;

        convert_duetlapse(line, &made);
        config = load(&made);
        assert_int_equal(config->unit_count, 1);
        assert_string_equal(config->printers[0].url, "http://10.0.0.5");
        assert_string_equal(config->units[0].printer, config->printers[0].id);
        assert_string_equal(config->cameras[0].url, "http://cam/stream");
        config_free(config);
    }
}

static void duetlapse_settings_arrive(void **state)
{
    CLEANUP(conversion_done) struct conversion made;
    struct config *config;
    const struct unit_settings *unit;

    (void)state;
    convert_duetlapse("-duet printer.lan:81 -seconds 30 -pause yes -movehead 10 200 -fps 12 "
                      "-camera1 web -weburl1 http://a/1.jpg -camera2 stream -weburl2 http://b/2",
                      &made);
    config = load(&made);
    unit = &config->units[0];
    assert_string_equal(unit->id, "printer-lan-81");
    assert_int_equal(unit->trigger, UNIT_TRIGGER_LAYER | UNIT_TRIGGER_INTERVAL);
    assert_true(unit->interval_s > 29.9 && unit->pause && unit->park && !unit->restart);
    assert_true(unit->park_y_mm > 199 && unit->video.fps > 11.9 && unit->video.fps < 12.1);
    assert_int_equal(unit->cameras.count, 2);
    assert_string_equal(camera_kinds[config->cameras[0].kind], "http");
    assert_string_equal(camera_kinds[config->cameras[1].kind], "mjpeg");
    config_free(config);
}

static void hls_stream_of_duetlapse_is_read_by_ffmpeg_here(void **state)
{
    CLEANUP(conversion_done) struct conversion made;
    struct config *config;

    (void)state;
    convert_duetlapse("-duet x -camera1 stream -weburl1 http://cam/live.m3u8", &made);
    config = load(&made);
    assert_string_equal(camera_kinds[config->cameras[0].kind], "stream");
    assert_string_equal(config->cameras[0].url, "http://cam/live.m3u8");
    config_free(config);
}

static void two_usb_cameras_of_duetlapse_are_two_devices(void **state)
{
    CLEANUP(conversion_done) struct conversion made;
    struct config *config;

    (void)state;
    convert_duetlapse("-duet x -camera1 usb -camera2 usb", &made);
    config = load(&made);
    assert_int_equal(config->camera_count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(camera_kinds[config->cameras[i].kind], "v4l2");
    assert_string_equal(config->cameras[0].device, "/dev/video0");
    assert_string_equal(config->cameras[1].device, "/dev/video2");
    assert_int_equal(config->units[0].cameras.count, 2);
    assert_true(notes(&made, "-camera2 usb: "));
    config_free(config);
}

static void gphoto2_of_duetlapse_is_a_dslr_here(void **state)
{
    CLEANUP(conversion_done) struct conversion made;
    struct config *config;
    const struct camera_settings *camera;

    (void)state;
    convert_duetlapse("-duet x -camera1 other -camparam1=\"'/usr/bin/gphoto2 --set-config iso=200 "
                      "--set-config artist=me --capture-image-and-download --filename '+fn\"",
                      &made);
    config = load(&made);
    camera = &config->cameras[0];
    assert_string_equal(camera_kinds[camera->kind], "gphoto2");
    assert_int_equal(camera->command.count, 0);
    assert_int_equal(camera->config.count, 1);
    assert_string_equal(camera->config.items[0], "iso=200");
    assert_true(notes(&made, "camera1: --set-config: 'artist'"));
    config_free(config);
}

static void fswebcam_of_duetlapse_is_not_needed_here(void **state)
{
    CLEANUP(conversion_done) struct conversion made;
    struct config *config;

    (void)state;
    convert_duetlapse("-duet x -camera1 other -camparam1=\"'fswebcam -q --no-banner -r 1280x720 "
                      "-d /dev/video4 --fps 10 '+fn\" "
                      "-camera2 other -camparam2=\"'fswebcam --rotate 90 '+fn\"",
                      &made);
    config = load(&made);
    assert_string_equal(camera_kinds[config->cameras[0].kind], "v4l2");
    assert_string_equal(config->cameras[0].device, "/dev/video4");
    assert_int_equal(config->cameras[0].width, 1280);
    assert_int_equal(config->cameras[0].height, 720);
    assert_true(config->cameras[0].fps > 9.9 && config->cameras[0].fps < 10.1);
    assert_string_equal(camera_kinds[config->cameras[1].kind], "command"); /* as it was */
    config_free(config);
}

static void programs_that_duetlapse_ran_are_cameras_here(void **state)
{
    static const char *const words[] = {"ffmpeg", "-i", "{url}", "-an", "a b", "{output}"};
    CLEANUP(conversion_done) struct conversion made;
    struct config *config;
    const struct camera_settings *camera;

    (void)state;
    convert_duetlapse("-duet x -camera1 pi -camera2 other -weburl2 rtsp://me:canary@y/ "
                      "-camparam2=\"'ffmpeg -i '+weburl+ ' -an \\\"a b\\\" ' + fn\"",
                      &made);
    config = load(&made);
    assert_string_equal(camera_kinds[config->cameras[0].kind], "rpicam");
    camera = &config->cameras[1];
    assert_null(strstr(made.config, "canary"));
    assert_string_equal(camera->url, "rtsp://y/");
    assert_true(notes(&made, "camera2: the login"));
    assert_true(notes(&made, "camera2: kind = \"stream\" reads rtsp://"));
    assert_string_equal(camera_kinds[camera->kind], "command");
    assert_int_equal(camera->command.count, ARRAY_LEN(words));
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        assert_string_equal(camera->command.items[i], words[i]);
    config_free(config);
}

static void what_needs_a_shell_is_not_made_a_program(void **state)
{
    static const char *const bad[] = {"'a; b'", "'a $(b)'",  "'a' + 'b",  "'a'+x",
                                      "'a'fn",  "'a \\\"b'", "'a|b '+fn", "''"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        CLEANUP(free_p)
        char *line = xasprintf("-duet x -camera1 other -camparam1 \"%s\"", bad[i]);
        CLEANUP(conversion_done) struct conversion made;

        convert_duetlapse(line, &made);
        config_free(load(&made));
        assert_true(notes(&made, "-camera1 other: "));
    }
}

static void no_password_is_written_down(void **state)
{
    CLEANUP(conversion_done) struct conversion made;

    (void)state;
    convert_duetlapse("-duet x -password canary -camera1 web -weburl1 http://me:canary@c/1.jpg",
                      &made);
    assert_non_null(made.config);
    assert_null(strstr(made.config, "canary"));
    assert_non_null(strstr(made.config, "user = \"me\""));
    assert_non_null(strstr(made.config, "url = \"http://c/1.jpg\""));
}

static void what_duetlapse_cannot_have_here_is_said(void **state)
{
    CLEANUP(conversion_done) struct conversion made;

    (void)state;
    convert_duetlapse("-camera1 other -camparam1 eval(x) -execkey x -poll 12", &made);
    config_free(load(&made));
    assert_true(notes(&made, "-camera1 other: ") && notes(&made, "-execkey: "));
    assert_true(notes(&made, "-poll: ") && notes(&made, "-duet: "));
    assert_non_null(strstr(made.config, "#   -execkey: "));
}

static void a_wrong_duetlapse_line_gives_every_problem_and_no_file(void **state)
{
    CLEANUP(conversion_done) struct conversion made;

    (void)state;
    convert_duetlapse("-duet x -pause yes -detect pause -seconds x -hurry", &made);
    assert_true(refuses(&made, "-pause yes: ") && refuses(&made, "-seconds: "));
    assert_true(refuses(&made, "-hurry: "));
}

/* What the line may say, but the table of units does not take. */
static void a_value_out_of_range_is_a_problem(void **state)
{
    CLEANUP(conversion_done) struct conversion made;

    (void)state;
    convert_duetlapse("-duet x -camera1 web -weburl1 http://c/1 -fps 1000", &made);
    assert_true(refuses(&made, "fps: "));
}

/* --- Moonraker --- */

static void an_empty_timelapse_section_gives_its_defaults(void **state)
{
    CLEANUP(conversion_done) struct conversion made;
    struct config *config;
    const struct unit_settings *unit;

    (void)state;
    convert_moonraker("[server]\nhost: 0.0.0.0\n\n[timelapse]\n", &made);
    config = load(&made);
    unit = &config->units[0];
    assert_int_equal(config->printer_count, 0);
    assert_int_equal(unit->trigger, UNIT_TRIGGER_MQTT);
    assert_true(unit->video.fps > 29.9 && unit->video.crf == 23 && unit->standby);
    assert_string_equal(config->cameras[0].url, "http://localhost:8080/?action=snapshot");
    assert_int_equal(config->cameras[0].latency_ms, 50);
    assert_true(notes(&made, "the printer: kind moonraker"));
    config_free(config);
}

static void moonraker_settings_arrive(void **state)
{
    static const char text[] = "[webcam top]\nlocation: printer\n"
                               "snapshot_url: /webcam2/?action=snapshot\r\n"
                               "[timelapse]\n"
                               "camera: top\n"
                               "mode = hyperlapse ; every so often\n"
                               "hyperlapse_cycle: 12\n"
                               "output_framerate: 20 # smooth\n"
                               "duplicatelastframe: 10\n"
                               "variable_fps: True\n"
                               "targetlength: 15\n"
                               "stream_delay_compensation: 0.2\n"
                               "ffmpeg_binary_path: /opt/ffmpeg\n"
                               "parkhead: yes\n"
                               "parkpos: custom\n"
                               "park_custom_pos_x: 7\n";
    CLEANUP(conversion_done) struct conversion made;
    struct config *config;
    const struct unit_settings *unit;

    (void)state;
    convert_moonraker(text, &made);
    config = load(&made);
    unit = &config->units[0];
    assert_int_equal(unit->trigger, UNIT_TRIGGER_INTERVAL);
    assert_true(unit->interval_s > 11.9 && unit->interval_s < 12.1);
    assert_true(unit->video.hold_last_s > 0.49 && unit->video.hold_last_s < 0.51);
    assert_true(unit->video.target_length_s > 14.9 && !unit->pause);
    assert_string_equal(config->cameras[0].url, "http://localhost/webcam2/?action=snapshot");
    assert_int_equal(config->cameras[0].latency_ms, 200);
    assert_string_equal(config->encode.ffmpeg, "/opt/ffmpeg");
    assert_non_null(strstr(made.config, "#park_x_mm = 7;"));
    config_free(config);
}

static void what_moonraker_cannot_have_here_is_said(void **state)
{
    CLEANUP(conversion_done) struct conversion made;

    (void)state;
    convert_moonraker("[timelapse]\nrotation: 180\nextraoutputparams: -x\ncolour: red\n"
                      "enabled: False\nparkhead: True\n",
                      &made);
    config_free(load(&made));
    assert_true(notes(&made, "rotation: ") && notes(&made, "extraoutputparams: "));
    assert_true(notes(&made, "colour: moonraker-timelapse has no such") &&
                notes(&made, "enabled False") && notes(&made, "parkpos back_left"));
}

static void a_wrong_moonraker_file_gives_every_problem_and_no_file(void **state)
{
    CLEANUP(conversion_done) struct conversion made;

    (void)state;
    convert_moonraker("[timelapse]\nmode: sometimes\noutput_framerate: fast\nparkhead: maybe\n"
                      "snapshoturl: ftp://x\n",
                      &made);
    assert_true(refuses(&made, "mode: ") && refuses(&made, "output_framerate: "));
    assert_true(refuses(&made, "parkhead: ") && refuses(&made, "snapshoturl: "));
}

static void a_moonraker_file_without_timelapse_is_refused(void **state)
{
    CLEANUP(conversion_done) struct conversion made;

    (void)state;
    convert_moonraker("[server]\nhost: x\n", &made);
    assert_true(refuses(&made, "has no section [timelapse]"));
}

static void anything_at_all_is_survived(void **state)
{
    static const char *const odd[] = {"",   "[",    "[timelapse", "[timelapse]\n=\n:\n  x\n",
                                      "#",  "'\"",  "-",          "[timelapse]\n\xff\xfe: \x01",
                                      "\\", "-duet"};
    static const convert_fn converters[] = {convert_duetlapse, convert_moonraker};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        for (size_t c = 0; c < ARRAY_LEN(converters); c++) {
            CLEANUP(conversion_done) struct conversion made;

            converters[c](odd[i], &made);
            assert_true(!made.config == (made.problems.count > 0));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_duetlapse_line_gives_a_configuration_that_loads),
        cmocka_unit_test(duetlapse_settings_arrive),
        cmocka_unit_test(hls_stream_of_duetlapse_is_read_by_ffmpeg_here),
        cmocka_unit_test(two_usb_cameras_of_duetlapse_are_two_devices),
        cmocka_unit_test(gphoto2_of_duetlapse_is_a_dslr_here),
        cmocka_unit_test(fswebcam_of_duetlapse_is_not_needed_here),
        cmocka_unit_test(programs_that_duetlapse_ran_are_cameras_here),
        cmocka_unit_test(what_needs_a_shell_is_not_made_a_program),
        cmocka_unit_test(no_password_is_written_down),
        cmocka_unit_test(what_duetlapse_cannot_have_here_is_said),
        cmocka_unit_test(a_wrong_duetlapse_line_gives_every_problem_and_no_file),
        cmocka_unit_test(a_value_out_of_range_is_a_problem),
        cmocka_unit_test(an_empty_timelapse_section_gives_its_defaults),
        cmocka_unit_test(moonraker_settings_arrive),
        cmocka_unit_test(what_moonraker_cannot_have_here_is_said),
        cmocka_unit_test(a_wrong_moonraker_file_gives_every_problem_and_no_file),
        cmocka_unit_test(a_moonraker_file_without_timelapse_is_refused),
        cmocka_unit_test(anything_at_all_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
