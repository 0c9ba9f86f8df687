/* SPDX-License-Identifier: MIT */
/* test_v4l2: USB cameras against the kernel's own drivers: no picture is older than its shot, and a
 * camera that is pulled out, busy, broken or another one than expected says so and comes back. */
#include "agent/base/clock.h"
#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "capture/camera/camera.h"
#include "capture/camera/v4l2_control.h"
#include "capture/camera/v4l2_probe.h"
#include "tests/device/feeder.h"
#include "tests/device/guest.h"
#include "tests/sim/marker_jpeg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_MS = 60000, BUDGET_MS = 30000, SHOTS = 20 };

#define VIVID "/dev/video0"
#define HDMI  "/dev/video1"
#define LOOP  "/dev/video10"

struct fixture {
    struct loop *loop;
    struct timer *deadline;
    bool late;
    size_t files; /* open before the test */

    struct camera_settings settings;
    struct camera *camera;
    struct feeder *feeder;

    bool answered;
    struct picture *picture;
    struct error error;
};

static size_t count_open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t count = 0;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void on_deadline(void *user)
{
    struct fixture *f = user;

    f->late = true;
}

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    f->files = count_open_files();
    assert_int_equal(loop_new(&f->loop, NULL), 0);
    f->deadline = timer_new(f->loop, on_deadline, f);
    timer_start(f->deadline, DEADLINE_MS);
    conf_set_defaults(&camera_table, &f->settings);
    *state = f;
    return 0;
}

/* Put in while its old file was still open it is another number. */
static void restore_vivid(void)
{
    if (access(VIVID, F_OK) == 0)
        return;
    guest_vivid_unplug();
    guest_vivid_plug();
}

/* Whatever was opened is closed in the end, also after a plug was pulled. */
static int tear_down(void **state)
{
    struct fixture *f = *state;

    picture_unref(f->picture);
    camera_free(f->camera);
    timer_free(f->deadline);
    loop_free(f->loop);
    feeder_stop(f->feeder);
    conf_values_done(&camera_table, &f->settings);
    assert_int_equal(count_open_files(), f->files);
    free(f);
    restore_vivid();
    return 0;
}

/* What libuv opens for good is no leak. */
static int open_loop_once(void **state)
{
    struct loop *loop;

    (void)state;
    assert_int_equal(loop_new(&loop, NULL), 0);
    loop_free(loop);
    return 0;
}

/* The programs behind this one expect it there. */
static int restore_loopback(void **state)
{
    (void)state;
    if (access(LOOP, F_OK) < 0)
        guest_loopback_renumber("10,11");
    return 0;
}

/* --- a camera --- */

static void set(struct fixture *f, const char *key, const char *text)
{
    struct error err = {0};

    if (conf_init_text(&camera_table, &f->settings, key, text, &err) < 0)
        fail_msg("%s", err.text);
}

static void open_camera(struct fixture *f, const char *device, const char *warm)
{
    set(f, "id", "usb");
    set(f, "kind", "v4l2");
    set(f, "device", device);
    set(f, "warm", warm);
    set(f, "settle_ms", "0");
    set(f, "timeout_ms", "10000");
    f->camera = camera_new(f->loop, NULL, &f->settings, NULL, NULL);
}

static void open_vivid(struct fixture *f, const char *warm)
{
    set(f, "width", "640");
    set(f, "height", "360");
    open_camera(f, VIVID, warm);
}

static void run_round(struct fixture *f)
{
    if (f->late)
        fail_msg("%d s are over", DEADLINE_MS / 1000);
    loop_run_once(f->loop);
}

static struct camera_status status_of(const struct fixture *f)
{
    struct camera_status status;

    camera_get_status(f->camera, &status);
    return status;
}

static void wait_connected(struct fixture *f, bool connected)
{
    while (status_of(f).connected != connected)
        run_round(f);
}

static void on_shot(struct picture *picture, const struct error *err, void *user)
{
    struct fixture *f = user;

    f->answered = true;
    f->picture = picture ? picture_ref(picture) : NULL;
    f->error = *err;
}

