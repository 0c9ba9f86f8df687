/* SPDX-License-Identifier: MIT */
/* command: programs of the user's own switch the lamp; exit code 0 means done. One at a time: what
 * is wanted while one runs is done when it has ended, so that an off never overtakes an on. */
#include "agent/base/mem.h"
#include "agent/base/process.h"
#include "agent/light/driver.h"

#include <errno.h>
#include <string.h>

enum { WORDS_MAX = 64, RUN_LIMIT_MS = 10000, STDOUT_MAX_BYTES = 64 * 1024 };

struct command_light {
    struct light_port *port;
    struct loop *loop;
    const struct light_settings *settings;
    struct process *process; /* NULL: none runs */
    bool on;                 /* what it does */
    bool again, next;        /* another is wanted, and which */
};

static void check_command(const struct conf_strings *command, const char *key, struct conf *conf,
                          size_t index)
{
    if (command->count == 0 || !*command->items[0])
        conf_problem(conf, &light_table, index, key,
                     "is required for kind = \"command\": the program and its words");
    else if (command->count > WORDS_MAX)
        conf_problem(conf, &light_table, index, key, "has more than %d words", WORDS_MAX);
}

static void command_check(const struct light_settings *settings, struct conf *conf, size_t index)
{
    check_command(&settings->on_command, "on_command", conf, index);
    check_command(&settings->off_command, "off_command", conf, index);
}

static void *command_open(struct light_port *port, const struct light_rooms *rooms,
                          const struct light_settings *settings)
{
    struct command_light *light = xcalloc(1, sizeof(*light));

    *light = (struct command_light){.port = port, .loop = rooms->loop, .settings = settings};
    return light;
}

static void command_close(void *driver)
{
    struct command_light *light = driver;

    process_free(light->process);
    free_p(&light);
}

static const char *program_of(const struct command_light *light, bool on)
{
    return on ? light->settings->on_command.items[0] : light->settings->off_command.items[0];
}

static void judge(const struct command_light *light, const struct process_result *result,
                  struct error *ret_err)
{
    char how[64];

    if (result->exit_code == 0)
        return;
    process_describe(result, how, sizeof(how));
    error_set(ret_err, -EIO, "%s: %s%s%s", program_of(light, light->on), how,
              *result->stderr_tail ? ": " : "", result->stderr_tail);
}

static int run(struct command_light *light, bool on, struct error *err);

static void on_ended(const struct process_result *result, void *user)
{
    struct command_light *light = user;
    struct error err = {0};

    light->process = NULL;
    if (!light->again)
        judge(light, result, &err);
    else if (light->again = false, run(light, light->next, &err) == 0)
        return;
    light_port_answer(light->port, err.code, &err);
}

static int run(struct command_light *light, bool on, struct error *err)
{
    const struct conf_strings *command =
        on ? &light->settings->on_command : &light->settings->off_command;
    const char *argv[WORDS_MAX + 1] = {NULL};
    struct process_config config = {.argv = argv, .timeout_ms = RUN_LIMIT_MS};
    int rc;

    for (size_t i = 0; i < command->count; i++)
        argv[i] = command->items[i];
    light->on = on;
    rc = process_start(light->loop, &config, on_ended, light, &light->process, err);
    return rc < 0 ? error_prefix(err, "%s", argv[0]) : 0;
}

static int command_set(void *driver, bool on, struct error *err)
{
    struct command_light *light = driver;

    if (!light->process)
        return run(light, on, err);
    light->again = true;
    light->next = on;
    return 0;
}

static const char *const keys[] = {"on_command", "off_command", NULL};

const struct light_driver light_command_driver = {
    .kind = "command",
    .keys = keys,
    .check = command_check,
    .open = command_open,
    .close = command_close,
    .set = command_set,
};
