/* SPDX-License-Identifier: MIT */
#include "capture/camera/v4l2_device.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "capture/camera/v4l2_control.h"
#include "capture/jpeg.h"
#include "capture/jpeg_tables.h"

#include <errno.h>
#include <linux/videodev2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
    BUFFERS = 2, /* one fills while the other waits or is read; what comes meanwhile is dropped */
    BUFFERS_MAX = 8,        /* a driver may insist on more */
    FRAME_MAX_US = 1000000, /* longer between two frames is a gap */
};

struct v4l2_device {
    struct v4l2_node node;
    uint32_t fourcc;
    struct v4l2_size size;
    size_t stride, image_bytes;
    bool full_range;
    int quality;
    size_t max_bytes;
    struct {
        size_t len;
        int64_t offset;
        void *first_page; /* NULL: not mapped */
    } buffers[BUFFERS_MAX];
    uint32_t buffer_count;
    int64_t frame_us;
    int64_t empty_at_us; /* when the queue was last seen empty */
    int64_t last_stamp_us;
    uint32_t last_sequence;
};

void v4l2_wish_init(struct v4l2_wish *wish, const struct camera_settings *settings)
{
    const struct conf_strings *controls = &settings->controls;

    *wish = (struct v4l2_wish){
        .device = xstrdup(settings->device),
        .size = {(int)settings->width, (int)settings->height},
        .fps = settings->fps,
        .format = (enum v4l2_choice)settings->format,
        .quality = (int)settings->quality,
        .max_bytes = (size_t)settings->max_bytes,
        .controls = {.items = xcalloc(controls->count, sizeof(char *)), .count = controls->count},
    };
    for (size_t i = 0; i < controls->count; i++)
        wish->controls.items[i] = xstrdup(controls->items[i]);
}

void v4l2_wish_done(struct v4l2_wish *wish)
{
    for (size_t i = 0; i < wish->controls.count; i++)
        free(wish->controls.items[i]);
    free(wish->controls.items);
    free(wish->device);
}

/* --- setting up --- */

static int explain_busy(const struct v4l2_device *device, int code, const char *what,
                        struct error *err)
{
    CLEANUP(free_p) char *owner = code == -EBUSY ? v4l2_owner(device->node.fd) : NULL;
    const char *path = device->node.path;

    if (owner)
        return error_set(err, code, "%s is used by %s; end it", path, owner);
    if (code == -EBUSY)
        return error_set(err, code, "%s is used by another program, or by another camera of lapsed",
                         path);
    if (code == -ENODEV)
        return error_set(err, code, "%s was unplugged", path);
    if (code == -ENOSPC)
        return error_set(err, code,
                         "%s gets no room on its USB bus: use a smaller size or fps, or plug it "
                         "into another port",
                         path);
    /* Not the driver's own code: its EINVAL is no setting of ours, it may pass. */
    return error_set(err, -EIO, "%s: cannot %s: %s", path, what, strerror(-code));
}

static bool is_full_range(const struct v4l2_pix_format *format)
{
    if (format->quantization != V4L2_QUANTIZATION_DEFAULT)
        return format->quantization == V4L2_QUANTIZATION_FULL_RANGE;
    return format->colorspace == V4L2_COLORSPACE_JPEG;
}

/* Of what converts video (HDMI, composite): without a source it would give a picture of noise. */
static int check_signal(const struct v4l2_device *device, struct error *err)
{
    struct v4l2_input input = {0};
    int index = 0;

    if (v4l2_call(device->node.fd, VIDIOC_G_INPUT, &index) < 0)
        return 0;
    input.index = (uint32_t)index;
    if (v4l2_call(device->node.fd, VIDIOC_ENUMINPUT, &input) < 0)
        return 0;
    if (input.status & V4L2_IN_ST_NO_POWER)
        return error_set(err, -ENOLINK, "%s has no power", device->node.path);
    if (input.status & (V4L2_IN_ST_NO_SIGNAL | V4L2_IN_ST_NO_SYNC))
        return error_set(err, -ENOLINK, "%s has no signal; is its source connected and on?",
                         device->node.path);
    return 0;
}