static void shoot(struct fixture *f, int64_t budget_ms)
{
    picture_unref(TAKE(f->picture));
    f->answered = false;
    (void)camera_shoot(f->camera, clock_mono_us(), budget_ms, on_shot, f);
    while (!f->answered)
        run_round(f);
}

static void expect_picture(struct fixture *f, int width, int height)
{
    int64_t asked_at_us = clock_mono_us();

    shoot(f, BUDGET_MS);
    if (!f->picture)
        fail_msg("%s", f->error.text);
    assert_int_equal(f->picture->width, width);
    assert_int_equal(f->picture->height, height);
    assert_true(f->picture->captured_at_mono_us >= asked_at_us);
    assert_true(f->picture->captured_at_mono_us <= f->picture->received_at_mono_us);
}

static void expect_failure(struct fixture *f, int code, const char *words)
{
    shoot(f, 2000);
    assert_null(f->picture);
    if (f->error.code != code || !strstr(f->error.text, words))
        fail_msg("%d (%s) instead of %d (… %s …)", f->error.code, f->error.text, code, words);
}

static uint32_t number_of(const struct fixture *f)
{
    struct marker marker;

    assert_non_null(f->picture);
    assert_int_equal(marker_read_jpeg(f->picture->jpeg, f->picture->len, &marker), 0);
    return marker.frame;
}

/* --- pictures --- */

static void pixels_become_pictures(void **state)
{
    static const char *const formats[] = {"yuyv", "rgb", "auto"};
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        set(f, "format", formats[i]);
        open_vivid(f, "never");
        expect_picture(f, 640, 360);
        camera_free(TAKE(f->camera));
    }
}

/* As fast as it can: pictures in order, none twice, none that was finished before it was asked for.
 */
static void no_picture_is_older_than_its_shot(void **state)
{
    struct fixture *f = *state;
    uint32_t last = 0;

    f->feeder = feeder_start(LOOP, 30);
    open_camera(f, LOOP, "always");
    for (int i = 0; i < SHOTS; i++) {
        uint32_t before = feeder_written(f->feeder);

        expect_picture(f, FEEDER_WIDTH, FEEDER_HEIGHT);
        assert_true(number_of(f) > before);
        assert_true(number_of(f) > last);
        last = number_of(f);
    }
}

static void pictures_that_lay_in_the_queue_are_not_taken(void **state)
{
    struct fixture *f = *state;
    uint32_t before;

    f->feeder = feeder_start(LOOP, 30);
    open_camera(f, LOOP, "always");
    wait_connected(f, true);
    for (int i = 0; i < 3; i++) {
        uint32_t idle_from = feeder_written(f->feeder);

        while (feeder_written(f->feeder) < idle_from + 10)
            run_round(f);
        before = feeder_written(f->feeder);
        expect_picture(f, FEEDER_WIDTH, FEEDER_HEIGHT);
        assert_true(number_of(f) > before);
    }
}

