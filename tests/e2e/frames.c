/* SPDX-License-Identifier: MIT */
#include "tests/e2e/frames.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/e2e/video.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <sys/stat.h>

/* --- events --- */

struct awaited {
    const char *type;
    size_t count;
};

static bool have_come(struct rig *rig, void *user)
{
    const struct awaited *awaited = user;

    return rig_event_count(rig, awaited->type) >= awaited->count;
}

void events_await(struct rig *rig, const char *type, size_t count, int64_t deadline_ms)
{
    struct awaited awaited = {.type = type, .count = count};

    if (!rig_wait(rig, have_come, &awaited, deadline_ms))
        fail_msg("%zu of %zu events '%s' in %lld s", rig_event_count(rig, type), count, type,
                 (long long)deadline_ms / 1000);
}

double event_number(const cJSON *event, const char *key)
{
    double value = 0;

    if (!json_get_number(event, key, &value))
        fail_msg("'%s' is no number in the event", key);
    return value;
}

bool event_says(const cJSON *event, const char *key, const char *text)
{
    return str_equal(json_get_string(event, key), text);
}

/* --- frames --- */

static void read_frame(const cJSON *event, struct frame *ret)
{
    struct stat status;
    int64_t bytes = -1, layer = -1;

    *ret = (struct frame){
        .event = event,
        .session = json_get_string(event, "session"),
        .trigger = json_get_string(event, "trigger"),
        .file = json_get_string(event, "file"),
        .seq = (int64_t)event_number(event, "frame"),
        .age_ms = (int64_t)event_number(event, "age_ms"),
    };
    json_get_int(event, "layer", &layer);
    json_get_int(event, "bytes", &bytes);
    json_get_bool(event, "parked", &ret->parked);
    ret->layer = (int)layer;
    assert_non_null(ret->file);
    if (stat(ret->file, &status) < 0 || status.st_size != bytes)
        fail_msg("%s: not the %lld bytes that were announced", ret->file, (long long)bytes);
    video_read_jpeg(ret->file, &ret->marker);
}

static bool is_wanted(const cJSON *event, const char *unit, const char *camera, const char *session)
{
    return (!unit || event_says(event, "unit", unit)) && event_says(event, "camera", camera) &&
           (!session || event_says(event, "session", session));
}

void frames_read(struct rig *rig, const char *unit, const char *camera, const char *session,
                 struct frames *ret_frames)
{
    size_t all = rig_event_count(rig, "frame");

    *ret_frames = (struct frames){.items = xcalloc(all + 1, sizeof(struct frame))};
    for (size_t i = 0; i < all; i++) {
        const cJSON *event = rig_event(rig, "frame", i);

        if (is_wanted(event, unit, camera, session))
            read_frame(event, &ret_frames->items[ret_frames->count++]);
    }
}

void frames_done(struct frames *frames)
{
    free(frames->items);
    *frames = (struct frames){0};
}

void frames_check_order(const struct frames *frames)
{
    for (size_t i = 0; i < frames->count; i++) {
        const struct frame *frame = &frames->items[i];

        if (frame->seq != (int64_t)i + 1)
            fail_msg("frame %zu has the number %lld", i + 1, (long long)frame->seq);
        if (frame->age_ms < 0)
            fail_msg("frame %lld is older than its trigger", (long long)frame->seq);
        if (i > 0 && frame->marker.time_ms < frames->items[i - 1].marker.time_ms)
            fail_msg("frame %lld was taken before the one before it", (long long)frame->seq);
    }
}

void frames_check_layers(const struct frames *frames, int first, int every, int last)
{
    int expected = first;

    for (size_t i = 0; i < frames->count; i++) {
        const struct frame *frame = &frames->items[i];

        if (!str_equal(frame->trigger, "layer"))
            continue;
        if (frame->layer != expected)
            fail_msg("frame %lld is announced as layer %d; layer %d should come",
                     (long long)frame->seq, frame->layer, expected);
        if (frame->marker.layer != expected)
            fail_msg("frame %lld of layer %d shows layer %d", (long long)frame->seq, expected,
                     frame->marker.layer);
        expected += every;
    }
    if (expected <= last)
        fail_msg("layer %d of %d was not taken", expected, last);
}

size_t frames_count(const struct frames *frames, const char *trigger)
{
    size_t count = 0;

    for (size_t i = 0; i < frames->count; i++)
        count += str_equal(frames->items[i].trigger, trigger);
    return count;
}

void frames_check_video(struct rig *rig, const struct frames *frames, const char *path)
{
    struct decoded_video video;

    video_decode(rig, path, &video);
    if (video.complaints[0])
        fail_msg("%s: %s", path, video.complaints);
    if (video.count != frames->count)
        fail_msg("%s: %zu pictures of %zu frames", path, video.count, frames->count);
    for (size_t i = 0; i < video.count; i++) {
        const struct video_picture *picture = &video.pictures[i];

        if (!picture->readable)
            fail_msg("%s: picture %zu has no readable marker", path, i + 1);
        if (picture->marker.frame != frames->items[i].marker.frame ||
            picture->marker.view != frames->items[i].marker.view)
            fail_msg("%s: picture %zu is another one than frame %lld", path, i + 1,
                     (long long)frames->items[i].seq);
    }
    decoded_video_done(&video);
}

/* --- the simulator --- */

const cJSON *truth_find(const cJSON *log, const cJSON *after, const char *event, const char *key,
                        const char *value)
{
    for (const cJSON *line = after ? json_next(after) : json_first(log); line;
         line = json_next(line))
        if (event_says(line, "event", event) && (!key || event_says(line, key, value)))
            return line;
    return NULL;
}

size_t truth_count(const cJSON *log, const char *event, const char *key, const char *value)
{
    const cJSON *line = NULL;
    size_t count = 0;

    while ((line = truth_find(log, line, event, key, value)))
        count++;
    return count;
}

void truth_check_printer(struct rig *rig)
{
    CLEANUP(json_free_p) cJSON *log = rig_sim_log(rig);
    CLEANUP(json_free_p) cJSON *state = rig_sim_get(rig, "/sim/state");
    const char *status = json_get_string(state, "status");

    assert_int_equal(truth_count(log, "note", "what", "m24_started_file"), 0);
    assert_int_equal(truth_count(log, "note", "what", "move_while_printing"), 0);
    assert_non_null(status);
    if (str_equal(status, "paused") || str_equal(status, "pausing"))
        fail_msg("the printer is left %s", status);
}

void sim_do(struct rig *rig, const char *query)
{
    CLEANUP(free_p) char *path = xasprintf("/sim/command?do=%s", query);
    CLEANUP(json_free_p) cJSON *answer = rig_sim_get(rig, path);

    if (!answer || json_get(answer, "error"))
        fail_msg("%s: %s", path, answer ? json_get_string(answer, "error") : "no answer");
}
