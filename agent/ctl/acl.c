/* SPDX-License-Identifier: MIT */
/* ctl_acl: the rules come from the tables of the contract (mqtt/topic.c), so that a new topic is
 * allowed where its kin are. Nothing is allowed that is not listed: that is how mosquitto reads it.
 *
 * An agent says only what is its own and hears only what it is asked; it can ask nobody, itself
 * included, so that a stolen login commands no printer. Who calls by JSON-RPC has a reply topic of
 * its own. */
#include "agent/ctl/acl.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/ctl/commands.h"
#include "agent/ctl/say.h"
#include "agent/ctl/task.h"

#include <stdlib.h>
#include <string.h>

#define DISCOVERY_PREFIX "homeassistant"

enum { ACL_MAX_BYTES = 8 * 1024 * 1024 };

const struct verb_arg ctl_acl_args[] = {
    {.name = "agents", .type = ARG_STRINGS, .help = "allow these agents, each by its name"},
    {.name = "seen", .type = ARG_BOOL, .help = "allow the agents that are known to the broker"},
    {.name = "groups",
     .type = ARG_STRINGS,
     .help = "who hears a group's commands, as group:agent; default: each agent hears all groups"},
    {.name = "operators", .type = ARG_STRINGS, .help = "users that see and command everything"},
    {.name = "viewers", .type = ARG_STRINGS, .help = "users that see everything"},
    {.name = "home-assistant",
     .type = ARG_STRINGS,
     .help = "users that see everything, command units and snapshots, and find entities"},
    {.name = NULL},
};

const char ctl_acl_details[] =
    "Without --agents and --seen, whoever logs in is taken for the agent of that name. Each user "
    "name is an id: lower-case letters, digits, '_' and '-'.";

struct acl {
    const struct ctl_options *options;
    const char *prefix;
    struct buf text;
    bool full;
};

/* --- lines --- */

