/* SPDX-License-Identifier: MIT */
/* ctl_world: everything here comes from a broker that others write to, so sizes, depths and the
 * number of names are bounded, and what does not parse is as if it had not come. */
#include "agent/ctl/world.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <stdlib.h>
#include <string.h>

enum { WORLD_MAX = 4096, DOCUMENT_MAX_BYTES = 256 * 1024, DOCUMENT_MAX_DEPTH = 16 };

void ctl_world_init(struct ctl_world *world)
{
    *world = (struct ctl_world){0};
    list_init(&world->agents);
}

static void agent_free(struct ctl_agent *agent)
{
    struct ctl_thing *thing;

    list_remove(&agent->link);
    for (size_t room = 0; room < CTL_ROOM_COUNT; room++)
        LIST_FOR_EACH(&agent->things[room], thing, struct ctl_thing, link)
        {
            json_free(thing->status);
            free(thing);
        }
    json_free(agent->info);
    json_free(agent->status);
    free(agent);
}

void ctl_world_done(struct ctl_world *world)
{
    struct ctl_agent *agent;

    LIST_FOR_EACH(&world->agents, agent, struct ctl_agent, link)
    agent_free(agent);
}

struct ctl_agent *ctl_world_find(const struct ctl_world *world, const char *id)
{
    struct ctl_agent *agent;

    LIST_FOR_EACH(&world->agents, agent, struct ctl_agent, link)
    if (str_equal(agent->id, id))
        return agent;
    return NULL;
}

static struct ctl_agent *find_or_add_agent(struct ctl_world *world, const char *id)
{
    struct ctl_agent *agent = ctl_world_find(world, id);
    struct list *before = world->agents.next;

    if (agent || world->count == WORLD_MAX)
        return agent;
    world->count++;
    agent = xcalloc(1, sizeof(*agent));
    memcpy(agent->id, id, strlen(id) + 1);
    for (size_t room = 0; room < CTL_ROOM_COUNT; room++)
        list_init(&agent->things[room]);
    while (before != &world->agents &&
           strcmp(CONTAINER_OF(before, struct ctl_agent, link)->id, id) < 0)
        before = before->next;
    list_append(before, &agent->link);
    return agent;
}

static struct ctl_thing *find_thing(const struct ctl_agent *agent, enum ctl_room room,
                                    const char *id)
{
    struct ctl_thing *thing;

    LIST_FOR_EACH(&agent->things[room], thing, struct ctl_thing, link)
    if (str_equal(thing->id, id))
        return thing;
    return NULL;
}

static struct ctl_thing *find_or_add_thing(struct ctl_world *world, struct ctl_agent *agent,
                                           enum ctl_room room, const char *id)
{
    struct ctl_thing *thing = find_thing(agent, room, id);
    struct list *before = agent->things[room].next;

    if (thing || world->count == WORLD_MAX)
        return thing;
    world->count++;
    thing = xcalloc(1, sizeof(*thing));
    memcpy(thing->id, id, strlen(id) + 1);
    while (before != &agent->things[room] &&
           strcmp(CONTAINER_OF(before, struct ctl_thing, link)->id, id) < 0)
        before = before->next;
    list_append(before, &thing->link);
    return thing;
}

static void replace_json(cJSON **slot, const cJSON *json)
{
    json_free(*slot);
    *slot = json_copy(json);
}

static void keep_thing(struct ctl_world *world, enum ctl_room room, const struct ctl_news *news)
{
    struct ctl_thing *thing = find_or_add_thing(world, news->agent, room, news->id);

    if (thing)
        replace_json(&thing->status, news->json);
}

static void keep(struct ctl_world *world, const struct ctl_news *news)
{
    switch (news->kind) {
    case TOPIC_INFO:
        replace_json(&news->agent->info, news->json);
        break;
    case TOPIC_STATUS:
        replace_json(&news->agent->status, news->json);
        break;
    case TOPIC_UNIT_STATUS:
        keep_thing(world, CTL_UNITS, news);
        break;
    case TOPIC_PRINTER_STATUS:
        keep_thing(world, CTL_PRINTERS, news);
        break;
    case TOPIC_CAMERA_STATUS:
        keep_thing(world, CTL_CAMERAS, news);
        break;
    case TOPIC_LIGHT_STATUS:
        keep_thing(world, CTL_LIGHTS, news);
        break;
    default:
        break;
    }
}

