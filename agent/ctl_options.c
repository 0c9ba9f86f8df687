/* SPDX-License-Identifier: MIT */
/* ctl_options: on the machine of an agent plain "lapsectl status" shall work, so the agent's own
 * configuration is read when it can be. Not so when --host names a broker: a password of this
 * machine is not for strangers. */
#include "agent/ctl_options.h"

#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "agent/ctl_help.h"
#include "mqtt/topic.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/lapsed/lapsed.conf"

enum { PASSWORD_MAX = 1024, TIMEOUT_MAX_S = 24 * 3600 };

/* What the command line says, before it is laid over the file. */
struct given {
    const char *config, *host, *port, *user, *password_file, *prefix, *timeout, *agent;
};

struct agent_row {
    char *id;
};

/* The one row of the group that concerns us; lapsed itself judges the others. */
static const struct conf_field agent_fields[] = {
    {.key = "id", .type = CONF_ID, .offset = offsetof(struct agent_row, id)},
};
static const struct conf_table agent_table = {
    .name = "agent", .fields = agent_fields, .field_count = ARRAY_LEN(agent_fields)};

static bool usage(const char *wrong, const char *value)
{
    fprintf(stderr, "lapsectl: %s '%s'\nTry 'lapsectl help'.\n", wrong, value);
    return false;
}