static int set_format(struct v4l2_device *device, const struct v4l2_wish *wish, struct error *err)
{
    struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    struct v4l2_pix_format *pix = &format.fmt.pix;
    int rc =
        v4l2_choose(device->node.fd, wish->format, wish->size, &device->fourcc, &device->size, err);

    if (rc < 0)
        return rc;
    pix->width = (uint32_t)device->size.width;
    pix->height = (uint32_t)device->size.height;
    pix->pixelformat = device->fourcc;
    rc = v4l2_call(device->node.fd, VIDIOC_S_FMT, &format);
    if (rc < 0)
        return explain_busy(device, rc, "set its format", err);
    if (pix->pixelformat != device->fourcc || pix->width > UINT16_MAX || pix->height > UINT16_MAX)
        return error_set(err, -EPROTOTYPE, "%s does not keep the format that it offers",
                         device->node.path);
    device->size = (struct v4l2_size){(int)pix->width, (int)pix->height};
    if (wish->size.width > 0 &&
        (device->size.width != wish->size.width || device->size.height != wish->size.height))
        return error_set(err, -EPROTOTYPE, "the camera gives %dx%d instead of %dx%d",
                         device->size.width, device->size.height, wish->size.width,
                         wish->size.height);
    device->stride = pix->bytesperline;
    device->image_bytes = pix->sizeimage;
    device->full_range = is_full_range(pix);
    return 0;
}

/* The nearest rate that the camera has; one without a choice is as it is. */
static void set_rate(struct v4l2_device *device, double fps)
{
    struct v4l2_streamparm parm = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    struct v4l2_fract *interval = &parm.parm.capture.timeperframe;
    double got = fps;

    *interval = (struct v4l2_fract){1000, (uint32_t)(fps * 1000 + 0.5)};
    if (v4l2_call(device->node.fd, VIDIOC_S_PARM, &parm) >= 0 && interval->numerator > 0 &&
        interval->denominator > 0)
        got = (double)interval->denominator / interval->numerator;
    device->frame_us = MIN((int64_t)(1e6 / MAX(got, 1.0)), (int64_t)FRAME_MAX_US);
}

static int queue_buffer(const struct v4l2_device *device, uint32_t index)
{
    struct v4l2_buffer buffer = {
        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP, .index = index};

    return v4l2_call(device->node.fd, VIDIOC_QBUF, &buffer);
}

static void *map(const struct v4l2_device *device, uint32_t index, size_t len)
{
    void *data =
        mmap(NULL, len, PROT_READ, MAP_SHARED, device->node.fd, device->buffers[index].offset);

    return data == MAP_FAILED ? NULL : data;
}

/* v4l2loopback gives only buffers that somebody has mapped. */
static int map_first_page(struct v4l2_device *device, uint32_t index)
{
    device->buffers[index].first_page = map(device, index, 1);
    return device->buffers[index].first_page ? 0 : -errno;
}

static int ask_buffer(struct v4l2_device *device, uint32_t index)
{
    struct v4l2_buffer buffer = {
        .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP, .index = index};
    int rc = v4l2_call(device->node.fd, VIDIOC_QUERYBUF, &buffer);

    if (rc < 0)
        return rc;
    device->buffers[index].len = buffer.length;
    device->buffers[index].offset = buffer.m.offset;
    rc = map_first_page(device, index);
    return rc < 0 ? rc : queue_buffer(device, index);
}

