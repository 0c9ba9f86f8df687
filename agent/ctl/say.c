/* SPDX-License-Identifier: MIT */
#include "agent/ctl/say.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEAREST_MAX_LEN = 64 };

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

/* How many letters must be added, left out or changed to make one word of the other. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[NEAREST_MAX_LEN + 1];
    size_t len = strlen(b);

    for (size_t i = 0; i <= len; i++)
        row[i] = i;
    for (size_t at = 1; *a; a++, at++) {
        size_t diagonal = row[0];

        row[0] = at;
        for (size_t i = 1; i <= len; i++) {
            size_t change = diagonal + (*a != b[i - 1]);

            diagonal = row[i];
            row[i] = MIN(change, MIN(row[i], row[i - 1]) + 1);
        }
    }
    return row[len];
}

void ctl_nearest_try(struct ctl_nearest *nearest, const char *candidate)
{
    size_t len = strlen(nearest->word), distance;

    if (len > NEAREST_MAX_LEN || strlen(candidate) > NEAREST_MAX_LEN)
        return;
    distance = edit_distance(nearest->word, candidate);
    if (distance > 1 + MAX(len, strlen(candidate)) / 4)
        return;
    if (!nearest->best || distance < nearest->distance) {
        nearest->best = candidate;
        nearest->distance = distance;
    }
}