static void line(struct acl *acl, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void line(struct acl *acl, const char *fmt, ...)
{
    CLEANUP(free_p) char *text = NULL;
    va_list args;

    va_start(args, fmt);
    text = xvasprintf(fmt, args);
    va_end(args);
    if (buf_printf(&acl->text, "%s\n", text) < 0)
        acl->full = true;
}

/* rule: "topic read", "pattern write" …; where: below <prefix>/v1/. */
static void rule(struct acl *acl, const char *rule, const char *addressee, const char *where)
{
    line(acl, "%s %s/v1/%s/%s", rule, acl->prefix, addressee, where);
}

/* What an agent publishes. */
static void rules_of_state(struct acl *acl, const char *what, const char *agent)
{
    for (int kind = 0; kind < TOPIC_KIND_COUNT; kind++) {
        const char *id = topic_kind_has_id((enum topic_kind)kind) ? "+" : NULL;
        CLEANUP(free_p)
        char *topic = topic_build(acl->prefix, agent, (enum topic_kind)kind, id);

        line(acl, "%s %s", what, topic);
    }
}

/* Takes the filters. */
static void rules_of_filters(struct acl *acl, const char *what, char **filters)
{
    for (size_t i = 0; filters[i]; i++) {
        line(acl, "%s %s", what, filters[i]);
        free(filters[i]);
    }
    free(filters);
}

static void rules_of_group(struct acl *acl, const char *what, const char *group)
{
    size_t count;

    rules_of_filters(acl, what, topic_fleet_filters(acl->prefix, group, &count));
}

/* The groups that an agent hears; a member is "group:agent". */
static void rules_of_groups(struct acl *acl, const char *what, const char *agent)
{
    const cJSON *groups = json_get(acl->options->args, "groups");

    for (const cJSON *item = json_first(groups); item; item = json_next(item)) {
        const char *member = json_string(item);
        CLEANUP(free_p) char *group = xstrndup(member, strcspn(member, ":"));

        if (str_equal(strchr(member, ':') + 1, agent))
            rules_of_group(acl, what, group);
    }
    if (!groups)
        rules_of_group(acl, what, "+");
}

/* form: "topic", with the agent's name, or "pattern", with %u. */
static void rules_of_agent(struct acl *acl, const char *form, const char *agent)
{
    CLEANUP(free_p) char *read = xasprintf("%s read", form);
    CLEANUP(free_p) char *write = xasprintf("%s write", form);
    size_t count;

    rules_of_state(acl, write, agent);
    rule(acl, write, agent, "reply/+");
    rules_of_filters(acl, read, topic_filters(acl->prefix, agent, &count));
    rules_of_group(acl, read, NULL);
    rules_of_groups(acl, read, agent);
    line(acl, "%s readwrite " DISCOVERY_PREFIX "/+/%s/+/config", form, agent);
    line(acl, "%s " DISCOVERY_PREFIX "/status", read);
}

static void rules_of_commands(struct acl *acl)
{
    rule(acl, "topic write", "+", "cmd/+");
    rule(acl, "topic write", "+", "unit/+/cmd/+");
    rule(acl, "topic write", "+", "unit/+/set/+");
}

/* Those that are not for operators alone, each by its name. */
static void rules_of_camera_commands(struct acl *acl)
{
    for (int id = 0; id < VERB_COUNT; id++) {
        const struct verb *verb = &verbs[id];
        CLEANUP(free_p) char *where = xasprintf("camera/+/cmd/%s", verb->name);

        if (verb->scope == TOPIC_SCOPE_CAMERA && !(verb->flags & (VERB_NO_TOPIC | VERB_TRUSTED)))
            rule(acl, "topic write", "+", where);
    }
}

/* --- users --- */

static void acl_viewer(struct acl *acl, const char *user)
{
    line(acl, "\n# sees everything, changes nothing\nuser %s", user);
    rules_of_state(acl, "topic read", "+");
}

static void acl_operator(struct acl *acl, const char *user)
{
    CLEANUP(free_p) char *request = xasprintf("rpc/%s", user);
    CLEANUP(free_p) char *reply = xasprintf("reply/%s", user);

    line(acl, "\n# sees and commands everything; its replies are read by nobody else\nuser %s",
         user);
    rules_of_state(acl, "topic read", "+");
    rules_of_commands(acl);
    rule(acl, "topic write", "+", "camera/+/cmd/+");
    rule(acl, "topic write", "_group/+", "cmd/+");
    rule(acl, "topic write", "+", request);
    rule(acl, "topic write", "_group/+", request);
    rule(acl, "topic read", "+", reply);
}

static void acl_home_assistant(struct acl *acl, const char *user)
{
    line(acl, "\n# Home Assistant: entities by discovery, buttons and settings\nuser %s", user);
    rules_of_state(acl, "topic read", "+");
    rules_of_commands(acl);
    rules_of_camera_commands(acl);
    line(acl, "topic readwrite " DISCOVERY_PREFIX "/#");
}

static void acl_agent(struct acl *acl, const char *agent)
{
    line(acl, "\n# agent\nuser %s", agent);
    rules_of_agent(acl, "topic", agent);
}

static void acl_any_agent(struct acl *acl)
{
    line(acl, "\n# agents: whoever logs in may speak as the agent of that name, and hear what it is"
              "\n# asked; with 'lapsectl acl --agents …' only those that are named may");
    rules_of_agent(acl, "pattern", "%u");
}

static void for_each(struct acl *acl, const char *arg, void (*each)(struct acl *, const char *))
{
    const cJSON *users = json_get(acl->options->args, arg);

    for (const cJSON *user = json_first(users); user; user = json_next(user))
        each(acl, json_string(user));
}

static void acl_head(struct acl *acl)
{
    line(acl, "# Who may say and hear what on the broker, for mosquitto's acl_file. Made by"
              "\n# 'lapsectl acl'. What is not listed is forbidden. A user name is the id of an "
              "agent,"
              "\n# or one of those below. A unit with trigger = \"mqtt\" needs its trigger_topic, "
              "too,"
              "\n# a light with kind = \"mqtt\" its two:"
              "\n#     user <agent>"
              "\n#     topic read <trigger_topic>"
              "\n#     topic write <topic>"
              "\n#     topic read <state_topic>");
}

static void acl_users(struct acl *acl)
{
    for_each(acl, "viewers", acl_viewer);
    for_each(acl, "operators", acl_operator);
    for_each(acl, "home-assistant", acl_home_assistant);
}

static int acl_print(struct acl *acl)
{
    cJSON *json;

    if (acl->full)
        return ctl_fail(acl->options, CTL_REFUSED, "more than %d MB of rules: use fewer at once",
                        ACL_MAX_BYTES / 1024 / 1024);
    if (!acl->options->json) {
        fputs(buf_text(&acl->text), stdout);
        return CTL_OK;
    }
    json = json_object();
    json_add_string(json, "acl", buf_text(&acl->text));
    ctl_print_json(json);
    json_free(json);
    return CTL_OK;
}

/* --- with what the broker knows --- */

static void on_news(struct ctl *ctl, const struct ctl_news *news)
{
    (void)ctl;
    (void)news;
}

static void on_settled(struct ctl *ctl)
{
    struct acl *acl = ctl->data;
    struct ctl_agent *agent;
    bool any = false;

    LIST_FOR_EACH(&ctl->world.agents, agent, struct ctl_agent, link)
    {
        acl_agent(acl, agent->id);
        any = true;
    }
    acl_users(acl);
    if (any)
        ctl_exit(ctl, acl_print(acl));
    else
        ctl_exit(ctl, ctl_fail(ctl->options, CTL_NO_ANSWER,
                               "no agent was ever seen on this broker below '%s'; name them with"
                               " --agents",
                               acl->prefix));
}

static void on_deadline(struct ctl *ctl)
{
    ctl_exit(ctl, CTL_NO_ANSWER);
}

static int acl_of_seen(struct acl *acl)
{
    static const char *const filters[] = {"availability", "info", NULL};
    static const struct ctl_task task = {.filters = filters,
                                         .is_complete = ctl_world_introduced,
                                         .on_news = on_news,
                                         .on_settled = on_settled,
                                         .on_deadline = on_deadline};

    return ctl_run(acl->options, &task, acl);
}

/* --- the command --- */

/* NULL: all are. */
static const char *find_bad_name(const struct ctl_options *options)
{
    for (const struct verb_arg *arg = ctl_acl_args; arg->name; arg++)
        for (const cJSON *item = json_first(json_get(options->args, arg->name)); item;
             item = json_next(item)) {
            const char *name = json_string(item), *colon = strchr(name, ':');
            bool member = str_equal(arg->name, "groups");
            CLEANUP(free_p) char *group = xstrndup(name, strcspn(name, ":"));

            if (!str_is_id(member ? group : name) || (member && (!colon || !str_is_id(colon + 1))))
                return name;
        }
    return NULL;
}

int ctl_acl(const struct ctl_options *options, char **words, int word_count)
{
    struct acl acl = {
        .options = options, .prefix = options->mqtt.prefix, .text = BUF_INIT(ACL_MAX_BYTES)};
    const char *bad = find_bad_name(options);
    bool seen = false;
    int exit_code;

    if (word_count > 0)
        return ctl_fail(options, CTL_USAGE, "acl takes options only, but there is '%s'", words[0]);
    if (bad)
        return ctl_fail(options, CTL_USAGE,
                        "'%s' is no name: lower-case letters, digits, '_' and '-' (a group's member"
                        " is group:agent)",
                        bad);
    acl_head(&acl);
    (void)json_get_bool(options->args, "seen", &seen);
    if (seen) {
        exit_code = acl_of_seen(&acl);
    } else {
        if (json_get(options->args, "agents"))
            for_each(&acl, "agents", acl_agent);
        else
            acl_any_agent(&acl);
        acl_users(&acl);
        exit_code = acl_print(&acl);
    }
    buf_done(&acl.text);
    return exit_code;
}
