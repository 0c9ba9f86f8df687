/* SPDX-License-Identifier: MIT */
/* ctl_await: a unit says of each of its videos that it is ready; a job that is no unit's has one
 * end. Either may be over before its command's answer was read. */
#include "agent/ctl/command.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/ctl/print.h"
#include "agent/ctl/say.h"
#include "agent/ctl/text.h"

#include <stdio.h>

/* Of a job that is no unit's there is one end. */
static int64_t count_cameras(const struct ctl *ctl, const struct ctl_one *one)
{
    struct ctl_agent *agent = ctl_world_find(&ctl->world, one->agent);
    struct ctl_thing *unit;

    if (!one->unit)
        return 1;
    LIST_FOR_EACH(&agent->things[CTL_UNITS], unit, struct ctl_thing, link)
    if (str_equal(unit->id, one->unit))
        return MAX((int64_t)json_size(json_get(unit->status, "cameras")), 1);
    return 1;
}

static bool makes_video(const struct ctl *ctl, const struct ctl_one *one, const cJSON *result)
{
    return !ctl->options->no_wait && ctl_request_is_long(&one->request) &&
           (json_get_string(result, "job") ||
            str_equal(json_get_string(result, "state"), "building"));
}

static const char *video_kind(const struct ctl_one *one)
{
    return str_equal(one->request.verb->name, "preview") ? "preview" : "final";
}

static bool is_our_video(const struct ctl_one *one, const struct ctl_news *news)
{
    const char *type = json_get_string(news->json, "event_type");

    if (!str_equal(type, "video_ready") && !str_equal(type, "preview_ready") &&
        !str_equal(type, "video_failed") && !str_equal(type, "video_none"))
        return false;
    if (!one->unit)
        return one->job && str_equal(json_get_string(news->json, "job"), one->job);
    return str_equal(news->id, one->unit) &&
           str_equal(json_get_string(news->json, "kind"), video_kind(one));
}

static void on_video(struct ctl *ctl, struct ctl_one *one, const cJSON *event)
{
    CLEANUP(free_p) char *type = ctl_text(event, "event_type");

    if (json_get(event, "error"))
        one->failed = true;
    ctl_progress_erase(&one->progress);
    if (ctl->options->json) {
        ctl_print_json(event);
    } else if (!ctl->options->quiet) {
        printf("%s: %s\n", one->unit ? one->unit : one->job, type);
        ctl_print_members(event);
    }
    fflush(stdout);
    if (!one->unit) /* its job tells the end */
        return;
    if (--one->videos_left == 0)
        ctl_exit(ctl, one->failed ? CTL_REFUSED : CTL_OK);
}

/* --- the job that makes it --- */

static bool is_end_of_job(const cJSON *event)
{
    const char *type = json_get_string(event, "event_type");

    return str_equal(type, "job_done") || str_equal(type, "job_failed") ||
           str_equal(type, "job_cancelled");
}

/* A unit that is done tells it by its videos, too, and those say more. */
static void on_job_over(struct ctl *ctl, struct ctl_one *one, const cJSON *event)
{
    CLEANUP(free_p) char *type = ctl_text(event, "event_type");
    CLEANUP(free_p) char *why = ctl_text(event, "error.message");
    bool done = str_equal(type, "job_done");

    if (done && one->unit)
        return;
    ctl_progress_erase(&one->progress);
    if (ctl->options->json)
        ctl_print_json(event);
    else if (!done)
        ctl_fail(ctl->options, CTL_REFUSED, "%s: %s%s%s", one->label, type,
                 str_equal(why, "-") ? "" : ": ", str_equal(why, "-") ? "" : why);
    else if (!ctl->options->quiet)
        printf("%s: %s\n", one->job, type);
    fflush(stdout);
    ctl_exit(ctl, done ? CTL_OK : CTL_REFUSED);
}

static void on_agent_event(struct ctl *ctl, struct ctl_one *one, const cJSON *event)
{
    if (!is_end_of_job(event))
        return;
    if (one->stage != CTL_STAGE_BUILDING) {
        json_free(one->ended);
        one->ended = json_copy(event);
    } else if (one->job && str_equal(json_get_string(event, "id"), one->job)) {
        on_job_over(ctl, one, event);
    }
}

static void on_jobs(struct ctl_one *one, const cJSON *jobs)
{
    const cJSON *job = ctl_progress_find(jobs, one->job, one->unit, video_kind(one));
    CLEANUP(free_p) char *text = job ? ctl_progress_text(job) : NULL;

    if (text)
        ctl_progress_draw(&one->progress, text);
}

bool ctl_await_begin(struct ctl *ctl, struct ctl_one *one, const cJSON *result)
{
    if (!makes_video(ctl, one, result))
        return false;
    replace_str(&one->job, json_get_string(result, "job"));
    one->videos_left = count_cameras(ctl, one);
    ctl_set_deadline(ctl,
                     ctl->options->timeout_ms > 0 ? ctl->options->timeout_ms : CTL_LONG_TIMEOUT_MS);
    if (one->ended && one->job && str_equal(json_get_string(one->ended, "id"), one->job))
        on_job_over(ctl, one, one->ended);
    return true;
}

void ctl_await_news(struct ctl *ctl, struct ctl_one *one, const struct ctl_news *news)
{
    if (news->kind == TOPIC_EVENT)
        on_agent_event(ctl, one, news->json);
    else if (one->stage != CTL_STAGE_BUILDING)
        return;
    else if (news->kind == TOPIC_UNIT_EVENT && is_our_video(one, news))
        on_video(ctl, one, news->json);
    else if (news->kind == TOPIC_JOBS)
        on_jobs(one, news->json);
}
