/* SPDX-License-Identifier: MIT */
#include "tests/e2e/steps.h"

#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* --- the printer --- */

bool sim_try(struct rig *rig, const char *path)
{
    CLEANUP(json_free_p) cJSON *answer = rig_sim_get(rig, path);
    bool ok = false;

    return json_get_bool(answer, "ok", &ok) && ok;
}

void sim_do(struct rig *rig, const char *path)
{
    if (!sim_try(rig, path))
        fail_msg("%s: not possible, it is %s", path, sim_status(rig));
}

/* The member of /sim/state; the caller frees. */
static cJSON *sim_look(struct rig *rig, const char *path)
{
    CLEANUP(json_free_p) cJSON *state = rig_sim_get(rig, "/sim/state");
    const cJSON *member = json_get(state, path);

    return member ? json_copy(member) : NULL;
}

const char *sim_status(struct rig *rig)
{
    static char text[32];
    CLEANUP(json_free_p) cJSON *status = sim_look(rig, "status");

    snprintf(text, sizeof(text), "%s", status ? json_string(status) : "");
    return text;
}

bool sim_is(struct rig *rig, const char *status)
{
    return str_equal(sim_status(rig), status);
}

bool sim_is_paused_by(struct rig *rig, const char *by)
{
    CLEANUP(json_free_p) cJSON *state = rig_sim_get(rig, "/sim/state");

    return str_equal(json_get_string(state, "status"), "paused") &&
           str_equal(json_get_string(state, "paused_by"), by);
}

int64_t sim_number(struct rig *rig, const char *path)
{
    CLEANUP(json_free_p) cJSON *number = sim_look(rig, path);

    return (int64_t)json_number(number);
}

/* --- the agent --- */

static bool write_word(FILE *file, const char **at, const char *word, const char *instead)
{
    if (!str_starts_with(*at, word))
        return false;
    fputs(instead, file);
    *at += strlen(word);
    return true;
}

static void write_file(struct rig *rig, const char *name, const char *template, mode_t mode)
{
    CLEANUP(free_p) char *path = path_join(rig_dir(rig), name);
    CLEANUP(free_p) char *sim = xasprintf("127.0.0.1:%d", rig_sim_port(rig));
    CLEANUP(free_p) char *mqtt = xasprintf("%d", rig_mqtt_port(rig));
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    for (const char *at = template; *at;) {
        if (write_word(file, &at, "%sim", sim) || write_word(file, &at, "%dir", rig_dir(rig)) ||
            write_word(file, &at, "%mqtt", mqtt))
            continue;
        fputc(*at++, file);
    }
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

void conf_write(struct rig *rig, const char *template)
{
    write_file(rig, "lapsed.conf", template, 0600);
}

void script_write(struct rig *rig, const char *name, const char *lines)
{
    CLEANUP(free_p) char *text = xasprintf("#!/bin/sh\n%s", lines);

    write_file(rig, name, text, 0700);
}

size_t agent_children(struct rig *rig, pid_t *ret_pids, size_t max)
{
    CLEANUP(free_p)
    char *pattern = xasprintf("/proc/%d/task/*/children", (int)rig_agent_pid(rig));
    glob_t tasks = {0};
    size_t count = 0;

    if (glob(pattern, 0, NULL, &tasks) != 0)
        return 0;
    for (size_t i = 0; i < tasks.gl_pathc; i++) {
        FILE *file = fopen(tasks.gl_pathv[i], "re");
        int pid;

        while (file && count < max && fscanf(file, "%d", &pid) == 1)
            ret_pids[count++] = pid;
        if (file)
            fclose(file);
    }
    globfree(&tasks);
    return count;
}

bool ended_well(int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* --- what was said --- */

size_t unit_event_count(struct rig *rig, const char *unit, const char *type)
{
    const cJSON *event;
    size_t count = 0;

    for (size_t i = 0; (event = rig_event(rig, type, i)); i++)
        count += str_equal(json_get_string(event, "unit"), unit);
    return count;
}

bool said_since(struct rig *rig, size_t from, const char *topic, const char *text)
{
    for (size_t i = from; i < rig_message_count(rig); i++) {
        const struct rig_message *message = rig_message(rig, i);

        if (str_equal(message->topic, topic) && str_equal(message->payload, text))
            return true;
    }
    return false;
}

size_t heard_since(struct rig *rig, size_t from, const char *topic)
{
    size_t count = 0;

    for (size_t i = from; i < rig_message_count(rig); i++)
        count += str_equal(rig_message(rig, i)->topic, topic);
    return count;
}

/* --- the disk --- */

size_t frames_on_disk(struct rig *rig, const char *media_dir)
{
    CLEANUP(free_p)
    char *pattern = media_dir ? xasprintf("%s/*/*/*/frames/*.jpg", media_dir)
                              : xasprintf("%s/data/media/*/*/*/frames/*.jpg", rig_dir(rig));
    glob_t files = {0};
    size_t count = 0;

    if (glob(pattern, 0, NULL, &files) == 0)
        count = files.gl_pathc;
    globfree(&files);
    return count;
}
