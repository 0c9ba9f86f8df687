/* SPDX-License-Identifier: MIT */
/* ctl_task: MQTT does not say where the retained messages of a subscription end. They come in one
 * burst, so it is over when everything that the agents' info topics name has been seen and nothing
 * follows for a moment, or else after a longer silence. */
#include "agent/ctl/task.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/ctl/say.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    QUIET_MS = 500,
    QUIET_COMPLETE_MS = 60,
    QUIET_STAGE_MS = 150,
    FLEET_MESSAGES = 4096, /* the retained topics of a fleet come in large bursts */
};

int64_t ctl_timeout_ms(const struct ctl_options *options)
{
    return options->timeout_ms > 0 ? options->timeout_ms : CTL_TIMEOUT_MS;
}

static void on_stopped(void *user)
{
    struct ctl *ctl = user;

    loop_stop(ctl->loop);
}

void ctl_exit(struct ctl *ctl, int exit_code)
{
    if (ctl->ended)
        return;
    ctl->ended = true;
    ctl->exit_code = exit_code;
    timer_stop(ctl->quiet);
    timer_stop(ctl->deadline);
    timer_stop(ctl->tick);
    if (ctl->up)
        mqtt_client_stop(ctl->mqtt, on_stopped, ctl);
    else
        loop_stop(ctl->loop);
}

void ctl_set_deadline(struct ctl *ctl, int64_t ms)
{
    if (ms > 0)
        timer_start(ctl->deadline, ms);
    else
        timer_stop(ctl->deadline);
}

void ctl_tick_after(struct ctl *ctl, int64_t ms)
{
    if (!timer_active(ctl->tick))
        timer_start(ctl->tick, ms);
}

/* --- the retained topics --- */

static bool has_more_filters(const struct ctl *ctl)
{
    return ctl->task->filters[ctl->subscribed] != NULL;
}

static void await_quiet(struct ctl *ctl)
{
    if (ctl->settled)
        return;
    if (has_more_filters(ctl))
        timer_start(ctl->quiet, QUIET_STAGE_MS);
    else
        timer_start(ctl->quiet, ctl->task->is_complete(&ctl->world) ? QUIET_COMPLETE_MS : QUIET_MS);
}

static void subscribe_next(struct ctl *ctl)
{
    const char *agent = ctl->options->agent ? ctl->options->agent : "+";
    const char *what = ctl->task->filters[ctl->subscribed++];
    bool replies = str_equal(what, CTL_REPLIES);
    CLEANUP(free_p)
    char *filter = xasprintf("%s/v1/%s/%s%s%s", ctl->options->mqtt.prefix, agent, what,
                             replies ? "/" : "", replies ? ctl->client_id : "");

    mqtt_subscribe(ctl->mqtt, filter, !replies);
}

/* Of a fleet those first that end with "info". */
static void subscribe(struct ctl *ctl)
{
    bool many = ctl_options_many(ctl->options);
    bool was_info = false;

    while (has_more_filters(ctl) && !(many && was_info)) {
        was_info = str_equal(ctl->task->filters[ctl->subscribed], "info");
        subscribe_next(ctl);
    }
}

/* --- what the client tells --- */

static void on_up(void *user)
{
    struct ctl *ctl = user;
    bool first = !ctl->up && !ctl->settled;

    ctl->up = true;
    if (ctl->ended)
        return;
    if (first)
        timer_stop(ctl->deadline);
    else
        ctl_note(ctl->options, "the broker is back");
    if (first && ctl->task->on_up)
        ctl->task->on_up(ctl);
    await_quiet(ctl);
}

static void tell_unreachable(const struct ctl *ctl, const struct error *why, bool was_up)
{
    const struct mqtt_settings *mqtt = &ctl->options->mqtt;
    int port = mqtt->port > 0 ? (int)mqtt->port : mqtt->tls ? 8883 : 1883;
    CLEANUP(free_p)
    char *left = was_up && ctl->task->what_is_left ? ctl->task->what_is_left(ctl) : NULL;

    if (why->code == -ECONNREFUSED && !was_up)
        ctl_fail(ctl->options, CTL_UNREACHABLE,
                 "cannot reach the broker at %s:%d: connection refused; is mosquitto running?"
                 " (--host, --port)",
                 mqtt->host, port);
    else
        ctl_fail(ctl->options, CTL_UNREACHABLE, "%s%s%s%s", was_up ? "lost the broker: " : "",
                 why->text, left ? "; " : "", left ? left : "");
}

static void on_down(const struct error *why, void *user)
{
    struct ctl *ctl = user;
    bool was_up = ctl->up;

    ctl->up = false;
    if (ctl->ended)
        return;
    if (was_up && ctl->task->stays) {
        ctl_note(ctl->options, "lost the broker: %s; waiting for it", why->text);
        return;
    }
    if (ctl->task->stays && ctl->settled)
        return; /* one more attempt failed */
    tell_unreachable(ctl, why, was_up);
    ctl_exit(ctl, CTL_UNREACHABLE);
}

static void on_message(const struct mqtt_message *message, void *user)
{
    struct ctl *ctl = user;
    struct ctl_news news;

    if (ctl->ended)
        return;
    if (ctl_world_take(&ctl->world, ctl->options->mqtt.prefix, message, &news)) {
        await_quiet(ctl);
        ctl->task->on_news(ctl, &news);
    }
    ctl_news_done(&news);
}