static bool is_free(const char *device)
{
    struct v4l2_requestbuffers request = {
        .count = 1, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    int fd = open(device, O_RDWR | O_CLOEXEC);
    bool free_now;

    assert_true(fd >= 0);
    free_now = ioctl(fd, VIDIOC_REQBUFS, &request) == 0;
    close(fd);
    return free_now;
}

static void a_camera_that_is_not_warm_is_let_go_after_each_picture(void **state)
{
    struct fixture *f = *state;

    open_vivid(f, "never");
    for (int i = 0; i < 3; i++) {
        expect_picture(f, 640, 360);
        while (!is_free(VIVID))
            run_round(f);
    }
}

static void a_warm_camera_is_open_while_it_is_held(void **state)
{
    struct fixture *f = *state;

    open_vivid(f, "auto");
    camera_hold(f->camera);
    wait_connected(f, true);
    assert_false(is_free(VIVID));
    expect_picture(f, 640, 360);
    assert_false(is_free(VIVID));
    camera_release(f->camera);
    while (!is_free(VIVID))
        run_round(f);
}

static void pictures_are_skipped_until_exposure_has_settled(void **state)
{
    struct fixture *f = *state;
    int64_t asked_at_us;

    open_vivid(f, "never");
    set(f, "settle_ms", "500");
    asked_at_us = clock_mono_us();
    expect_picture(f, 640, 360);
    assert_true(f->picture->captured_at_mono_us >= asked_at_us + 500000);
}

static void controls_are_set_by_name(void **state)
{
    struct v4l2_control control = {.id = V4L2_CID_BRIGHTNESS};
    struct fixture *f = *state;
    int fd;

    set(f, "controls", "brightness=77");
    open_vivid(f, "never");
    expect_picture(f, 640, 360);
    fd = open(VIVID, O_RDWR | O_CLOEXEC);
    assert_int_equal(ioctl(fd, VIDIOC_G_CTRL, &control), 0);
    close(fd);
    assert_int_equal(control.value, 77);
}

/* --- plugs --- */

static void a_pulled_plug_is_noticed_and_a_put_one_too(void **state)
{
    struct fixture *f = *state;

    open_vivid(f, "always");
    expect_picture(f, 640, 360);
    for (int i = 0; i < 2; i++) {
        guest_vivid_unplug();
        wait_connected(f, false); /* nobody asks for a picture */
        assert_true(status_of(f).error.code == -ENODEV || status_of(f).error.code == -EIO);
        guest_vivid_plug();
        wait_connected(f, true);
        expect_picture(f, 640, 360);
    }
}

static void a_shot_survives_a_plug_that_is_put_back(void **state)
{
    struct fixture *f = *state;

    open_vivid(f, "always");
    expect_picture(f, 640, 360);
    guest_vivid_unplug();
    (void)camera_shoot(f->camera, clock_mono_us(), BUDGET_MS, on_shot, f);
    picture_unref(TAKE(f->picture));
    f->answered = false;
    wait_connected(f, false);
    guest_vivid_plug();
    while (!f->answered)
        run_round(f);
    assert_non_null(f->picture);
}

#define BY_ID "/dev/v4l/by-id/usb-Loop-video-index0"

static void link_by_id(const char *target)
{
    assert_true(mkdir("/dev/v4l", 0755) == 0 || errno == EEXIST);
    assert_true(mkdir("/dev/v4l/by-id", 0755) == 0 || errno == EEXIST);
    (void)unlink(BY_ID);
    assert_int_equal(symlink(target, BY_ID), 0);
}

/* udev lets the name follow. */
static void a_name_of_by_id_is_enough_whatever_the_number(void **state)
{
    struct fixture *f = *state;

    link_by_id("../../video10");
    f->feeder = feeder_start(LOOP, 30);
    open_camera(f, "usb-Loop-video-index0", "never");
    expect_picture(f, FEEDER_WIDTH, FEEDER_HEIGHT);
    feeder_stop(TAKE(f->feeder));
    while (!is_free(LOOP))
        run_round(f);
    guest_loopback_renumber("12,13");
    link_by_id("../../video12");
    f->feeder = feeder_start("/dev/video12", 30);
    expect_picture(f, FEEDER_WIDTH, FEEDER_HEIGHT);
}

/* --- what goes wrong --- */

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *key, *value;
        int code;
        const char *words;
    } cases[] = {
        {"device", "/dev/video7", -ENODEV, "there is: /dev/video0 (vivid"},
        {"device", "usb-None-video-index0", -ENODEV, "no camera /dev/v4l/by-id/usb-None"},
        {"device", "/dev/null", -EPROTOTYPE, "/dev/null is no video device"},
        {"device", LOOP, -EPROTOTYPE, "gives no pictures"},
        {"format", "mjpg", -EPROTOTYPE, "does not offer format = \"mjpg\", but YUYV"},
        {"width", "642", -EPROTOTYPE, "does not offer 642x360 as YUYV, but 320x180, 640x360"},
        {"controls", "brightnes=3", -EPROTOTYPE, "no 'brightnes'; did you mean 'brightness'?"},
        {"controls", "brightness=9999", -EPROTOTYPE, "brightness=9999 must be from 0 to 255"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        open_vivid(f, "never");
        set(f, cases[i].key, cases[i].value);
        expect_failure(f, cases[i].code, cases[i].words);
        camera_free(TAKE(f->camera));
        conf_values_done(&camera_table, &f->settings);
        f->settings = (struct camera_settings){0};
        conf_set_defaults(&camera_table, &f->settings);
    }
}

