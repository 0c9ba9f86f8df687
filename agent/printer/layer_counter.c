/* SPDX-License-Identifier: MIT */
/* layer_counter: between two looks the number rose, so the comment that raised it stands between
 * the two file positions; that is all that can be known, and it is kept for the last few layers.
 * When the position then falls back behind such a place, that comment will be read once more, and
 * one rise of the number is expected that means nothing.
 *
 * Whether it really comes depends on the slicer (";LAYER:7" sets the number, ";LAYER_CHANGE" raises
 * it). We expect it until the file has once been read past the place without a rise: then its
 * layers are numbered, and nothing is swallowed any more in this job. Expecting wrongly costs one
 * frame; not expecting would, with a pause per layer, trigger itself for ever. */
#include "agent/printer/layer_counter.h"

#include <string.h>

void layer_counter_init(struct layer_counter *counter, int shown, int64_t position_bytes)
{
    *counter = (struct layer_counter){.shown = shown, .position_bytes = position_bytes};
}

int layer_counter_layer(const struct layer_counter *counter)
{
    return counter->shown < 0 ? -1 : counter->shown - counter->extra;
}

static void add_mark(struct layer_counter *counter, int64_t after_bytes, int64_t upto_bytes)
{
    if (counter->mark_count == LAYER_MARKS_MAX)
        memmove(counter->marks, counter->marks + 1,
                sizeof(counter->marks[0]) * (size_t)--counter->mark_count);
    counter->marks[counter->mark_count++] = (struct layer_mark){after_bytes, upto_bytes};
}

/* A look that came after the rewind and before the pause was known took the place where the file
 * stands now for the place where the comment was read. */
static void correct_newest_mark(struct layer_counter *counter, int64_t position_bytes)
{
    struct layer_mark *mark;

    if (counter->mark_count == 0)
        return;
    mark = &counter->marks[counter->mark_count - 1];
    if (mark->upto_bytes == position_bytes)
        mark->upto_bytes += 2 * counter->step_bytes + 1;
}

/* The file will be read on from position: the marks behind it come again. */
static void rewind_to(struct layer_counter *counter, int64_t position_bytes)
{
    while (counter->mark_count > 0) {
        const struct layer_mark *mark = &counter->marks[counter->mark_count - 1];

        if (mark->upto_bytes <= position_bytes)
            return;
        if (counter->again == 0) {
            counter->again_upto_bytes = 0;
            counter->again_sure = false;
        }
        counter->again_upto_bytes = MAX(counter->again_upto_bytes, mark->upto_bytes);
        counter->again_sure |= mark->after_bytes >= position_bytes;
        counter->again++;
        counter->mark_count--;
    }
}

/* Everything that could be read twice has been, without a rise. */
static void pass_without_rise(struct layer_counter *counter)
{
    counter->again = 0;
    if (!counter->again_sure)
        return;
    counter->absolute = true;
    counter->extra = 0;
}

static bool rise(struct layer_counter *counter, int by, int64_t position_bytes, bool stopped)
{
    int64_t before_bytes = counter->position_bytes, upto_bytes = position_bytes;
    int twice = counter->absolute ? 0 : MIN(by, counter->again);

    /* While it is stopped the position is not where the comment was read, but before it. */
    if (stopped)
        upto_bytes = MAX(before_bytes, position_bytes) + 2 * counter->step_bytes;
    counter->again -= twice;
    counter->extra += twice;
    if (twice > 0)
        add_mark(counter, before_bytes, MIN(upto_bytes, counter->again_upto_bytes));
    if (by > twice)
        add_mark(counter, before_bytes, upto_bytes);
    return by > twice;
}

static bool fall(struct layer_counter *counter, int64_t position_bytes)
{
    counter->mark_count = 0;
    counter->again = 0;
    counter->extra = 0;
    add_mark(counter, counter->position_bytes, position_bytes);
    return true;
}

/* True when a layer has begun. */
static bool compare(struct layer_counter *counter, int shown, int64_t position_bytes, bool stopped)
{
    if (shown < 0 || shown == counter->shown)
        return false;
    if (shown < counter->shown)
        return fall(counter, position_bytes);
    return rise(counter, shown - MAX(counter->shown, 0), position_bytes, stopped);
}

bool layer_counter_look(struct layer_counter *counter, int shown, int64_t position_bytes,
                        bool stopped)
{
    int64_t read_bytes = position_bytes - counter->position_bytes;
    bool begun;

    if (counter->again > 0 && counter->position_bytes >= counter->again_upto_bytes)
        pass_without_rise(counter);
    begun = compare(counter, shown, position_bytes, stopped);
    if (shown >= 0)
        counter->shown = shown;
    if (stopped)
        correct_newest_mark(counter, position_bytes);
    if (stopped || read_bytes < 0)
        rewind_to(counter, position_bytes);
    else
        counter->step_bytes = read_bytes;
    counter->position_bytes = position_bytes;
    return begun;
}