static int make_buffers(struct v4l2_device *device, struct error *err)
{
    struct v4l2_requestbuffers request = {
        .count = BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    int rc = v4l2_call(device->node.fd, VIDIOC_REQBUFS, &request);

    if (rc >= 0 && (request.count == 0 || request.count > BUFFERS_MAX))
        rc = -ENOMEM;
    device->buffer_count = rc < 0 ? 0 : request.count;
    for (uint32_t i = 0; i < device->buffer_count && rc >= 0; i++)
        rc = ask_buffer(device, i);
    return rc < 0 ? explain_busy(device, rc, "get buffers", err) : 0;
}

static int start(struct v4l2_device *device, struct error *err)
{
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    int rc = v4l2_call(device->node.fd, VIDIOC_STREAMON, &type);

    device->empty_at_us = clock_mono_us();
    return rc < 0 ? explain_busy(device, rc, "start", err) : 0;
}

int v4l2_device_open(const struct v4l2_wish *wish, const struct v4l2_identity *known,
                     struct v4l2_device **ret_device, struct error *err)
{
    struct v4l2_device *device = xcalloc(1, sizeof(*device));
    int rc = v4l2_node_find(wish->device, known, &device->node, err);

    if (rc < 0) {
        free(device);
        return rc;
    }
    device->quality = wish->quality;
    device->max_bytes = wish->max_bytes;
    rc = check_signal(device, err);
    if (rc == 0)
        rc = set_format(device, wish, err);
    if (rc == 0)
        rc = v4l2_set_controls(device->node.fd, &wish->controls, err);
    if (rc == 0) {
        set_rate(device, wish->fps);
        rc = make_buffers(device, err);
    }
    if (rc == 0)
        rc = start(device, err);
    if (rc < 0) {
        v4l2_device_close(device);
        return rc;
    }
    *ret_device = device;
    return 0;
}

void v4l2_device_close(struct v4l2_device *device)
{
    if (!device)
        return;
    for (uint32_t i = 0; i < device->buffer_count; i++)
        if (device->buffers[i].first_page)
            munmap(device->buffers[i].first_page, 1);
    v4l2_node_close(&device->node); /* which stops the stream and frees the buffers */
    free(device);
}

/* --- what it is --- */

int v4l2_device_fd(const struct v4l2_device *device)
{
    return device->node.fd;
}

void v4l2_device_identity(const struct v4l2_device *device, struct v4l2_identity *ret_identity)
{
    *ret_identity = device->node.identity;
}

int64_t v4l2_device_frame_us(const struct v4l2_device *device)
{
    return device->frame_us;
}

bool v4l2_device_is_compressed(const struct v4l2_device *device)
{
    return v4l2_choice_of(device->fourcc) == V4L2_MJPG;
}

/* --- frames --- */

/* The drivers' clock stands still while the machine sleeps, ours does not. */
static int64_t our_time_us(const struct timeval *stamp)
{
    struct timespec theirs;

    clock_gettime(CLOCK_MONOTONIC, &theirs);
    return clock_mono_us() - ((int64_t)theirs.tv_sec * 1000000 + theirs.tv_nsec / 1000 -
                              ((int64_t)stamp->tv_sec * 1000000 + stamp->tv_usec));
}

/* In poor light a camera is slower than it promised. */
static void measure_frame_time(struct v4l2_device *device, const struct v4l2_buffer *buffer,
                               int64_t stamp_us)
{
    int64_t passed_us = stamp_us - device->last_stamp_us;
    uint32_t frames = buffer->sequence - device->last_sequence;

    if (device->last_stamp_us > 0 && frames > 0 && passed_us > 0 &&
        passed_us / frames < FRAME_MAX_US)
        device->frame_us = passed_us / frames;
    device->last_stamp_us = stamp_us;
    device->last_sequence = buffer->sequence;
}

static int64_t captured_at(struct v4l2_device *device, const struct v4l2_buffer *buffer)
{
    int64_t now_us = clock_mono_us(), at_us = device->empty_at_us;

    if ((buffer->flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC) {
        at_us = MIN(our_time_us(&buffer->timestamp), now_us);
        measure_frame_time(device, buffer, at_us);
        if ((buffer->flags & V4L2_BUF_FLAG_TSTAMP_SRC_MASK) == V4L2_BUF_FLAG_TSTAMP_SRC_SOE)
            return at_us;
    }
    return at_us - device->frame_us;
}

static int explain_loss(const struct v4l2_device *device, int code, struct error *err)
{
    if (code == -ENODEV)
        return error_set(err, code, "%s was unplugged", device->node.path);
    return error_set(err, -EIO, "%s broke off (%s)", device->node.path, strerror(-code));
}

int v4l2_device_take(struct v4l2_device *device, struct v4l2_frame *ret_frame, struct error *err)
{
    struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    int64_t before_us = clock_mono_us();
    int rc = v4l2_call(device->node.fd, VIDIOC_DQBUF, &buffer);

    if (rc == -EAGAIN) {
        device->empty_at_us = before_us;
        return 0;
    }
    if (rc >= 0 && buffer.index >= device->buffer_count)
        rc = -EPROTO;
    if (rc < 0)
        return explain_loss(device, rc, err);
    *ret_frame = (struct v4l2_frame){
        .index = buffer.index,
        .len = MIN((size_t)buffer.bytesused, device->buffers[buffer.index].len),
        .captured_at_mono_us = captured_at(device, &buffer),
    };
    ret_frame->damaged = (buffer.flags & V4L2_BUF_FLAG_ERROR) || ret_frame->len == 0 ||
                         (!v4l2_device_is_compressed(device) &&
                          ret_frame->len < device->stride * (size_t)device->size.height);
    return 1;
}

int v4l2_device_give_back(struct v4l2_device *device, const struct v4l2_frame *frame,
                          struct error *err)
{
    int rc = queue_buffer(device, frame->index);

    return rc < 0 ? explain_loss(device, rc, err) : 0;
}

int v4l2_device_explain_silence(const struct v4l2_device *device, struct error *err)
{
    int rc = check_signal(device, err);

    if (rc < 0)
        return rc;
    return error_set(err, -ETIMEDOUT, "%s sends no pictures; plug it out and in again",
                     device->node.path);
}

/* --- pictures --- */

static int compress(const struct v4l2_device *device, const uint8_t *data, size_t len,
                    uint8_t **ret_jpeg, size_t *ret_len, struct error *err)
{
    struct jpeg_pixels pixels = {
        .kind = device->fourcc == V4L2_PIX_FMT_YUYV    ? JPEG_PIXELS_YUYV
                : device->fourcc == V4L2_PIX_FMT_RGB24 ? JPEG_PIXELS_RGB
                                                       : JPEG_PIXELS_BGR,
        .full_range = device->full_range,
        .data = data,
        .len = len,
        .stride = device->stride,
        .width = device->size.width,
        .height = device->size.height,
    };

    return jpeg_compress_pixels(&pixels, device->quality, ret_jpeg, ret_len, err);
}

int v4l2_device_jpeg(const struct v4l2_device *device, const struct v4l2_frame *frame,
                     uint8_t **ret_jpeg, size_t *ret_len, struct error *err)
{
    const bool compressed = v4l2_device_is_compressed(device);
    int rc = 0;
    void *data;

    if (compressed && frame->len > device->max_bytes)
        return error_set(err, -EMSGSIZE, "a picture of %zu bytes; max_bytes = %zu", frame->len,
                         device->max_bytes);
    data = map(device, frame->index, frame->len);
    if (!data)
        return error_set(err, -EIO, "cannot read the picture of %s: %s", device->node.path,
                         strerror(errno));
    if (compressed)
        *ret_jpeg = jpeg_copy_with_tables(data, frame->len, ret_len);
    else
        rc = compress(device, data, frame->len, ret_jpeg, ret_len, err);
    munmap(data, frame->len);
    return rc;
}
