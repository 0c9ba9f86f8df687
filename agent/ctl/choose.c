/* SPDX-License-Identifier: MIT */
#include "agent/ctl/command.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/ctl/say.h"
#include "agent/ctl/text.h"

#include <stdlib.h>

static struct ctl_agent *agent_absent(struct ctl *ctl, const struct ctl_agent *agent)
{
    const char *id = ctl->options->agent;

    if (agent && agent->announced)
        ctl_exit(ctl, ctl_fail(ctl->options, CTL_NO_ANSWER,
                               "agent '%s' is offline; is lapsed running there? (systemctl status"
                               " lapsed)",
                               id));
    else
        ctl_exit(ctl, ctl_fail(ctl->options, CTL_NO_ANSWER,
                               "no agent '%s' was ever seen on this broker below '%s'; 'lapsectl"
                               " status' shows those that were",
                               id, ctl->options->mqtt.prefix));
    return NULL;
}

static struct ctl_agent *choose_only_agent(struct ctl *ctl)
{
    const struct ctl_options *options = ctl->options;
    struct ctl_agent *agent = NULL;
    size_t online = ctl_world_count_online(&ctl->world, &agent);
    CLEANUP(free_p) char *ids = ctl_world_agents(&ctl->world, online > 0);

    if (online == 1) {
        ctl_note(options, "agent %s", agent->id);
        return agent;
    }
    if (online > 1)
        ctl_exit(ctl,
                 ctl_fail(options, CTL_USAGE,
                          "several agents are online: %s; choose one with --agent, or --all", ids));
    else
        ctl_exit(ctl, ctl_fail(options, CTL_NO_ANSWER,
                               "no agent is online on this broker below '%s'%s%s; is lapsed"
                               " running, and with this broker and prefix?",
                               options->mqtt.prefix, ids[0] ? "; offline: " : "", ids));
    return NULL;
}

struct ctl_agent *ctl_choose_agent(struct ctl *ctl)
{
    const struct ctl_options *options = ctl->options;
    const char *id = options->agent ? options->agent : options->default_agent;
    struct ctl_agent *agent = ctl_world_find(&ctl->world, id);

    if (agent && agent->online)
        return agent;
    if (!ctl->settled)
        return NULL;
    return options->agent ? agent_absent(ctl, agent) : choose_only_agent(ctl);
}

static char *list_ids(const cJSON *list)
{
    char *text = xstrdup("");

    for (const cJSON *id = json_first(list); id; id = json_next(id)) {
        CLEANUP(free_p) char *clean = ctl_text_clean(json_string(id));
        char *longer = xasprintf("%s %s", text, clean);

        free(text);
        text = longer;
    }
    return text;
}

const char *ctl_choose_target(struct ctl *ctl, const struct ctl_request *request,
                              const struct ctl_agent *agent)
{
    enum topic_scope scope = request->scope;
    const char *what = scope == TOPIC_SCOPE_CAMERA ? "camera" : "unit";
    const cJSON *list = json_get(agent->info, scope == TOPIC_SCOPE_CAMERA ? "cameras" : "units");
    const char *only = json_string(json_first(list));
    CLEANUP(free_p) char *ids = NULL;

    if (request->target || scope == TOPIC_SCOPE_AGENT)
        return request->target ? request->target : "";
    if (!list && !ctl->settled)
        return NULL;
    if (json_size(list) == 1 && str_is_id(only))
        return only;
    ids = list_ids(list);
    if (json_size(list) > 1)
        ctl_fail(ctl->options, CTL_USAGE, "this agent has several %ss; name one:%s", what, ids);
    else
        ctl_fail(ctl->options, CTL_USAGE, "agent '%s' has no %s", agent->id, what);
    ctl_exit(ctl, CTL_USAGE);
    return NULL;
}
