/* SPDX-License-Identifier: MIT */
/* The hardware of the guest (README.md): it is there, fails on request and shows what was done to
 * it. Linux' own interfaces only, so that nothing of lapsed's is trusted here. */
#include "tests/device/guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <linux/videodev2.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH = 640, HEIGHT = 360, YUYV_BYTES = WIDTH * HEIGHT * 2 };

static int open_camera(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static void set_format(int fd, enum v4l2_buf_type type, uint32_t pixel_format)
{
    struct v4l2_format format = {
        .type = type,
        .fmt.pix = {.width = WIDTH,
                    .height = HEIGHT,
                    .pixelformat = pixel_format,
                    .sizeimage = YUYV_BYTES,
                    .field = V4L2_FIELD_NONE},
    };

    assert_int_equal(ioctl(fd, VIDIOC_S_FMT, &format), 0);
    assert_int_equal(format.fmt.pix.pixelformat, pixel_format);
}

static void assert_is_camera(const char *path, const char *card)
{
    struct v4l2_capability capability;
    int fd = open_camera(path);

    assert_int_equal(ioctl(fd, VIDIOC_QUERYCAP, &capability), 0);
    assert_string_equal((char *)capability.card, card);
    close(fd);
}

static void there_are_four_cameras(void **state)
{
    (void)state;
    assert_is_camera("/dev/video0", "vivid");
    assert_is_camera("/dev/video1", "vivid");
    assert_is_camera("/dev/video10", "Loop10");
    assert_is_camera("/dev/video11", "Loop11");
}

static void vivid_gives_pictures(void **state)
{
    static uint8_t picture[YUYV_BYTES];
    int fd = open_camera("/dev/video0");
    (void)state;

    set_format(fd, V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_PIX_FMT_YUYV);
    assert_int_equal(read(fd, picture, sizeof(picture)), YUYV_BYTES);
    close(fd);
}

static void vivid_disconnects_until_it_is_closed(void **state)
{
    struct v4l2_capability capability;
    int fd = open_camera("/dev/video0");
    (void)state;

    assert_int_equal(guest_camera_control("/dev/video0", VIVID_DISCONNECT, 1), 0);
    assert_int_equal(ioctl(fd, VIDIOC_QUERYCAP, &capability), -1);
    assert_int_equal(errno, ENODEV);
    close(fd);
    assert_is_camera("/dev/video0", "vivid");
}

static void vivid_refuses_to_stream_on_request(void **state)
{
    uint8_t byte;
    int fd = open_camera("/dev/video0");
    (void)state;

    set_format(fd, V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_PIX_FMT_YUYV);
    assert_int_equal(guest_camera_control("/dev/video0", VIVID_STREAMON_ERROR, 1), 0);
    assert_int_equal(read(fd, &byte, sizeof(byte)), -1);
    close(fd);
}

static void unplugged_cameras_are_gone_until_they_are_plugged_in(void **state)
{
    (void)state;
    guest_vivid_unplug();
    assert_int_equal(access("/dev/video1", F_OK), -1);
    guest_vivid_plug();
    assert_is_camera("/dev/video1", "vivid");
}

static void a_loopback_camera_gives_the_jpeg_it_is_fed(void **state)
{
    static const uint8_t jpeg[] = {0xff, 0xd8, 0xff, 0xfe, 0, 4, 'h', 'i', 0xff, 0xd9};
    uint8_t got[sizeof(jpeg)];
    int feed = open_camera("/dev/video10");
    int camera;
    (void)state;

    set_format(feed, V4L2_BUF_TYPE_VIDEO_OUTPUT, V4L2_PIX_FMT_MJPEG);
    assert_int_equal(write(feed, jpeg, sizeof(jpeg)), sizeof(jpeg));
    camera = open_camera("/dev/video10");
    set_format(camera, V4L2_BUF_TYPE_VIDEO_CAPTURE, V4L2_PIX_FMT_MJPEG);
    assert_int_equal(read(camera, got, sizeof(got)), sizeof(got));
    assert_memory_equal(got, jpeg, sizeof(jpeg));
    close(camera);
    close(feed);
}

static void loopback_cameras_come_back_with_other_numbers(void **state)
{
    (void)state;
    guest_loopback_renumber("20,21");
    assert_int_equal(access("/dev/video10", F_OK), -1);
    assert_int_equal(access("/dev/video21", F_OK), 0);
    guest_loopback_renumber("10,11");
    assert_int_equal(access("/dev/video10", F_OK), 0);
}

static void a_gpio_line_shows_its_level(void **state)
{
    struct gpio_v2_line_request request = {.offsets = {3},
                                           .num_lines = 1,
                                           .consumer = "test",
                                           .config.flags = GPIO_V2_LINE_FLAG_OUTPUT};
    struct gpio_v2_line_values values = {.mask = 1, .bits = 1};
    int chip = open("/dev/gpiochip0", O_RDWR | O_CLOEXEC);
    (void)state;

    assert_true(chip >= 0);
    assert_int_equal(guest_line_state(3), GUEST_LINE_FREE);
    assert_int_equal(ioctl(chip, GPIO_V2_GET_LINE_IOCTL, &request), 0);
    assert_int_equal(guest_line_state(3), GUEST_LINE_LOW);
    assert_int_equal(ioctl(request.fd, GPIO_V2_LINE_SET_VALUES_IOCTL, &values), 0);
    assert_int_equal(guest_line_state(3), GUEST_LINE_HIGH);
    assert_int_equal(guest_line_state(2), GUEST_LINE_FREE);
    close(request.fd);
    assert_int_equal(guest_line_state(3), GUEST_LINE_FREE);
    close(chip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_are_four_cameras),
        cmocka_unit_test(vivid_gives_pictures),
        cmocka_unit_test(vivid_disconnects_until_it_is_closed),
        cmocka_unit_test(vivid_refuses_to_stream_on_request),
        cmocka_unit_test(unplugged_cameras_are_gone_until_they_are_plugged_in),
        cmocka_unit_test(a_loopback_camera_gives_the_jpeg_it_is_fed),
        cmocka_unit_test(loopback_cameras_come_back_with_other_numbers),
        cmocka_unit_test(a_gpio_line_shows_its_level),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
