/* SPDX-License-Identifier: MIT */
#include "agent/ctl_help.h"

#include "agent/base/str.h"
#include "agent/verbs.h"

static const struct {
    const char *name, *usage, *help;
} own_commands[] = {
    {"status", "status", "one look at the agents, their units, printers and cameras"},
    {"watch", "watch [UNIT]", "the same live, until Ctrl-C (or --timeout)"},
    {"set", "set [UNIT] KEY VALUE", "change one setting of a unit: set mk4 fps 30"},
    {"help", "help [COMMAND]", "this help, or that of one command"},
};

static const char options_text[] =
    "Options:\n"
    "  -H, --host HOST          broker (default 127.0.0.1)\n"
    "  -p, --port PORT          its port (default 1883)\n"
    "  -u, --user USER          user name at the broker\n"
    "  -P, --password-file FILE file whose first line is the password\n"
    "  -c, --config FILE        take all of these from a configuration of lapsed (default\n"
    "                           /etc/lapsed/lapsed.conf, when readable and no --host is given)\n"
    "  -x, --prefix PREFIX      first level of the topics (default timelapse)\n"
    "  -a, --agent AGENT        which agent (default: the one of this host, or the only one)\n"
    "  -t, --timeout S          how long to wait for an answer (default 10)\n"
    "      --no-wait            do not wait for the video that a command makes\n"
    "  -j, --json               print the JSON of the agent, one document per line\n"
    "      --version            print the version\n"
    "  -h, --help               print this help\n"
    "\n"
    "UNIT and CAMERA may be left out when the agent has only one.\n"
    "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 broker not reachable,\n"
    "4 no answer from the agent.\n";

static const char *target_of(enum topic_scope scope)
{
    static const char *const targets[] = {[TOPIC_SCOPE_AGENT] = "",
                                          [TOPIC_SCOPE_UNIT] = " [UNIT]",
                                          [TOPIC_SCOPE_CAMERA] = " [CAMERA]"};

    return targets[scope];
}

static void print_line(const char *prefix, const char *name, const char *target, const char *help,
                       FILE *out)
{
    int width = fprintf(out, "  %s%s%s", prefix, name, target);

    fprintf(out, "%*s%s\n", MAX(27 - width, 1), "", help);
}

static void print_verb(const struct verb *verb, FILE *out)
{
    const char *prefix = verb->scope == TOPIC_SCOPE_CAMERA ? "camera " : "";

    print_line(prefix, verb->name, target_of(verb->scope), verb->help, out);
}

static void print_scope(const char *title, enum topic_scope scope, FILE *out)
{
    fprintf(out, "%s:\n", title);
    for (int i = 0; i < VERB_COUNT; i++)
        if (verbs[i].scope == scope)
            print_verb(&verbs[i], out);
    fputc('\n', out);
}

static void print_all(FILE *out)
{
    fputs("Usage: lapsectl [OPTION]... COMMAND\n"
          "Look at and command the timelapse agents on an MQTT broker.\n\n",
          out);
    for (size_t i = 0; i < ARRAY_LEN(own_commands); i++)
        print_line("", own_commands[i].usage, "", own_commands[i].help, out);
    fputc('\n', out);
    print_scope("Commands for a unit", TOPIC_SCOPE_UNIT, out);
    print_scope("Commands for a camera", TOPIC_SCOPE_CAMERA, out);
    print_scope("Commands for an agent", TOPIC_SCOPE_AGENT, out);
    fputs(options_text, out);
}

static void print_topic(const struct verb *verb, FILE *out)
{
    static const char *const rooms[] = {[TOPIC_SCOPE_AGENT] = "",
                                        [TOPIC_SCOPE_UNIT] = "unit/<unit>/",
                                        [TOPIC_SCOPE_CAMERA] = "camera/<camera>/"};

    fprintf(out, "      MQTT: timelapse/v1/<agent>/%scmd/%s\n", rooms[verb->scope], verb->name);
}

bool ctl_help(const char *command, FILE *out)
{
    bool found = false;

    if (!command) {
        print_all(out);
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(own_commands); i++)
        if (str_equal(own_commands[i].name, command)) {
            print_line("", own_commands[i].usage, "", own_commands[i].help, out);
            found = true;
        }
    for (int i = 0; i < VERB_COUNT; i++)
        if (str_equal(verbs[i].name, command) ||
            (str_equal(command, "camera") && verbs[i].scope == TOPIC_SCOPE_CAMERA)) {
            print_verb(&verbs[i], out);
            print_topic(&verbs[i], out);
            found = true;
        }
    return found;
}
