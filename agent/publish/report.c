/* SPDX-License-Identifier: MIT */
#include "agent/publish/report.h"

#include "agent/base/clock.h"

static void add_layer(cJSON *json, int layer)
{
    if (layer >= 0)
        json_add_int(json, "layer", layer);
    else
        json_add_null(json, "layer");
}

void report_look(cJSON *json, const struct picture *picture)
{
    cJSON *flags;

    if (picture->brightness >= 0)
        json_add_int(json, "brightness", picture->brightness);
    else
        json_add_null(json, "brightness");
    flags = json_add_array(json, "flags");
    for (int i = 0; i < PICTURE_FLAG_COUNT; i++)
        if (picture->flags & 1u << i)
            json_add_string(flags, NULL, picture_flag_words[i]);
}

static void add_light(cJSON *json, enum exposure_light light)
{
    if (light == EXPOSURE_UNLIT)
        json_add_null(json, "lit");
    else
        json_add_bool(json, "lit", light == EXPOSURE_LIT);
}

cJSON *report_frame(const struct track_frame *frame)
{
    cJSON *json = json_object();

    json_add_string(json, "camera", frame->camera);
    json_add_int(json, "frame", frame->seq);
    add_layer(json, frame->cause.layer);
    json_add_string(json, "trigger", frame->cause.trigger);
    json_add_bool(json, "parked", frame->cause.parked);
    add_light(json, frame->cause.light);
    json_add_time(json, "captured_at", frame->captured_at);
    json_add_int(json, "age_ms", frame->age_ms);
    json_add_int(json, "bytes", frame->bytes);
    json_add_int(json, "width", frame->width);
    json_add_int(json, "height", frame->height);
    report_look(json, frame->picture);
    json_add_string(json, "file", frame->path);
    return json;
}

cJSON *report_lost_frame(const char *camera, const struct frame_cause *cause,
                         const struct error *err)
{
    cJSON *json = json_object();

    json_add_string(json, "camera", camera);
    add_layer(json, cause->layer);
    json_add_string(json, "trigger", cause->trigger);
    json_add_string(json, "error", err->text);
    return json;
}

cJSON *report_picture(const char *camera, const struct picture *picture, enum exposure_light light,
                      int64_t asked_at_mono_us)
{
    cJSON *json = json_object();

    json_add_string(json, "camera", camera);
    json_add_time(json, "captured_at", clock_wall_of_mono_ms(picture->captured_at_mono_us / 1000));
    json_add_int(json, "age_ms", (picture->captured_at_mono_us - asked_at_mono_us) / 1000);
    json_add_int(json, "bytes", (int64_t)picture->len);
    json_add_int(json, "width", picture->width);
    json_add_int(json, "height", picture->height);
    report_look(json, picture);
    add_light(json, light);
    return json;
}

static cJSON *about_video(const struct report_video *about)
{
    cJSON *json = json_object();

    json_add_string(json, "job", about->job);
    json_add_string(json, "kind", about->kind);
    json_add_string(json, "session", about->session);
    json_add_string(json, "camera", about->camera);
    return json;
}

cJSON *report_video(const struct report_video *about, const struct video_result *video)
{
    cJSON *json = about_video(about);

    json_add_string(json, "file", video->path);
    json_add_null(json, "url");
    json_add_int(json, "frames", video->frames);
    json_add_int(json, "dropped_frames", video->dropped_frames);
    json_add_int(json, "resized_frames", about->resized);
    json_add_int(json, "missed", about->missed);
    json_add_number(json, "duration_s", video->duration_s, 3);
    json_add_number(json, "fps", video->fps, 3);
    json_add_int(json, "bytes", video->bytes);
    json_add_int(json, "width", video->width);
    json_add_int(json, "height", video->height);
    if (about->ready_ms_after_end >= 0)
        json_add_int(json, "ready_ms_after_end", about->ready_ms_after_end);
    else
        json_add_null(json, "ready_ms_after_end");
    json_add_null(json, "thumbnail");
    return json;
}

cJSON *report_failed_video(const struct report_video *about, const struct error *err)
{
    cJSON *json = about_video(about);

    json_add_string(json, "error", err->text);
    return json;
}
