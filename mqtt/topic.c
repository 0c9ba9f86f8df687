/* SPDX-License-Identifier: MIT */
/* topic: two tables say the whole contract, one for what we publish and one for what we hear.
 *
 * A topic that comes in is cut into levels once and then compared level by level; nothing searches
 * for text inside it, so that a level such as "cmd" as the name of a unit cannot shift the others.
 */
#include "mqtt/topic.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define VERSION_LEVEL "v1"
#define ALL_LEVEL     "_all"
#define GROUP_LEVEL   "_group"
#define REPLY_LEVEL   "reply"

enum {
    PREFIX_MAX_LEVELS = 8,
    PREFIX_LEVEL_MAX = 32,
    RESPONSE_TOPIC_MAX = 256,
    NAME_SIZE = 64, /* of the arrays in struct topic_target */
};

/* --- levels --- */

struct level {
    const char *text;
    size_t len;
};

/* Deeper than any topic of the contract ("<agent>/unit/<id>/cmd/<verb>"). */
#define LEVELS_MAX 6

struct levels {
    struct level at[LEVELS_MAX];
    size_t count;
};

static bool level_is(const struct level *level, const char *text)
{
    return level->len == strlen(text) && memcmp(level->text, text, level->len) == 0;
}

static bool levels_cut(const char *text, struct levels *ret_levels)
{
    ret_levels->count = 0;
    for (;;) {
        size_t len = strcspn(text, "/");

        if (ret_levels->count == LEVELS_MAX)
            return false;
        ret_levels->at[ret_levels->count++] = (struct level){.text = text, .len = len};
        if (text[len] == '\0')
            return true;
        text += len + 1;
    }
}

/* What stands behind "<prefix>/v1/"; NULL when topic is not below it. */
static const char *below_version(const char *prefix, const char *topic)
{
    size_t len = strlen(prefix);

    if (!str_starts_with(topic, prefix))
        return NULL;
    return str_starts_with(topic + len, "/" VERSION_LEVEL "/")
               ? topic + len + sizeof("/" VERSION_LEVEL "/") - 1
               : NULL;
}

/* Copies a level that must be an id of the contract. */
static bool copy_id(const struct level *level, char ret_id[NAME_SIZE])
{
    char id[NAME_SIZE];

    if (level->len >= NAME_SIZE)
        return false;
    memcpy(id, level->text, level->len);
    id[level->len] = '\0';
    if (!str_is_id(id))
        return false;
    memcpy(ret_id, id, level->len + 1);
    return true;
}

/* --- what we publish --- */

/* room NULL: the topic is the agent's own. leaf2: a second level below the leaf. */
static const struct {
    const char *room, *leaf, *leaf2;
} shapes[] = {
    [TOPIC_AVAILABILITY] = {NULL, "availability", NULL},
    [TOPIC_INFO] = {NULL, "info", NULL},
    [TOPIC_STATUS] = {NULL, "status", NULL},
    [TOPIC_JOBS] = {NULL, "jobs", NULL},
    [TOPIC_EVENT] = {NULL, "event", NULL},
    [TOPIC_ACK] = {NULL, "ack", NULL},
    [TOPIC_PRINTER_AVAILABILITY] = {"printer", "availability", NULL},
    [TOPIC_PRINTER_STATE] = {"printer", "state", NULL},
    [TOPIC_PRINTER_STATUS] = {"printer", "status", NULL},
    [TOPIC_CAMERA_STATUS] = {"camera", "status", NULL},
    [TOPIC_LIGHT_STATUS] = {"light", "status", NULL},
    [TOPIC_IMAGE] = {"image", "last", NULL},
    [TOPIC_IMAGE_META] = {"image", "last", "meta"},
    [TOPIC_UNIT_AVAILABILITY] = {"unit", "availability", NULL},
    [TOPIC_UNIT_STATE] = {"unit", "state", NULL},
    [TOPIC_UNIT_STATUS] = {"unit", "status", NULL},
    [TOPIC_UNIT_VIDEO] = {"unit", "video", NULL},
    [TOPIC_UNIT_EVENT] = {"unit", "event", NULL},
};

bool topic_kind_has_id(enum topic_kind kind)
{
    return shapes[kind].room != NULL;
}

char *topic_build(const char *prefix, const char *agent, enum topic_kind kind, const char *id)
{
    const char *room = shapes[kind].room;

    assert(!room == !id);
    return xasprintf("%s/" VERSION_LEVEL "/%s/%s%s%s%s%s%s%s", prefix, agent, room ? room : "",
                     room ? "/" : "", room ? id : "", room ? "/" : "", shapes[kind].leaf,
                     shapes[kind].leaf2 ? "/" : "", shapes[kind].leaf2 ? shapes[kind].leaf2 : "");
}

