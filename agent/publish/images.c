/* SPDX-License-Identifier: MIT */
#include "agent/publish/images.h"

#include "agent/base/list.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "capture/jpeg.h"

#include <stdlib.h>

struct image {
    struct unit_picture picture; /* its texts and the picture are ours */
    char *camera, *session, *unit;
    int max_px;
    size_t max_bytes;
    int64_t gap_ms;
};

/* One camera. */
struct lane {
    struct list link;
    struct images *images; /* NULL: nobody wants the result any more */
    char *camera;
    struct image next;    /* waits; picture NULL = none */
    struct image working; /* on the worker */
    bool busy;
    struct timer *gap; /* not before it has fired */
    uint8_t *jpeg;
    size_t len;
    int result;
    struct error err;
};

struct images {
    struct loop *loop;
    image_ready_fn on_ready;
    void *user;
    struct list lanes;
};

static void image_done(struct image *image)
{
    picture_unref(image->picture.picture);
    free(image->camera);
    free(image->session);
    free(image->unit);
    *image = (struct image){0};
}

static void lane_free(struct lane *lane)
{
    image_done(&lane->next);
    image_done(&lane->working);
    timer_free(lane->gap);
    free(lane->camera);
    free(lane);
}

static void run_thumbnail(void *user)
{
    struct lane *lane = user;
    const struct picture *picture = lane->working.picture.picture;

    lane->result = jpeg_shrink(&picture->preview, lane->working.max_px, lane->working.max_bytes,
                               &lane->jpeg, &lane->len, &lane->err);
}

static void on_thumbnail(void *user)
{
    struct lane *lane = user;
    struct images *images = lane->images;
    uint8_t *jpeg = TAKE(lane->jpeg);

    lane->busy = false;
    if (!images) {
        free(jpeg);
        lane_free(lane);
        return;
    }
    if (lane->result < 0)
        log_debug("images.failed", "camera=%s error=\"%s\"", lane->camera, lane->err.text);
    else
        images->on_ready(&lane->working.picture, lane->working.unit, jpeg, lane->len, images->user);
    free(jpeg);
    timer_start(lane->gap, lane->working.gap_ms);
    image_done(&lane->working);
}

static void work_next(struct lane *lane)
{
    if (lane->busy || timer_active(lane->gap) || !lane->next.picture.picture)
        return;
    lane->working = lane->next;
    lane->next = (struct image){0};
    lane->busy = true;
    loop_work(lane->images->loop, run_thumbnail, on_thumbnail, lane);
}

static void on_gap(void *user)
{
    work_next(user);
}

static struct lane *lane_of(struct images *images, const char *camera)
{
    struct lane *lane;

    LIST_FOR_EACH(&images->lanes, lane, struct lane, link)
    {
        if (str_equal(lane->camera, camera))
            return lane;
    }
    lane = xcalloc(1, sizeof(*lane));
    lane->images = images;
    lane->camera = xstrdup(camera);
    lane->gap = timer_new(images->loop, on_gap, lane);
    list_append(&images->lanes, &lane->link);
    return lane;
}

void images_show(struct images *images, const struct camera_settings *settings, const char *unit,
                 const struct unit_picture *picture)
{
    struct lane *lane = lane_of(images, picture->camera);
    struct image *next = &lane->next;

    if (!picture->picture->preview.rgb || settings->image_px == 0)
        return;
    image_done(next);
    next->max_px = (int)settings->image_px;
    next->max_bytes = (size_t)settings->image_max_bytes;
    next->gap_ms = (int64_t)(settings->image_gap_s * 1000);
    next->camera = xstrdup(picture->camera);
    next->session = picture->session ? xstrdup(picture->session) : NULL;
    next->unit = unit ? xstrdup(unit) : NULL;
    next->picture = *picture;
    next->picture.camera = next->camera;
    next->picture.session = next->session;
    next->picture.picture = picture_ref(picture->picture);
    work_next(lane);
}

struct images *images_new(struct loop *loop, image_ready_fn on_ready, void *user)
{
    struct images *images = xcalloc(1, sizeof(*images));

    images->loop = loop;
    images->on_ready = on_ready;
    images->user = user;
    list_init(&images->lanes);
    return images;
}

void images_free(struct images *images)
{
    struct lane *lane;

    if (!images)
        return;
    LIST_FOR_EACH(&images->lanes, lane, struct lane, link)
    {
        list_remove(&lane->link);
        lane->images = NULL;
        timer_free(TAKE(lane->gap));
        if (!lane->busy)
            lane_free(lane);
    }
    free(images);
}
