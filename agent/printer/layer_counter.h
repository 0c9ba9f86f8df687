/* SPDX-License-Identifier: MIT */
/* layer_counter: real layer changes out of a printer's layer number. Pure.
 *
 * The number may jump, go down (several objects one after the other), and count the same layer
 * twice: RepRapFirmware rewinds the file when it pauses, and every ";LAYER_CHANGE" that it then
 * reads again counts. Once counted wrong the number stays too high; layer_counter_layer() gives the
 * corrected one. */
#ifndef AGENT_PRINTER_LAYER_COUNTER_H
#define AGENT_PRINTER_LAYER_COUNTER_H

#include "agent/base/common.h"

enum { LAYER_MARKS_MAX = 8 };

struct layer_mark { /* a layer's comment stands in the file behind after and not behind upto */
    int64_t after_bytes, upto_bytes;
};

struct layer_counter {
    int shown; /* the printer's number, -1 = none */
    int extra; /* so many of it were counted twice */
    int64_t position_bytes, step_bytes;
    struct layer_mark marks[LAYER_MARKS_MAX]; /* newest last */
    int mark_count;
    int again;                /* so many comments may be read a second time … */
    int64_t again_upto_bytes; /* … none of them behind this … */
    bool again_sure;          /* … and at least one stands before it for certain */
    bool absolute;            /* the file numbers its layers: reading twice does no harm */
};

/* shown, position_bytes: where the job is found, or -1. */
void layer_counter_init(struct layer_counter *counter, int shown, int64_t position_bytes);

/* stopped: a pause is under way, the position may lie before what was read already. True when a new
 * layer has begun since the last look. */
bool layer_counter_look(struct layer_counter *counter, int shown, int64_t position_bytes,
                        bool stopped) MUST_CHECK;

int layer_counter_layer(const struct layer_counter *counter); /* -1 = none */

#endif