/* levels: behind the agent. */
static bool shape_matches(enum topic_kind kind, const struct level *levels, size_t count)
{
    size_t at = 0;

    if (shapes[kind].room) {
        if (count < 2 || !level_is(&levels[0], shapes[kind].room))
            return false;
        at = 2;
    }
    if (at >= count || !level_is(&levels[at++], shapes[kind].leaf))
        return false;
    if (shapes[kind].leaf2 && (at >= count || !level_is(&levels[at++], shapes[kind].leaf2)))
        return false;
    return at == count;
}

int topic_parse_status(const char *prefix, const char *topic, enum topic_kind *ret_kind,
                       char ret_agent[64], char ret_id[64])
{
    const char *rest = below_version(prefix, topic);
    char agent[NAME_SIZE], id[NAME_SIZE] = "";
    struct levels levels;

    if (!rest || !levels_cut(rest, &levels) || !copy_id(&levels.at[0], agent))
        return -ENOENT;
    for (size_t kind = 0; kind < ARRAY_LEN(shapes); kind++) {
        if (!shape_matches((enum topic_kind)kind, levels.at + 1, levels.count - 1))
            continue;
        if (shapes[kind].room && !copy_id(&levels.at[2], id))
            return -ENOENT;
        *ret_kind = (enum topic_kind)kind;
        memcpy(ret_agent, agent, sizeof(agent));
        memcpy(ret_id, id, sizeof(id));
        return 0;
    }
    return -ENOENT;
}

/* --- what we hear --- */

/* "[<room>/<id>/]<word>/<name>"; fleet: also below _all and _group/<g>. */
static const struct request {
    const char *room, *word;
    enum topic_scope scope;
    enum topic_request request;
    bool fleet;
} requests[] = {
    {NULL, "cmd", TOPIC_SCOPE_AGENT, TOPIC_CMD, true},
    {"unit", "cmd", TOPIC_SCOPE_UNIT, TOPIC_CMD, false},
    {"camera", "cmd", TOPIC_SCOPE_CAMERA, TOPIC_CMD, false},
    {"unit", "set", TOPIC_SCOPE_UNIT, TOPIC_SET, false},
    {NULL, "rpc", TOPIC_SCOPE_AGENT, TOPIC_RPC, true},
};

static const struct request *find_request(const struct level *levels, size_t count, bool broadcast)
{
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        size_t word = requests[i].room ? 2 : 0;

        if (count != word + 2 || !level_is(&levels[word], requests[i].word))
            continue;
        if (requests[i].room && !level_is(&levels[0], requests[i].room))
            continue;
        if (!broadcast || requests[i].fleet)
            return &requests[i];
    }
    return NULL;
}

/* Reads the addressee; returns how many levels it took. */
static size_t parse_addressee(const struct levels *levels, struct topic_target *target,
                              bool *ret_ok)
{
    *ret_ok = true;
    if (level_is(&levels->at[0], ALL_LEVEL)) {
        target->broadcast = true;
        return 1;
    }
    if (level_is(&levels->at[0], GROUP_LEVEL) && levels->count > 1) {
        target->broadcast = true;
        *ret_ok = copy_id(&levels->at[1], target->agent);
        return 2;
    }
    *ret_ok = copy_id(&levels->at[0], target->agent);
    return 1;
}

int topic_parse(const char *prefix, const char *topic, struct topic_target *ret_target,
                struct error *err)
{
    const char *rest = below_version(prefix, topic);
    struct topic_target target = {0};
    const struct request *request;
    const struct level *levels;
    struct levels cut;
    size_t taken;
    bool ok;

    if (!rest || !levels_cut(rest, &cut))
        return error_set(err, -ENOENT, "no request topic of ours");
    taken = parse_addressee(&cut, &target, &ok);
    levels = cut.at + taken;
    request = find_request(levels, cut.count - taken, target.broadcast);
    if (!request)
        return error_set(err, -ENOENT, "no request topic of ours");
    if (!ok)
        return error_set(err, -EINVAL, "agent or group: not a valid name");
    target.scope = request->scope;
    target.request = request->request;
    if (request->room && !copy_id(&levels[1], target.id))
        return error_set(err, -EINVAL, "%s: not a valid name", request->room);
    if (!copy_id(&levels[request->room ? 3 : 1], target.verb))
        return error_set(err, -EINVAL, "%s: not a valid name behind it", request->word);
    *ret_target = target;
    return 0;
}

static char *request_topic(const char *prefix, const char *agent, const char *room, const char *id,
                           const char *word, const char *name)
{
    if (!room)
        return xasprintf("%s/" VERSION_LEVEL "/%s/%s/%s", prefix, agent, word, name);
    return xasprintf("%s/" VERSION_LEVEL "/%s/%s/%s/%s/%s", prefix, agent, room, id, word, name);
}

char *topic_build_cmd(const char *prefix, const char *agent, enum topic_scope scope, const char *id,
                      const char *verb)
{
    static const char *const rooms[] = {
        [TOPIC_SCOPE_AGENT] = NULL, [TOPIC_SCOPE_UNIT] = "unit", [TOPIC_SCOPE_CAMERA] = "camera"};

    return request_topic(prefix, agent, rooms[scope], id, "cmd", verb);
}