static void on_problem(const struct error *problem, void *user)
{
    struct ctl *ctl = user;

    if (!ctl->ended)
        ctl_note(ctl->options, "%s", problem->text);
}

static void warn_of_loss(const struct ctl *ctl)
{
    struct mqtt_link link;

    mqtt_client_link(ctl->mqtt, &link);
    if (link.dropped_messages > 0)
        ctl_note(ctl->options, "%lld messages came too fast and are missing; name one --agent",
                 (long long)link.dropped_messages);
}

static void on_quiet(void *user)
{
    struct ctl *ctl = user;

    if (has_more_filters(ctl)) {
        subscribe_next(ctl);
        timer_start(ctl->quiet, QUIET_MS);
        return;
    }
    ctl->settled = true;
    warn_of_loss(ctl);
    ctl->task->on_settled(ctl);
}

/* For who stays, --timeout says how long. */
static int64_t reach_timeout_ms(const struct ctl *ctl)
{
    return ctl->task->stays ? CTL_TIMEOUT_MS : ctl_timeout_ms(ctl->options);
}

static void on_deadline(void *user)
{
    struct ctl *ctl = user;

    if (ctl->up || ctl->settled) {
        ctl->task->on_deadline(ctl);
        return;
    }
    ctl_exit(ctl, ctl_fail(ctl->options, CTL_UNREACHABLE,
                           "no answer from the broker at %s within %.1f s (--host, --timeout)",
                           ctl->options->mqtt.host, (double)reach_timeout_ms(ctl) / 1000));
}

static void on_tick(void *user)
{
    struct ctl *ctl = user;

    if (!ctl->ended && ctl->task->on_tick)
        ctl->task->on_tick(ctl);
}

static void on_signal(int signum, void *user)
{
    struct ctl *ctl = user;
    CLEANUP(free_p) char *left = NULL;
    int exit_code = signum == SIGINT ? CTL_INTERRUPTED : CTL_TERMINATED;

    if (ctl->ended) {
        loop_stop(ctl->loop); /* twice: at once */
        return;
    }
    if (!ctl->task->stays) {
        left = ctl->task->what_is_left ? ctl->task->what_is_left(ctl) : NULL;
        ctl_fail(ctl->options, exit_code, "interrupted%s%s", left ? "; " : "", left ? left : "");
    }
    ctl_exit(ctl, ctl->task->stays ? CTL_OK : exit_code);
}

/* --- birth and death --- */

/* Two of us may be one user, but not one client. */
static void name_ourselves(struct ctl *ctl, char *ret_session, size_t size)
{
    const char *user = ctl->options->mqtt.user;
    uint32_t number = 0;

    if (getrandom(&number, sizeof(number), 0) < 0)
        number = (uint32_t)getpid();
    snprintf(ret_session, size, "lapsectl-%08x", number);
    snprintf(ctl->client_id, sizeof(ctl->client_id), "%s",
             user && str_is_id(user) ? user : ret_session);
}

static void ctl_open(struct ctl *ctl)
{
    static const struct mqtt_callbacks callbacks = {on_up, on_down, on_message, on_problem};
    char session[32];
    struct mqtt_client_config config = {.settings = &ctl->options->mqtt,
                                        .client_id = session,
                                        .inbox_max_messages = FLEET_MESSAGES};

    name_ourselves(ctl, session, sizeof(session));
    ctl_world_init(&ctl->world);
    ctl->world.client_id = ctl->client_id;
    ctl->quiet = timer_new(ctl->loop, on_quiet, ctl);
    ctl->deadline = timer_new(ctl->loop, on_deadline, ctl);
    ctl->tick = timer_new(ctl->loop, on_tick, ctl);
    ctl->interrupt = signal_watch_new(ctl->loop, SIGINT, on_signal, ctl);
    ctl->terminate = signal_watch_new(ctl->loop, SIGTERM, on_signal, ctl);
    ctl->mqtt = mqtt_client_new(ctl->loop, &config, &callbacks, ctl);
    subscribe(ctl);
}

static void ctl_close(struct ctl *ctl)
{
    mqtt_client_free(ctl->mqtt);
    signal_watch_free(ctl->terminate);
    signal_watch_free(ctl->interrupt);
    timer_free(ctl->tick);
    timer_free(ctl->deadline);
    timer_free(ctl->quiet);
    ctl_world_done(&ctl->world);
    loop_free(ctl->loop);
}

int ctl_run(const struct ctl_options *options, const struct ctl_task *task, void *data)
{
    struct ctl ctl = {.options = options, .task = task, .data = data};
    struct error err;

    if (loop_new(&ctl.loop, &err) < 0)
        return ctl_fail(options, CTL_REFUSED, "%s", err.text);
    ctl_open(&ctl);
    timer_start(ctl.deadline, reach_timeout_ms(&ctl));
    if (mqtt_client_start(ctl.mqtt, &err) < 0)
        ctl.exit_code = ctl_fail(options, CTL_UNREACHABLE, "%s", err.text);
    else
        loop_run(ctl.loop);
    ctl_close(&ctl);
    return ctl.exit_code;
}
