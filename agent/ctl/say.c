/* SPDX-License-Identifier: MIT */
#include "agent/ctl/say.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct ctl_exit_row ctl_exits[] = {
    {CTL_OK, "ok", "done; of several agents: each of them said so"},
    {CTL_REFUSED, "refused", "an agent refused the command, or it failed"},
    {CTL_USAGE, "usage", "wrong usage; nothing was sent"},
    {CTL_UNREACHABLE, "unreachable", "the broker could not be reached, or was lost on the way"},
    {CTL_NO_ANSWER, "no_answer", "an agent is offline or gave no answer in time"},
    {CTL_INTERRUPTED, "interrupted", "ended by Ctrl-C (SIGINT); watch ends so with 0"},
    {CTL_BROKEN_PIPE, "broken_pipe", "nobody reads the output any more"},
    {CTL_TERMINATED, "terminated", "ended by SIGTERM; watch ends so with 0"},
};
const size_t ctl_exit_count = ARRAY_LEN(ctl_exits);

static const char *exit_name(enum ctl_exit code)
{
    for (size_t i = 0; i < ARRAY_LEN(ctl_exits); i++)
        if (ctl_exits[i].code == code)
            return ctl_exits[i].name;
    return "error";
}

void ctl_print_json(const cJSON *json)
{
    CLEANUP(free_p) char *text = json ? json_print(json) : NULL;

    if (text)
        puts(text);
    fflush(stdout);
}

static void print_error_json(enum ctl_exit exit_code, const char *text)
{
    cJSON *json = json_object();

    json_add_bool(json, "ok", false);
    json_add_int(json, "exit", exit_code);
    json_add_string(json, "error", exit_name(exit_code));
    json_add_string(json, "message", text);
    ctl_print_json(json);
    json_free(json);
}

int ctl_fail(const struct ctl_options *options, enum ctl_exit exit_code, const char *fmt, ...)
{
    CLEANUP(free_p) char *text = NULL;
    va_list args;

    va_start(args, fmt);
    text = xvasprintf(fmt, args);
    va_end(args);
    if (options->json)
        print_error_json(exit_code, text);
    else
        fprintf(stderr, "lapsectl: %s\n", text);
    return exit_code;
}

void ctl_note(const struct ctl_options *options, const char *fmt, ...)
{
    CLEANUP(free_p) char *text = NULL;
    va_list args;

    if (options->quiet || options->json)
        return;
    va_start(args, fmt);
    text = xvasprintf(fmt, args);
    va_end(args);
    fprintf(stderr, "lapsectl: %s\n", text);
}