/* Another process that streams, until its pipe is closed. */
static pid_t start_owner(int *ret_pipe)
{
    struct v4l2_requestbuffers request = {
        .count = 2, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    int ends[2], ready[2];
    char byte = 0;
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int fd = open(VIVID, O_RDWR);

        close(ends[1]);
        if (ioctl(fd, VIDIOC_REQBUFS, &request) < 0 || write(ready[1], &byte, 1) != 1)
            _exit(1);
        _exit(read(ends[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(ends[0]);
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    *ret_pipe = ends[1];
    return pid;
}

static void a_busy_camera_names_its_owner_and_is_had_when_that_ends(void **state)
{
    struct fixture *f = *state;
    int status, owner_pipe;
    pid_t owner = start_owner(&owner_pipe);
    char words[64];

    snprintf(words, sizeof(words), VIVID " is used by process %d (", (int)owner);
    open_vivid(f, "always");
    expect_failure(f, -EBUSY, words);
    close(owner_pipe);
    assert_int_equal(waitpid(owner, &status, 0), owner);
    expect_picture(f, 640, 360);
}

static void press(uint32_t button)
{
    assert_int_equal(guest_camera_control(VIVID, button, 1), 0);
}

static void errors_of_the_driver_are_got_over(void **state)
{
    static const uint32_t buttons[] = {VIVID_BUFFER_ERROR, VIVID_FATAL_STREAMING_ERROR,
                                       VIVID_QBUF_ERROR, VIVID_DISCONNECT};
    struct fixture *f = *state;

    open_vivid(f, "always");
    expect_picture(f, 640, 360);
    for (size_t i = 0; i < sizeof(buttons) / sizeof(buttons[0]); i++) {
        press(buttons[i]);
        expect_picture(f, 640, 360);
    }
    camera_free(TAKE(f->camera));
    press(VIVID_STREAMON_ERROR);
    open_vivid(f, "never");
    expect_picture(f, 640, 360);
    press(VIVID_REQBUFS_ERROR);
    expect_picture(f, 640, 360);
}

/* Of the HDMI input, by its name. */
static void set_signal(int fd, int mode)
{
    struct v4l2_knob knob = {0};
    struct v4l2_control control = {.value = mode};

    while (v4l2_knob_next(fd, &knob))
        if (str_equal(knob.name, "dv_timings_signal_mode"))
            control.id = knob.id;
    assert_int_not_equal(control.id, 0);
    assert_int_equal(ioctl(fd, VIDIOC_S_CTRL, &control), 0);
}

static void an_input_without_a_signal_says_so(void **state)
{
    enum { CURRENT_TIMINGS = 0, NO_SIGNAL = 1 };
    struct fixture *f = *state;
    int fd = open(HDMI, O_RDWR | O_CLOEXEC), input = 1;

    assert_int_equal(ioctl(fd, VIDIOC_S_INPUT, &input), 0);
    set_signal(fd, NO_SIGNAL);
    open_camera(f, HDMI, "never");
    expect_failure(f, -ENOLINK, "has no signal");
    set_signal(fd, CURRENT_TIMINGS);
    shoot(f, BUDGET_MS);
    while (!is_free(HDMI))
        run_round(f);
    input = 0;
    assert_int_equal(ioctl(fd, VIDIOC_S_INPUT, &input), 0);
    close(fd);
    if (!f->picture)
        fail_msg("%s", f->error.text);
}

static void lost_pictures_are_waited_for(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(guest_camera_control(VIVID, VIVID_DROPPED_BUFFERS_PERCENT, 60), 0);
    open_vivid(f, "always");
    for (int i = 0; i < 5; i++)
        expect_picture(f, 640, 360);
    assert_int_equal(guest_camera_control(VIVID, VIVID_DROPPED_BUFFERS_PERCENT, 0), 0);
}

static void a_camera_that_falls_silent_is_opened_again(void **state)
{
    struct fixture *f = *state;

    f->feeder = feeder_start(LOOP, 30);
    open_camera(f, LOOP, "always");
    set(f, "timeout_ms", "4000");
    expect_picture(f, FEEDER_WIDTH, FEEDER_HEIGHT);
    feeder_stop(TAKE(f->feeder));
    wait_connected(f, false);
    assert_int_equal(status_of(f).error.code, -ETIMEDOUT);
    f->feeder = feeder_start(LOOP, 30);
    wait_connected(f, true);
    expect_picture(f, FEEDER_WIDTH, FEEDER_HEIGHT);
}

/* --- the probe --- */

static const cJSON *find_by(const cJSON *array, const char *key, const char *value)
{
    for (const cJSON *item = json_first(array); item; item = json_next(item))
        if (str_equal(json_get_string(item, key), value))
            return item;
    fail_msg("no %s = %s", key, value);
    return NULL;
}

static void cameras_are_probed_while_they_run(void **state)
{
    struct fixture *f = *state;
    CLEANUP(json_free_p) cJSON *found = NULL;
    const cJSON *vivid, *format, *control;
    int64_t number = 0;

    open_vivid(f, "always");
    expect_picture(f, 640, 360);
    found = v4l2_probe();
    expect_picture(f, 640, 360);
    vivid = find_by(json_get(found, "devices"), "device", VIVID);
    assert_string_equal(json_get_string(vivid, "card"), "vivid");
    assert_string_equal(json_get_string(vivid, "settings.kind"), "v4l2");
    assert_string_equal(json_get_string(vivid, "settings.format"), "yuyv");
    assert_true(json_get_int(vivid, "settings.width", &number) && number == 1920);
    format = find_by(json_get(vivid, "formats"), "format", "YUYV");
    assert_true(json_get_int(format, "sizes[0].width", &number) && number == 320);
    control = find_by(json_get(vivid, "controls"), "name", "brightness");
    assert_true(json_get_int(control, "max", &number) && number == 255);
    control = find_by(json_get(vivid, "controls"), "name", "test_pattern");
    assert_string_equal(json_get_string(control, "menu.0"), "75% Colorbar");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{

    const struct CMUnitTest tests[] = {
        TEST(pixels_become_pictures),
        TEST(no_picture_is_older_than_its_shot),
        TEST(pictures_that_lay_in_the_queue_are_not_taken),
        TEST(a_camera_that_is_not_warm_is_let_go_after_each_picture),
        TEST(a_warm_camera_is_open_while_it_is_held),
        TEST(pictures_are_skipped_until_exposure_has_settled),
        TEST(controls_are_set_by_name),
        TEST(a_pulled_plug_is_noticed_and_a_put_one_too),
        TEST(a_shot_survives_a_plug_that_is_put_back),
        TEST(what_is_wrong_is_said),
        TEST(a_busy_camera_names_its_owner_and_is_had_when_that_ends),
        TEST(errors_of_the_driver_are_got_over),
        TEST(an_input_without_a_signal_says_so),
        TEST(lost_pictures_are_waited_for),
        TEST(a_camera_that_falls_silent_is_opened_again),
        TEST(cameras_are_probed_while_they_run),
        TEST(a_name_of_by_id_is_enough_whatever_the_number),
    };

    return cmocka_run_group_tests(tests, open_loop_once, restore_loopback);
}
