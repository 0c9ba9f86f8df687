/* SPDX-License-Identifier: MIT */
#include "capture/camera/v4l2_format.h"

#include "agent/base/buf.h"
#include "capture/camera/driver.h"
#include "capture/camera/v4l2_node.h"

#include <errno.h>
#include <linux/videodev2.h>
#include <string.h>

enum { USUAL_WIDTH = 1920, USUAL_HEIGHT = 1080, TEXT_MAX_BYTES = 300 };

const char *const v4l2_format_choices[] = {"auto", "mjpg", "yuyv", "rgb", NULL};

/* In the order in which we like them. */
static const struct {
    uint32_t fourcc;
    enum v4l2_choice choice;
} readable[] = {
    {V4L2_PIX_FMT_MJPEG, V4L2_MJPG}, {V4L2_PIX_FMT_JPEG, V4L2_MJPG}, {V4L2_PIX_FMT_YUYV, V4L2_YUYV},
    {V4L2_PIX_FMT_RGB24, V4L2_RGB},  {V4L2_PIX_FMT_BGR24, V4L2_RGB},
};

enum v4l2_choice v4l2_choice_of(uint32_t fourcc)
{
    for (size_t i = 0; i < ARRAY_LEN(readable); i++)
        if (readable[i].fourcc == fourcc)
            return readable[i].choice;
    return V4L2_AUTO;
}

void v4l2_fourcc_text(uint32_t fourcc, char ret_text[5])
{
    for (int i = 0; i < 4; i++) {
        unsigned letter = fourcc >> (8 * i) & 0x7f;

        ret_text[i] = (char)(letter >= 0x20 && letter < 0x7f ? letter : '?');
    }
    ret_text[4] = '\0';
}

/* --- what it offers --- */

void v4l2_list_formats(int fd, struct v4l2_format_list *ret_formats)
{
    struct v4l2_fmtdesc about = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};

    ret_formats->count = 0;
    while (ret_formats->count < V4L2_FORMATS_MAX && v4l2_call(fd, VIDIOC_ENUM_FMT, &about) >= 0) {
        if (!(about.flags & V4L2_FMT_FLAG_EMULATED))
            ret_formats->fourcc[ret_formats->count++] = about.pixelformat;
        about.index++;
    }
}

static struct v4l2_size make_size(uint32_t width, uint32_t height)
{
    return (struct v4l2_size){(int)MIN(width, (uint32_t)UINT16_MAX),
                              (int)MIN(height, (uint32_t)UINT16_MAX)};
}

void v4l2_list_sizes(int fd, uint32_t fourcc, struct v4l2_sizes *ret_sizes)
{
    struct v4l2_frmsizeenum about = {.pixel_format = fourcc};

    *ret_sizes = (struct v4l2_sizes){0};
    while (ret_sizes->count < V4L2_SIZES_MAX &&
           v4l2_call(fd, VIDIOC_ENUM_FRAMESIZES, &about) >= 0) {
        if (about.type != V4L2_FRMSIZE_TYPE_DISCRETE) {
            ret_sizes->items[0] = make_size(about.stepwise.min_width, about.stepwise.min_height);
            ret_sizes->items[1] = make_size(about.stepwise.max_width, about.stepwise.max_height);
            ret_sizes->count = 2;
            ret_sizes->range = true;
            return;
        }
        ret_sizes->items[ret_sizes->count++] =
            make_size(about.discrete.width, about.discrete.height);
        about.index++;
    }
}

static double rate_of(struct v4l2_fract interval)
{
    return interval.numerator ? (double)interval.denominator / interval.numerator : 0;
}

void v4l2_list_rates(int fd, uint32_t fourcc, struct v4l2_size size, struct v4l2_rates *ret_rates)
{
    struct v4l2_frmivalenum about = {
        .pixel_format = fourcc, .width = (uint32_t)size.width, .height = (uint32_t)size.height};

    ret_rates->count = 0;
    while (ret_rates->count < V4L2_RATES_MAX &&
           v4l2_call(fd, VIDIOC_ENUM_FRAMEINTERVALS, &about) >= 0) {
        if (about.type != V4L2_FRMIVAL_TYPE_DISCRETE) {
            ret_rates->fps[0] = rate_of(about.stepwise.max);
            ret_rates->fps[1] = rate_of(about.stepwise.min);
            ret_rates->count = 2;
            return;
        }
        ret_rates->fps[ret_rates->count++] = rate_of(about.discrete);
        about.index++;
    }
}