char *topic_build_set(const char *prefix, const char *agent, const char *unit, const char *key)
{
    return request_topic(prefix, agent, "unit", unit, "set", key);
}

char *topic_build_reply(const char *prefix, const char *agent, const char *client)
{
    return request_topic(prefix, agent, NULL, NULL, REPLY_LEVEL, client);
}

static char **filters_of(const char *prefix, const char *addressee, bool fleet, size_t *ret_count)
{
    char **filters = xcalloc(ARRAY_LEN(requests) + 1, sizeof(*filters));
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(requests); i++)
        if (!fleet || requests[i].fleet)
            filters[count++] =
                request_topic(prefix, addressee, requests[i].room, "+", requests[i].word, "+");
    *ret_count = count;
    return filters;
}

char **topic_filters(const char *prefix, const char *agent, size_t *ret_count)
{
    return filters_of(prefix, agent, false, ret_count);
}

char **topic_fleet_filters(const char *prefix, const char *group, size_t *ret_count)
{
    CLEANUP(free_p) char *addressee = group ? xasprintf(GROUP_LEVEL "/%s", group) : NULL;

    return filters_of(prefix, group ? addressee : ALL_LEVEL, true, ret_count);
}

/* --- forms --- */

static bool prefix_level_valid(const char *level, size_t len)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

    return len >= 1 && len <= PREFIX_LEVEL_MAX && strspn(level, allowed) >= len;
}

bool topic_prefix_valid(const char *prefix)
{
    for (int level = 0; level < PREFIX_MAX_LEVELS; level++) {
        size_t len = strcspn(prefix, "/");

        if (!prefix_level_valid(prefix, len))
            return false;
        if (prefix[len] == '\0')
            return true;
        prefix += len + 1;
    }
    return false;
}

/* Brokers may close the connection over a control character in a name (MQTT 5, 1.5.4). */
static bool has_control(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        if (*at < 0x20 || *at == 0x7f || (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f))
            return true;
    return false;
}

static bool name_valid(const char *name)
{
    size_t len = strlen(name);

    return len >= 1 && len <= UINT16_MAX && str_is_utf8(name, len) && !has_control(name);
}

bool topic_publishable(const char *topic)
{
    return name_valid(topic) && topic[0] != '$' && !strpbrk(topic, "+#");
}

bool topic_filter_valid(const char *filter)
{
    if (!name_valid(filter))
        return false;
    for (;;) {
        size_t len = strcspn(filter, "/");

        if (len > 1 && strcspn(filter, "+#") < len)
            return false;
        if (filter[len] == '\0')
            return true;
        if (len == 1 && *filter == '#')
            return false;
        filter += len + 1;
    }
}

bool topic_matches(const char *filter, const char *topic)
{
    if (*topic == '$' && *filter != '$')
        return false;
    for (;;) {
        size_t want = strcspn(filter, "/"), have = strcspn(topic, "/");

        if (want == 1 && *filter == '#')
            return true;
        if (!(want == 1 && *filter == '+') && (want != have || memcmp(filter, topic, want) != 0))
            return false;
        filter += want;
        topic += have;
        if (*topic == '\0')
            return *filter == '\0' || str_equal(filter, "/#");
        if (*filter == '\0')
            return false;
        filter++;
        topic++;
    }
}

/* Whether the topic is a place of the contract: a request, or what an agent says of itself. */
static bool has_meaning(const char *prefix, const char *topic)
{
    char agent[NAME_SIZE], id[NAME_SIZE];
    struct topic_target target;
    enum topic_kind kind;

    return topic_parse(prefix, topic, &target, NULL) != -ENOENT ||
           topic_parse_status(prefix, topic, &kind, agent, id) != -ENOENT;
}

/* Below "<prefix>/v1" the first level says whose place it is. */
static bool is_place_of_another(const char *prefix, const char *agent, const char *topic)
{
    const char *rest = below_version(prefix, topic);
    struct level first;

    if (!rest)
        return false;
    first = (struct level){.text = rest, .len = strcspn(rest, "/")};
    return !level_is(&first, agent) && (first.len == 0 || *first.text != '_');
}

static bool listed(const struct conf_strings *filters, const char *topic)
{
    for (size_t i = 0; filters && i < filters->count; i++)
        if (topic_matches(filters->items[i], topic))
            return true;
    return false;
}

/* Whoever may command us could else make us write, with our rights, a command to another agent or
 * nonsense on a status topic: what the contract gives a meaning to is no place for an answer, not
 * even when the list names it. */
bool topic_response_allowed(const struct topic_response_rule *rule, const char *topic)
{
    size_t len = strlen(rule->prefix);

    if (strlen(topic) > RESPONSE_TOPIC_MAX || !topic_publishable(topic) ||
        has_meaning(rule->prefix, topic))
        return false;
    if (listed(rule->allow, topic))
        return true;
    return str_starts_with(topic, rule->prefix) && topic[len] == '/' && topic[len + 1] != '\0' &&
           !is_place_of_another(rule->prefix, rule->agent, topic);
}
