/* SPDX-License-Identifier: MIT */
/* camera: a still is a shot, a stream is a list of exchanges per view that one timer feeds. */
#include "tests/sim/camera.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/sim/spoil.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOUNDARY "lapsedsim"

enum {
    STREAMS_MAX = 32,
    LATE_MAX = 128,
    ENDLESS_BYTES = 32 * 1024,
};

struct late_part { /* waits in a slow camera */
    int64_t due_us;
    struct blob *part;
    struct shot shot;
};

struct stream {
    struct http_exchange *exchange;
    bool endless;
};

struct view {
    struct sensor *sensor;
    struct stream streams[STREAMS_MAX];
    int stream_count;
    struct late_part late[LATE_MAX];
    int late_count;
};

struct camera {
    struct camera_config config;
    struct faults *faults;
    uv_timer_t timer; /* runs while there are streams */
    uint64_t due_ns;
    struct view views[CAMERA_VIEWS];
    uint32_t frame;
};

static struct shot shoot(struct camera *camera, int index, int64_t *ret_now_us)
{
    struct scene scene;

    camera->config.look(&scene, camera->config.user);
    *ret_now_us = scene.time_us;
    return sensor_shoot(camera->views[index].sensor, &scene, ++camera->frame);
}

static void served(struct camera *camera, const struct shot *shot, bool stream)
{
    camera->config.on_served(&shot->marker, stream, shot->spoilt, shot->jpeg->len,
                             camera->config.user);
}

/* --- stills --- */

static int scope_of(int index)
{
    return FAULT_ON_VIEW << index;
}

static void answer_still(struct camera *camera, int index, struct http_exchange *exchange)
{
    int64_t now_us;
    struct shot shot = shoot(camera, index, &now_us);
    CLEANUP(free_p)
    char *headers = xasprintf("X-Timestamp: %lld.%06lld\r\n", (long long)(shot.wall_us / 1000000),
                              (long long)(shot.wall_us % 1000000));
    const struct http_answer answer = {
        .status = 200,
        .content_type = str_equal(shot.spoilt, "cam_html") ? "text/html" : "image/jpeg",
        .headers = headers,
        .body = shot.jpeg->data,
        .body_len = shot.jpeg->len,
        .delay_ms = shot.late_ms,
    };

    served(camera, &shot, false);
    spoil_and_answer(camera->faults, scope_of(index), now_us, exchange, &answer);
    blob_unref(shot.jpeg);
}

/* --- streams --- */

static struct blob *part_of(const struct shot *shot)
{
    struct buf part = BUF_INIT(SIZE_MAX / 2);
    uint8_t *data;
    size_t len;

    (void)!buf_printf(&part,
                      "Content-Type: image/jpeg\r\nContent-Length: %zu\r\n"
                      "X-Timestamp: %lld.%06lld\r\n\r\n",
                      shot->jpeg->len, (long long)(shot->wall_us / 1000000),
                      (long long)(shot->wall_us % 1000000));
    (void)!buf_append(&part, shot->jpeg->data, shot->jpeg->len);
    (void)!buf_printf(&part, "\r\n--" BOUNDARY "\r\n");
    data = buf_take(&part, &len);
    return blob_new(data, len);
}

static void push_part(struct camera *camera, struct view *view, struct blob *part,
                      const struct shot *shot)
{
    for (int i = 0; i < view->stream_count; i++) {
        if (!view->streams[i].endless && http_exchange_push(view->streams[i].exchange, part))
            served(camera, shot, true);
    }
}

static void push_late(struct camera *camera, struct view *view, int64_t now_us)
{
    while (view->late_count > 0 && view->late[0].due_us <= now_us) {
        struct late_part late = view->late[0];

        view->late_count--;
        memmove(view->late, view->late + 1, sizeof(late) * (size_t)view->late_count);
        push_part(camera, view, late.part, &late.shot);
        blob_unref(late.part);
        blob_unref(late.shot.jpeg);
    }
}

/* Takes part and the shot's jpeg. */
static void push_or_delay(struct camera *camera, struct view *view, int64_t now_us,
                          struct blob *part, struct shot shot)
{
    if (shot.late_ms > 0 && view->late_count < LATE_MAX) {
        view->late[view->late_count++] =
            (struct late_part){.due_us = now_us + shot.late_ms * 1000, .part = part, .shot = shot};
        return;
    }
    push_part(camera, view, part, &shot);
    blob_unref(part);
    blob_unref(shot.jpeg);
}

static void push_endless(struct view *view)
{
    struct blob *bytes = blob_new(xcalloc(1, ENDLESS_BYTES), ENDLESS_BYTES);

    for (int i = 0; i < view->stream_count; i++) {
        if (view->streams[i].endless)
            (void)http_exchange_push(view->streams[i].exchange, bytes);
    }
    blob_unref(bytes);
}

static void end_streams(struct view *view)
{
    while (view->stream_count > 0)
        http_exchange_end(view->streams[--view->stream_count].exchange);
}

static bool hangs(struct camera *camera, int index, int64_t now_us)
{
    return faults_hit(camera->faults, FAULT_CAM_HANG, scope_of(index), now_us) ||
           faults_hit(camera->faults, FAULT_HANG, scope_of(index), now_us);
}

static void tick_view(struct camera *camera, int index)
{
    struct view *view = &camera->views[index];
    struct scene scene;
    struct shot shot;
    int64_t now_us;

    if (view->stream_count == 0)
        return;
    camera->config.look(&scene, camera->config.user);
    if (faults_hit(camera->faults, FAULT_DROP, scope_of(index), scene.time_us)) {
        end_streams(view);
        return;
    }
    push_endless(view);
    push_late(camera, view, scene.time_us);
    if (hangs(camera, index, scene.time_us))
        return;
    shot = shoot(camera, index, &now_us);
    push_or_delay(camera, view, now_us, part_of(&shot), shot);
}

