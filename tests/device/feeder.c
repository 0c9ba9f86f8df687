/* SPDX-License-Identifier: MIT */
#include "tests/device/feeder.h"

#include "agent/base/mem.h"
#include "capture/jpeg.h"
#include "tests/sim/marker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { LUMA = FEEDER_WIDTH * FEEDER_HEIGHT, QUALITY = 60, TRIES = 500 };

struct feeder {
    pthread_t thread;
    int fd;
    int64_t period_ns;
    atomic_uint written;
    atomic_bool stop;
};

static bool write_picture(struct feeder *feeder, uint8_t *planes, uint32_t number)
{
    struct marker marker = {.frame = number};
    uint8_t *jpeg = NULL;
    size_t len;
    bool ok;

    marker_draw(planes, FEEDER_WIDTH, FEEDER_HEIGHT, FEEDER_WIDTH, &marker);
    if (jpeg_compress_yuv420(planes, FEEDER_WIDTH, FEEDER_HEIGHT, QUALITY, &jpeg, &len, NULL) < 0)
        return false;
    ok = write(feeder->fd, jpeg, len) == (ssize_t)len;
    free(jpeg);
    return ok;
}

static void *feed(void *user)
{
    struct feeder *feeder = user;
    uint8_t *planes = xmalloc(LUMA * 3 / 2);
    struct timespec next;

    memset(planes, 128, LUMA * 3 / 2);
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (uint32_t number = 1; !atomic_load(&feeder->stop); number++) {
        if (write_picture(feeder, planes, number))
            atomic_store(&feeder->written, number);
        next.tv_nsec += feeder->period_ns;
        next.tv_sec += next.tv_nsec / 1000000000;
        next.tv_nsec %= 1000000000;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    free(planes);
    return NULL;
}

/* Refused while the last reader of the feeder before closes. v4l2loopback turns from a camera into
 * an output when it is asked what it is, and only after a writer that had started a stream. */
static int start_output(int fd, int width, int height)
{
    int type = V4L2_BUF_TYPE_VIDEO_OUTPUT;
    struct v4l2_capability about;
    struct v4l2_format format = {
        .type = V4L2_BUF_TYPE_VIDEO_OUTPUT,
        .fmt.pix = {.width = (uint32_t)width,
                    .height = (uint32_t)height,
                    .pixelformat = V4L2_PIX_FMT_MJPEG,
                    .field = V4L2_FIELD_NONE},
    };

    if (ioctl(fd, VIDIOC_QUERYCAP, &about) < 0 || ioctl(fd, VIDIOC_S_FMT, &format) < 0)
        return -1;
    return ioctl(fd, VIDIOC_STREAMON, &type);
}

int feeder_open_output(const char *device, int width, int height)
{
    const struct timespec pause = {.tv_nsec = 20000000};

    for (int i = 0; i < TRIES; i++) {
        int fd = open(device, O_RDWR | O_CLOEXEC);

        assert_true(fd >= 0);
        if (start_output(fd, width, height) == 0)
            return fd;
        close(fd);
        nanosleep(&pause, NULL);
    }
    fail_msg("%s takes no pictures: %s", device, strerror(errno));
    return -1;
}

struct feeder *feeder_start(const char *device, int fps)
{
    int fd = feeder_open_output(device, FEEDER_WIDTH, FEEDER_HEIGHT);
    struct feeder *feeder = xcalloc(1, sizeof(*feeder));

    feeder->period_ns = 1000000000 / fps;
    feeder->fd = fd;
    assert_int_equal(pthread_create(&feeder->thread, NULL, feed, feeder), 0);
    while (feeder_written(feeder) == 0)
        sched_yield();
    return feeder;
}

void feeder_stop(struct feeder *feeder)
{
    if (!feeder)
        return;
    atomic_store(&feeder->stop, true);
    pthread_join(feeder->thread, NULL);
    close(feeder->fd);
    free(feeder);
}

uint32_t feeder_written(const struct feeder *feeder)
{
    return atomic_load(&feeder->written);
}