static bool take_availability(struct ctl_agent *agent, const struct mqtt_message *message)
{
    agent->announced = message->len > 0;
    agent->online = message->len == strlen("online") &&
                    memcmp(message->payload, "online", strlen("online")) == 0;
    return true;
}

/* "<prefix>/v1/<agent>/reply/<our name>" */
static bool parse_reply(const struct ctl_world *world, const char *prefix, const char *topic,
                        char ret_agent[64])
{
    CLEANUP(free_p) char *start = xasprintf("%s/v1/", prefix);
    CLEANUP(free_p) char *agent = NULL, *end = NULL;

    if (!world->client_id || !str_starts_with(topic, start))
        return false;
    topic += strlen(start);
    agent = xstrndup(topic, strcspn(topic, "/"));
    end = xasprintf("/reply/%s", world->client_id);
    if (!str_is_id(agent) || !str_equal(topic + strlen(agent), end))
        return false;
    memcpy(ret_agent, agent, strlen(agent) + 1);
    return true;
}

bool ctl_world_take(struct ctl_world *world, const char *prefix, const struct mqtt_message *message,
                    struct ctl_news *ret_news)
{
    static const struct json_limits limits = {DOCUMENT_MAX_BYTES, DOCUMENT_MAX_DEPTH};
    char agent_id[64];
    struct error err;

    *ret_news = (struct ctl_news){0};
    ret_news->is_reply = parse_reply(world, prefix, message->topic, agent_id);
    if (!ret_news->is_reply &&
        topic_parse_status(prefix, message->topic, &ret_news->kind, agent_id, ret_news->id) < 0)
        return false;
    ret_news->agent = find_or_add_agent(world, agent_id);
    if (!ret_news->agent)
        return false;
    if (!ret_news->is_reply && ret_news->kind == TOPIC_AVAILABILITY)
        return take_availability(ret_news->agent, message);
    /* an empty one clears a retained topic: what was there no longer counts, but was true */
    if (message->len == 0 || json_parse((const char *)message->payload, message->len, &limits,
                                        &ret_news->json, &err) < 0)
        return false;
    if (!ret_news->is_reply && json_is_object(ret_news->json))
        keep(world, ret_news);
    return true;
}

void ctl_news_done(struct ctl_news *news)
{
    json_free(TAKE(news->json));
}

size_t ctl_world_count_online(const struct ctl_world *world, struct ctl_agent **ret_first)
{
    struct ctl_agent *agent;
    size_t count = 0;

    LIST_FOR_EACH(&world->agents, agent, struct ctl_agent, link)
    if (agent->online && count++ == 0)
        *ret_first = agent;
    return count;
}

static bool has_all(const struct ctl_agent *agent, enum ctl_room room, const char *list_name)
{
    const cJSON *list = json_get(agent->info, list_name);

    for (const cJSON *id = json_first(list); id; id = json_next(id))
        if (!find_thing(agent, room, json_string(id)))
            return false;
    return true;
}

bool ctl_world_introduced(const struct ctl_world *world)
{
    struct ctl_agent *agent;

    LIST_FOR_EACH(&world->agents, agent, struct ctl_agent, link)
    if (!agent->announced || !agent->info)
        return false;
    return !list_empty(&world->agents);
}

bool ctl_world_complete(const struct ctl_world *world)
{
    struct ctl_agent *agent;

    LIST_FOR_EACH(&world->agents, agent, struct ctl_agent, link)
    if (!agent->status || !has_all(agent, CTL_UNITS, "units") ||
        !has_all(agent, CTL_PRINTERS, "printers") || !has_all(agent, CTL_CAMERAS, "cameras") ||
        !has_all(agent, CTL_LIGHTS, "lights"))
        return false;
    return ctl_world_introduced(world);
}

char *ctl_world_agents(const struct ctl_world *world, bool online_only)
{
    CLEANUP(buf_done) struct buf buf = BUF_INIT(64 * 1024);
    struct ctl_agent *agent;

    LIST_FOR_EACH(&world->agents, agent, struct ctl_agent, link)
    if (agent->online || !online_only)
        if (buf_printf(&buf, "%s%s", buf.len > 0 ? ", " : "", agent->id) < 0)
            break;
    return xstrdup(buf_text(&buf));
}
