/* SPDX-License-Identifier: MIT */
#include "tests/fleet/swarm.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_EVENTS = 1000, KEEPALIVE_S = 30, SESSION_EXPIRY_S = 60 };

struct member {
    struct mqtt_settings settings;
    struct mqtt_client *client;
    char id[8];
    bool up;
    int64_t up_at_ms, said;
};

struct swarm {
    struct member *members;
    size_t count, next; /* to speak */
    struct timer *talk;
};

static void on_up(void *user)
{
    struct member *member = user;

    member->up = true;
    member->up_at_ms = clock_mono_ms();
}

static void on_down(const struct error *why, void *user)
{
    struct member *member = user;

    (void)why;
    member->up = false;
}

static char *topic_of(const struct member *member, const char *below)
{
    return xasprintf("timelapse/v1/%s/%s", member->id, below);
}

/* About as much as an agent with one unit says. */
static void say_state(struct member *member)
{
    static const char *const topics[SWARM_RETAINED - 1] = {"info", "status", "unit/u/state",
                                                           "unit/u/status"};
    char document[600];

    memset(document, 'x', sizeof(document));
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        CLEANUP(free_p) char *topic = topic_of(member, topics[i]);

        mqtt_publish_retained(member->client, topic, MQTT_TEXT, document, sizeof(document));
    }
}

static void member_start(struct member *member, struct loop *loop, int port, const char *dir,
                         size_t number)
{
    static const struct mqtt_callbacks callbacks = {.on_up = on_up, .on_down = on_down};
    CLEANUP(free_p) char *availability = NULL;
    CLEANUP(free_p) char *client_id = NULL;
    CLEANUP(free_p) char *spool = NULL;
    struct error err;

    snprintf(member->id, sizeof(member->id), "a%03zu", number % 1000);
    availability = topic_of(member, "availability");
    client_id = xasprintf("lapsed-%s", member->id);
    spool = path_join(dir, member->id);
    member->settings = (struct mqtt_settings){
        .host = xstrdup("127.0.0.1"),
        .port = port,
        .prefix = xstrdup("timelapse"),
        .keepalive_s = KEEPALIVE_S,
        .max_events = MAX_EVENTS,
    };
    member->client = mqtt_client_new(loop,
                                     &(struct mqtt_client_config){
                                         .settings = &member->settings,
                                         .client_id = client_id,
                                         .availability_topic = availability,
                                         .session_expiry_s = SESSION_EXPIRY_S,
                                         .spool_dir = spool,
                                     },
                                     &callbacks, member);
    say_state(member);
    if (mqtt_client_start(member->client, &err) < 0) {
        fprintf(stderr, "swarm: %s\n", err.text);
        exit(1);
    }
}

static void on_talk(void *user)
{
    struct swarm *swarm = user;
    struct member *member = &swarm->members[swarm->next];
    CLEANUP(free_p) char *topic = topic_of(member, "unit/u/event");
    CLEANUP(free_p)
    char *event = xasprintf(
        "{\"n\":%lld,\"event_type\":\"frame\",\"camera\":\"front\",\"trigger\":\"layer\"}",
        (long long)++member->said);

    mqtt_publish_event(member->client, topic, event);
    swarm->next = (swarm->next + 1) % swarm->count;
}

struct swarm *swarm_new(struct loop *loop, int port, size_t agents, const char *dir)
{
    struct swarm *swarm = xcalloc(1, sizeof(*swarm));

    swarm->count = agents;
    swarm->members = xcalloc(agents, sizeof(*swarm->members));
    swarm->talk = timer_new(loop, on_talk, swarm);
    for (size_t i = 0; i < agents; i++)
        member_start(&swarm->members[i], loop, port, dir, i);
    return swarm;
}

void swarm_free(struct swarm *swarm)
{
    if (!swarm)
        return;
    timer_free(swarm->talk);
    for (size_t i = 0; i < swarm->count; i++) {
        mqtt_client_free(swarm->members[i].client);
        free(swarm->members[i].settings.host);
        free(swarm->members[i].settings.prefix);
    }
    free(swarm->members);
    free(swarm);
}

void swarm_talk(struct swarm *swarm, int64_t every_ms)
{
    int64_t gap_ms = every_ms / (int64_t)swarm->count;

    if (every_ms > 0)
        timer_start_repeat(swarm->talk, MAX(gap_ms, (int64_t)1));
    else
        timer_stop(swarm->talk);
}

size_t swarm_count(const struct swarm *swarm)
{
    return swarm->count;
}

size_t swarm_up(const struct swarm *swarm)
{
    size_t up = 0;

    for (size_t i = 0; i < swarm->count; i++)
        up += swarm->members[i].up;
    return up;
}

int64_t swarm_said(const struct swarm *swarm, size_t agent)
{
    return swarm->members[agent].said;
}

int64_t swarm_said_least(const struct swarm *swarm)
{
    int64_t least = swarm->members[0].said;

    for (size_t i = 1; i < swarm->count; i++)
        least = MIN(least, swarm->members[i].said);
    return least;
}

int64_t swarm_up_at_ms(const struct swarm *swarm, size_t agent)
{
    return swarm->members[agent].up_at_ms;
}

int64_t swarm_dropped(const struct swarm *swarm)
{
    int64_t dropped = 0;

    for (size_t i = 0; i < swarm->count; i++) {
        struct mqtt_link link;

        mqtt_client_link(swarm->members[i].client, &link);
        dropped += link.dropped_events;
    }
    return dropped;
}
