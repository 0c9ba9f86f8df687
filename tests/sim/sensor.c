/* SPDX-License-Identifier: MIT */
/* sensor: a shot is drawn, marked and compressed. Faults of the picture are done to the shot, so
 * that stills and streams have them alike. */
#include "tests/sim/sensor.h"

#include "agent/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <turbojpeg.h>

enum { WRONG_WIDTH = 320, WRONG_HEIGHT = 240, FRAME_SERIAL_MASK = 0xffffff };

struct sensor {
    int view;
    struct sensor_config config;
    struct faults *faults;
    tjhandle encoder;
    struct scene_painter *painter, *wrong_painter; /* made when they are needed */
    struct shot last;
};

static struct blob *compress(struct sensor *sensor, const struct picture *picture)
{
    const unsigned char *planes[3] = {picture->y, picture->u, picture->v};
    unsigned char *jpeg = NULL;
    unsigned long len = 0;
    uint8_t *copy;

    if (tjCompressFromYUVPlanes(sensor->encoder, planes, picture->width, NULL, picture->height,
                                TJSAMP_420, &jpeg, &len, sensor->config.quality,
                                TJFLAG_FASTDCT) < 0)
        abort();
    copy = xmemdup(jpeg, len);
    tjFree(jpeg);
    return blob_new(copy, len);
}

static int64_t wall_now_us(void)
{
    struct timeval now;

    gettimeofday(&now, NULL);
    return (int64_t)now.tv_sec * 1000000 + now.tv_usec;
}

static struct marker marker_of(const struct scene *scene, int view, uint32_t frame)
{
    return (struct marker){
        .layer = (uint16_t)scene->layer,
        .x_dmm = (int16_t)(scene->head_mm[0] * 10 + 0.5),
        .y_dmm = (int16_t)(scene->head_mm[1] * 10 + 0.5),
        .paused = scene->paused,
        .standing = scene->standing,
        .job = scene->job,
        .view = (uint8_t)view,
        .frame = frame & FRAME_SERIAL_MASK,
        .time_ms = (uint32_t)(scene->time_us / 1000),
    };
}

static struct shot take_shot(struct sensor *sensor, struct scene_painter *painter,
                             const struct scene *scene, uint32_t frame, bool black)
{
    struct shot shot = {.marker = marker_of(scene, sensor->view, frame), .wall_us = wall_now_us()};
    struct picture *picture = scene_paint(painter, scene);
    size_t luma = (size_t)picture->width * (size_t)picture->height;

    marker_draw(picture->y, picture->width, picture->height, picture->width, &shot.marker);
    if (black) {
        memset(picture->y, 4, luma);
        memset(picture->u, 128, luma / 2);
    }
    shot.jpeg = compress(sensor, picture);
    return shot;
}

static struct blob *half_of(const struct blob *jpeg)
{
    return blob_new(xmemdup(jpeg->data, jpeg->len / 2), jpeg->len / 2);
}

static struct blob *noise_of(const struct blob *jpeg)
{
    uint8_t *bytes = xmemdup(jpeg->data, jpeg->len);

    for (size_t i = 0; i < jpeg->len; i++)
        bytes[i] ^= (uint8_t)(0xa5 + i * 7);
    return blob_new(bytes, jpeg->len);
}

static struct blob *empty_blob(void)
{
    return blob_new(xmalloc(1), 0);
}

static void replace_jpeg(struct shot *shot, struct blob *jpeg, const char *spoilt)
{
    blob_unref(shot->jpeg);
    shot->jpeg = jpeg;
    shot->spoilt = spoilt;
}

/* Faults that leave no picture of the scene. */
static void spoil_bytes(struct sensor *sensor, int64_t now_us, struct shot *shot)
{
    static const char page[] = "<html><body>camera is busy</body></html>";
    int scope = FAULT_ON_VIEW << sensor->view;

    if (faults_hit(sensor->faults, FAULT_CAM_TRUNCATED, scope, now_us))
        replace_jpeg(shot, half_of(shot->jpeg), "cam_truncated");
    if (faults_hit(sensor->faults, FAULT_CAM_GARBAGE, scope, now_us))
        replace_jpeg(shot, noise_of(shot->jpeg), "cam_garbage");
    if (faults_hit(sensor->faults, FAULT_CAM_ZERO, scope, now_us))
        replace_jpeg(shot, empty_blob(), "cam_zero");
    if (faults_hit(sensor->faults, FAULT_CAM_HTML, scope, now_us))
        replace_jpeg(shot, blob_new(xmemdup(page, strlen(page)), strlen(page)), "cam_html");
}

static struct scene_painter *painter_for(struct sensor *sensor, bool wrong_size)
{
    const struct sensor_config *config = &sensor->config;

    if (wrong_size && !sensor->wrong_painter)
        sensor->wrong_painter =
            scene_painter_new(sensor->view, WRONG_WIDTH, WRONG_HEIGHT, config->noise, config->seed);
    if (!sensor->painter)
        sensor->painter = scene_painter_new(sensor->view, config->width, config->height,
                                            config->noise, config->seed);
    return wrong_size ? sensor->wrong_painter : sensor->painter;
}

static void remember(struct sensor *sensor, const struct shot *shot)
{
    struct blob *old = sensor->last.jpeg;

    sensor->last = *shot;
    blob_ref(shot->jpeg);
    blob_unref(old);
}

static bool hit(struct sensor *sensor, enum fault_kind kind, const struct scene *scene)
{
    return faults_hit(sensor->faults, kind, FAULT_ON_VIEW << sensor->view, scene->time_us) != NULL;
}

static struct shot repeat_last(struct sensor *sensor)
{
    struct shot shot = sensor->last;

    blob_ref(shot.jpeg);
    shot.spoilt = "cam_frozen";
    return shot;
}

static struct shot expose(struct sensor *sensor, const struct scene *scene, uint32_t frame)
{
    bool wrong_size = hit(sensor, FAULT_CAM_WRONG_SIZE, scene);
    bool black = hit(sensor, FAULT_CAM_BLACK, scene);
    struct shot shot = take_shot(sensor, painter_for(sensor, wrong_size), scene, frame, black);

    shot.spoilt = wrong_size ? "cam_wrong_size" : black ? "cam_black" : NULL;
    remember(sensor, &shot);
    return shot;
}

struct shot sensor_shoot(struct sensor *sensor, const struct scene *scene, uint32_t frame)
{
    bool frozen = hit(sensor, FAULT_CAM_FROZEN, scene) && sensor->last.jpeg;
    const struct fault *slow =
        faults_hit(sensor->faults, FAULT_CAM_SLOW, FAULT_ON_VIEW << sensor->view, scene->time_us);
    struct shot shot = frozen ? repeat_last(sensor) : expose(sensor, scene, frame);

    shot.late_ms = slow ? slow->ms : 0;
    spoil_bytes(sensor, scene->time_us, &shot);
    return shot;
}

struct sensor *sensor_new(int view, const struct sensor_config *config, struct faults *faults)
{
    struct sensor *sensor = xcalloc(1, sizeof(*sensor));

    sensor->view = view;
    sensor->config = *config;
    sensor->faults = faults;
    sensor->encoder = tjInitCompress();
    return sensor;
}

void sensor_free(struct sensor *sensor)
{
    if (!sensor)
        return;
    blob_unref(sensor->last.jpeg);
    scene_painter_free(sensor->painter);
    scene_painter_free(sensor->wrong_painter);
    tjDestroy(sensor->encoder);
    free(sensor);
}
