/* SPDX-License-Identifier: MIT */
/* scene: draws the machine as a camera sees it, into a YUV 4:2:0 picture. */
#ifndef SIM_SCENE_H
#define SIM_SCENE_H

#include "agent/base/common.h"

struct scene {
    double head_mm[3];
    double bed_mm;
    double layers_done; /* with the part of the one being printed */
    int layers_total;
    int layer; /* as the file has it, from 1; 0 = none yet */
    bool paused, standing;
    uint8_t job;
    int64_t time_us;
};

struct picture { /* planes of a 4:2:0 picture; width and height even */
    int width, height;
    uint8_t *y, *u, *v; /* strides: width, width/2, width/2 */
};

void picture_init(struct picture *picture, int width, int height);
void picture_done(struct picture *picture);

struct scene_painter;

/* Paints the background of a view (0 front, 1 top) once; noise in grey levels. */
struct scene_painter *scene_painter_new(int view, int width, int height, int noise,
                                        uint64_t seed) MUST_CHECK;
void scene_painter_free(struct scene_painter *painter);
/* All but the marker; the picture is the painter's, valid until the next call. */
struct picture *scene_paint(struct scene_painter *painter, const struct scene *scene) MUST_CHECK;

#endif