/* --- what to take --- */

static bool is_offered(const struct v4l2_format_list *formats, uint32_t fourcc)
{
    for (size_t i = 0; i < formats->count; i++)
        if (formats->fourcc[i] == fourcc)
            return true;
    return false;
}

/* A device that lists no sizes has to be asked. */
static bool fits(const struct v4l2_sizes *sizes, struct v4l2_size wished)
{
    const struct v4l2_size *items = sizes->items;

    if (sizes->range)
        return wished.width >= items[0].width && wished.width <= items[1].width &&
               wished.height >= items[0].height && wished.height <= items[1].height;
    for (size_t i = 0; i < sizes->count; i++)
        if (items[i].width == wished.width && items[i].height == wished.height)
            return true;
    return sizes->count == 0;
}

static int64_t area(struct v4l2_size size)
{
    return (int64_t)size.width * size.height;
}

/* The largest of those up to the usual one; when all are larger, the smallest. */
static struct v4l2_size pick_size(const struct v4l2_sizes *sizes)
{
    const struct v4l2_size usual = {USUAL_WIDTH, USUAL_HEIGHT};
    struct v4l2_size best = {0};

    if (sizes->count == 0 || (sizes->range && fits(sizes, usual)))
        return usual;
    for (size_t i = 0; i < sizes->count; i++) {
        struct v4l2_size size = sizes->items[i];
        bool small = area(size) <= area(usual), best_small = area(best) <= area(usual);

        if (area(best) == 0 || (small && (!best_small || area(size) > area(best))) ||
            (!small && !best_small && area(size) < area(best)))
            best = size;
    }
    return best;
}

static int refuse_format(const struct v4l2_format_list *formats, enum v4l2_choice choice,
                         struct error *err)
{
    CLEANUP(buf_done) struct buf list = BUF_INIT(TEXT_MAX_BYTES);
    bool ok = true;
    char text[5];

    for (size_t i = 0; i < formats->count && ok; i++) {
        v4l2_fourcc_text(formats->fourcc[i], text);
        ok = buf_printf(&list, "%s%s", list.len ? ", " : "", text) == 0;
    }
    return error_set(err, -EPROTOTYPE, "the camera does not offer format = \"%s\", but %s%s",
                     v4l2_format_choices[choice], list.len ? buf_text(&list) : "nothing at all",
                     choice == V4L2_AUTO ? ", which lapsed cannot read" : "");
}

static int refuse_size(uint32_t fourcc, const struct v4l2_sizes *sizes, struct v4l2_size wished,
                       struct error *err)
{
    CLEANUP(buf_done) struct buf list = BUF_INIT(TEXT_MAX_BYTES);
    const char *separator = sizes->range ? " to " : ", ";
    bool ok = true;
    char text[5];

    v4l2_fourcc_text(fourcc, text);
    for (size_t i = 0; i < sizes->count && ok; i++)
        ok = buf_printf(&list, "%s%dx%d", list.len ? separator : "", sizes->items[i].width,
                        sizes->items[i].height) == 0;
    return error_set(err, -EPROTOTYPE, "the camera does not offer %dx%d as %s, but %s",
                     wished.width, wished.height, text, list.len ? buf_text(&list) : "nothing");
}

int v4l2_choose(int fd, enum v4l2_choice choice, struct v4l2_size wished, uint32_t *ret_fourcc,
                struct v4l2_size *ret_size, struct error *err)
{
    struct v4l2_format_list formats;
    struct v4l2_sizes sizes;
    uint32_t refused = 0;

    v4l2_list_formats(fd, &formats);
    for (size_t i = 0; i < ARRAY_LEN(readable); i++) {
        if ((choice != V4L2_AUTO && readable[i].choice != choice) ||
            !is_offered(&formats, readable[i].fourcc))
            continue;
        v4l2_list_sizes(fd, readable[i].fourcc, &sizes);
        if (wished.width == 0 || fits(&sizes, wished)) {
            *ret_fourcc = readable[i].fourcc;
            *ret_size = wished.width ? wished : pick_size(&sizes);
            return 0;
        }
        refused = refused ? refused : readable[i].fourcc;
    }
    if (!refused)
        return refuse_format(&formats, choice, err);
    v4l2_list_sizes(fd, refused, &sizes);
    return refuse_size(refused, &sizes, wished, err);
}