static const struct option option_table[] = {
    {"host", required_argument, NULL, 'H'},
    {"port", required_argument, NULL, 'p'},
    {"user", required_argument, NULL, 'u'},
    {"password-file", required_argument, NULL, 'P'},
    {"prefix", required_argument, NULL, 'x'},
    {"agent", required_argument, NULL, 'a'},
    {"config", required_argument, NULL, 'c'},
    {"timeout", required_argument, NULL, 't'},
    {"json", no_argument, NULL, 'j'},
    {"no-wait", no_argument, NULL, 'n'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static const char **given_slot(struct given *given, int option)
{
    switch (option) {
    case 'H':
        return &given->host;
    case 'p':
        return &given->port;
    case 'u':
        return &given->user;
    case 'P':
        return &given->password_file;
    case 'x':
        return &given->prefix;
    case 'a':
        return &given->agent;
    case 'c':
        return &given->config;
    case 't':
        return &given->timeout;
    default:
        return NULL;
    }
}

/* One option; false: *ret_exit says how to end. */
static bool read_option(int option, struct given *given, struct ctl_options *options, int *ret_exit)
{
    const char **slot = given_slot(given, option);

    *ret_exit = option == 'V' || option == 'h' ? CTL_OK : CTL_USAGE;
    if (slot)
        *slot = optarg;
    else if (option == 'j')
        options->json = true;
    else if (option == 'n')
        options->no_wait = true;
    else if (option == 'V')
        puts("lapsectl " LAPSED_VERSION);
    else if (option == 'h')
        ctl_help(NULL, stdout);
    else
        fputs("Try 'lapsectl help'.\n", stderr);
    return slot || option == 'j' || option == 'n';
}

static bool read_options(int argc, char **argv, const char *letters, struct given *given,
                         struct ctl_options *options, int *ret_exit)
{
    int option;

    optind = 0; /* glibc: begin anew */
    while ((option = getopt_long(argc, argv, letters, option_table, NULL)) != -1)
        if (!read_option(option, given, options, ret_exit))
            return false;
    return true;
}

/* Options may stand before and behind the command; but what is set may be a negative number. */
static bool read_command_line(int argc, char **argv, struct given *given,
                              struct ctl_options *options, int *ret_exit)
{
    int command;

    *ret_exit = CTL_USAGE;
    if (!read_options(argc, argv, "+H:p:u:P:x:a:c:t:jh", given, options, ret_exit))
        return false;
    command = optind;
    options->words = argv + command;
    options->word_count = argc - command;
    if (command == argc || str_equal(argv[command], "set"))
        return true;
    if (!read_options(argc - command, argv + command, "H:p:u:P:x:a:c:t:jh", given, options,
                      ret_exit))
        return false;
    /* getopt has moved the options before the other words, and skips the first one: the command */
    options->words += optind - 1;
    options->word_count -= optind - 1;
    options->words[0] = argv[command];
    return true;
}

/* --- the file --- */

static bool tell_problems(const struct conf *conf)
{
    for (size_t i = 0; i < conf_problem_count(conf); i++)
        fprintf(stderr, "lapsectl: %s\n", conf_problem_text(conf, i));
    return conf_problem_count(conf) == 0;
}

static void read_agent_id(struct conf *conf, struct ctl_options *options)
{
    struct agent_row row = {0};

    conf_read_group(conf, &agent_table, &row);
    options->default_agent = TAKE(row.id);
}

/* The file to read; NULL = none. */
static const char *choose_config(const struct given *given)
{
    if (given->config || given->host)
        return given->config;
    return access(DEFAULT_CONFIG, R_OK) == 0 ? DEFAULT_CONFIG : NULL;
}

static bool read_config(const char *file, struct ctl_options *options)
{
    /* A file that cannot be read gives the defaults, and a problem that is none when none was
     * meant. */
    struct conf *conf = conf_open(file ? file : "/");
    bool fine;

    conf_read_group(conf, &mqtt_table, &options->mqtt);
    fine = !file || tell_problems(conf);
    read_agent_id(conf, options);
    conf_close(conf);
    return fine;
}

static void default_agent(struct ctl_options *options)
{
    char host[256] = "", id[STR_ID_MAX + 1];

    if (options->default_agent)
        return;
    if (gethostname(host, sizeof(host) - 1) < 0)
        host[0] = '\0';
    str_make_id(host, id);
    options->default_agent = xstrdup(id);
}

/* --- the command line over it --- */

static bool read_password(const char *file, struct mqtt_settings *mqtt)
{
    char *text = NULL;
    struct error err;

    if (path_read_file(file, PASSWORD_MAX, &text, NULL, &err) < 0) {
        fprintf(stderr, "lapsectl: --password-file: %s\n", err.text);
        return false;
    }
    text[strcspn(text, "\r\n")] = '\0';
    replace_str(&mqtt->password, text);
    free_secret(text);
    return true;
}

static bool read_number(const char *text, const char *name, int64_t max, int64_t *ret)
{
    if (str_to_int(text, ret) < 0 || *ret < 1 || *ret > max)
        return usage(name, text);
    return true;
}

static bool read_timeout(const char *text, struct ctl_options *options)
{
    double s;

    if (str_to_double(text, &s) < 0 || !(s > 0 && s <= TIMEOUT_MAX_S))
        return usage("--timeout must be a number of seconds, not", text);
    options->timeout_ms = MAX((int64_t)(s * 1000), 1);
    return true;
}

static bool apply(const struct given *given, struct ctl_options *options)
{
    struct mqtt_settings *mqtt = &options->mqtt;

    if (given->host)
        replace_str(&mqtt->host, given->host);
    if (given->user)
        replace_str(&mqtt->user, given->user);
    if (given->prefix)
        replace_str(&mqtt->prefix, given->prefix);
    if (given->agent && !str_is_id(given->agent))
        return usage("--agent: not a valid agent id:", given->agent);
    if (!topic_prefix_valid(mqtt->prefix))
        return usage("--prefix: not a valid topic prefix:", mqtt->prefix);
    replace_str(&options->agent, given->agent);
    if (given->port &&
        !read_number(given->port, "--port must be 1 to 65535, not", 65535, &mqtt->port))
        return false;
    if (given->timeout && !read_timeout(given->timeout, options))
        return false;
    return !given->password_file || read_password(given->password_file, mqtt);
}

bool ctl_options_parse(int argc, char **argv, struct ctl_options *ret_options, int *ret_exit)
{
    struct given given = {0};

    *ret_options = (struct ctl_options){0};
    if (!read_command_line(argc, argv, &given, ret_options, ret_exit))
        return false;
    if (!read_config(choose_config(&given), ret_options) || !apply(&given, ret_options))
        return false;
    default_agent(ret_options);
    ret_options->colours = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    return true;
}

void ctl_options_done(struct ctl_options *options)
{
    conf_values_done(&mqtt_table, &options->mqtt);
    free(options->agent);
    free(options->default_agent);
}