static void on_tick(uv_timer_t *timer);

/* Counted from the tick that was due, not from the one that came: the rate must not drift. */
static void schedule(struct camera *camera)
{
    uint64_t period_ns = 1000000000 / (uint64_t)camera->config.fps, now_ns = uv_hrtime();

    camera->due_ns = MAX(camera->due_ns + period_ns, now_ns);
    uv_timer_start(&camera->timer, on_tick, (camera->due_ns - now_ns) / 1000000, 0);
}

static void on_tick(uv_timer_t *timer)
{
    struct camera *camera = timer->data;
    int streams = 0;

    for (int i = 0; i < CAMERA_VIEWS; i++) {
        tick_view(camera, i);
        streams += camera->views[i].stream_count;
    }
    if (streams > 0)
        schedule(camera);
}

static void on_gone(struct http_exchange *exchange, void *user)
{
    struct view *view = user;

    for (int i = 0; i < view->stream_count; i++) {
        if (view->streams[i].exchange == exchange)
            view->streams[i--] = view->streams[--view->stream_count];
    }
}

static void push_text(struct http_exchange *exchange, const char *text)
{
    struct blob *blob = blob_new(xmemdup(text, strlen(text)), strlen(text));

    (void)http_exchange_push(exchange, blob);
    blob_unref(blob);
}

static void start_stream(struct camera *camera, int index, struct http_exchange *exchange,
                         bool still, bool endless)
{
    struct view *view = &camera->views[index];

    if (view->stream_count == STREAMS_MAX) {
        http_exchange_answer(exchange, &(struct http_answer){.status = 503});
        return;
    }
    view->streams[view->stream_count++] = (struct stream){.exchange = exchange, .endless = endless};
    http_exchange_stream(exchange,
                         still ? "image/jpeg" : "multipart/x-mixed-replace; boundary=" BOUNDARY,
                         on_gone, view);
    if (!still)
        push_text(exchange, "--" BOUNDARY "\r\n");
    if (endless && !still)
        push_text(exchange, "Content-Type: image/jpeg\r\n\r\n");
    if (!uv_is_active((uv_handle_t *)&camera->timer))
        schedule(camera);
}

/* --- requests --- */

static const struct route {
    const char *path;
    int view;
    bool stream;
} routes[] = {
    {"/camera.jpg", 0, false},
    {"/camera2.jpg", 1, false},
    {"/stream", 0, true},
    {"/stream2", 1, true},
};

static const struct route *find_route(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (str_equal(routes[i].path, path))
            return &routes[i];
    }
    return NULL;
}

bool camera_wants(const struct http_request *request)
{
    return find_route(request->path) != NULL;
}

/* A stream that some general fault keeps from starting is answered like a still without a body. */
static bool spoil_stream_start(struct camera *camera, int index, int64_t now_us,
                               struct http_exchange *exchange)
{
    static const enum fault_kind kinds[] = {FAULT_DROP, FAULT_HANG,    FAULT_503, FAULT_401,
                                            FAULT_HTML, FAULT_GARBAGE, FAULT_CUT, FAULT_DRIP};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct fault *fault = &camera->faults->slots[kinds[i]];

        if (!fault->active || !(fault->scope & scope_of(index)) || now_us >= fault->until_us ||
            fault->count == 0)
            continue;
        spoil_and_answer(camera->faults, scope_of(index), now_us, exchange,
                         &(struct http_answer){.status = 200, .content_type = "image/jpeg"});
        return true;
    }
    return false;
}

void camera_handle(struct camera *camera, struct http_exchange *exchange,
                   const struct http_request *request)
{
    const struct route *route = find_route(request->path);
    struct scene scene;
    int scope;

    if (!route)
        abort();
    scope = scope_of(route->view);
    camera->config.look(&scene, camera->config.user);
    if (faults_hit(camera->faults, FAULT_CAM_404, scope, scene.time_us))
        http_exchange_answer(exchange, &(struct http_answer){.status = 404});
    else if (faults_hit(camera->faults, FAULT_CAM_ENDLESS, scope, scene.time_us))
        start_stream(camera, route->view, exchange, !route->stream, true);
    else if (route->stream) {
        if (!spoil_stream_start(camera, route->view, scene.time_us, exchange))
            start_stream(camera, route->view, exchange, false, false);
    } else if (!hangs(camera, route->view, scene.time_us)) {
        answer_still(camera, route->view, exchange);
    }
}

/* --- life --- */

struct camera *camera_new(uv_loop_t *loop, const struct camera_config *config,
                          struct faults *faults)
{
    struct camera *camera = xcalloc(1, sizeof(*camera));

    camera->config = *config;
    camera->faults = faults;
    for (int i = 0; i < CAMERA_VIEWS; i++)
        camera->views[i].sensor = sensor_new(i, &config->sensor, faults);
    uv_timer_init(loop, &camera->timer);
    camera->timer.data = camera;
    return camera;
}

static void free_view(struct view *view)
{
    for (int i = 0; i < view->late_count; i++) {
        blob_unref(view->late[i].part);
        blob_unref(view->late[i].shot.jpeg);
    }
    sensor_free(view->sensor);
}

static void on_closed(uv_handle_t *handle)
{
    struct camera *camera = handle->data;

    for (int i = 0; i < CAMERA_VIEWS; i++)
        free_view(&camera->views[i]);
    free(camera);
}

void camera_close(struct camera *camera)
{
    if (!camera)
        return;
    for (int i = 0; i < CAMERA_VIEWS; i++)
        end_streams(&camera->views[i]);
    uv_close((uv_handle_t *)&camera->timer, on_closed);
}
