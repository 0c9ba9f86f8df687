/* SPDX-License-Identifier: MIT */
#include "tests/device/guest.h"

#include "agent/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum guest_line_state guest_line_state(unsigned line)
{
    FILE *file = fopen("/sys/kernel/debug/gpio", "re");
    unsigned first = 0, at;
    char text[256], level[8];
    enum guest_line_state state = GUEST_LINE_FREE;

    assert_non_null(file);
    while (fgets(text, sizeof(text), file)) {
        const char *behind_name = strchr(text, ')');

        if (sscanf(text, "gpiochip0: GPIOs %u-", &first) == 1 || !behind_name)
            continue;
        if (sscanf(text, " gpio-%u", &at) == 1 && at == first + line &&
            sscanf(behind_name, ") %*3s %7s", level) == 1)
            state = strcmp(level, "hi") == 0 ? GUEST_LINE_HIGH : GUEST_LINE_LOW;
    }
    assert_int_equal(fclose(file), 0);
    return state;
}

int guest_camera_control(const char *device, uint32_t id, int value)
{
    struct v4l2_ext_control control = {.id = id, .value = value};
    struct v4l2_ext_controls controls = {.count = 1, .controls = &control};
    int fd = open(device, O_RDWR | O_CLOEXEC);
    int result;

    if (fd < 0)
        return -errno;
    result = ioctl(fd, VIDIOC_S_EXT_CTRLS, &controls) < 0 ? -errno : 0;
    close(fd);
    return result;
}

static void write_vivid(const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "vivid.0", 7), 7);
    close(fd);
}

void guest_vivid_unplug(void)
{
    write_vivid("/sys/bus/platform/drivers/vivid/unbind");
}

void guest_vivid_plug(void)
{
    write_vivid("/sys/bus/platform/drivers/vivid/bind");
}

static void run(const char *const *argv)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

void guest_loopback_renumber(const char *video_nr)
{
    CLEANUP(free_p) char *numbers = xasprintf("video_nr=%s", video_nr);
    const char *const unload[] = {"rmmod", "v4l2loopback", NULL};
    const char *const load[] = {
        "insmod", "/run/modules/v4l2loopback.ko", "devices=2", "exclusive_caps=1,1", numbers, NULL};

    run(unload);
    run(load);
}
