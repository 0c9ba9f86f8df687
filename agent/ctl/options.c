/* SPDX-License-Identifier: MIT */
/* ctl_options: on the machine of an agent plain "lapsectl status" shall work, so the agent's own
 * configuration is read when it can be. Not so when --host names a broker: a password of this
 * machine is not for strangers.
 *
 * The options of all commands may stand anywhere; the arguments of the command's row, as --name
 * VALUE, behind the command. */
#include "agent/ctl/options.h"

#include "agent/base/mem.h"
#include "agent/base/nearest.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "agent/ctl/args.h"
#include "agent/ctl/commands.h"
#include "agent/ctl/help.h"
#include "agent/ctl/say.h"
#include "mqtt/topic.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/lapsed/lapsed.conf"

enum { PASSWORD_MAX = 1024, TIMEOUT_MAX_S = 24 * 3600 };

/* What the command line says, before it is laid over the file. A switch that is on points to its
 * own name. */
struct given {
    const char *config, *host, *port, *user, *password_file, *prefix, *timeout, *agent, *group;
    const char *ca_file;
    const char *tls, *all, *json, *no_wait, *quiet, *version, *help;
};

#define OPTION(letter, name, member, value, help)                                                  \
    {                                                                                              \
        letter, name, value, help, offsetof(struct given, member)                                  \
    }

const struct ctl_option_row ctl_option_rows[] = {
    OPTION('H', "host", host, "HOST", "broker (default 127.0.0.1)"),
    OPTION('p', "port", port, "PORT", "its port (default 1883, with TLS 8883)"),
    OPTION('u', "user", user, "USER", "user name at the broker"),
    OPTION('P', "password-file", password_file, "FILE", "file whose first line is the password"),
    OPTION('T', "tls", tls, NULL, "encrypt the connection (then the default port is 8883)"),
    OPTION('C', "ca-file", ca_file, "FILE",
           "certificate authority of the broker (default: the system's); implies --tls"),
    OPTION('c', "config", config, "FILE",
           "take all of these from a configuration of lapsed (default " DEFAULT_CONFIG
           ", when readable and no --host is given)"),
    OPTION('x', "prefix", prefix, "PREFIX", "first level of the topics (default timelapse)"),
    OPTION('a', "agent", agent, "AGENT",
           "which agent (default: the one of this host, or the only one)"),
    OPTION('g', "group", group, "GROUP", "every agent of a group, as one command"),
    OPTION('A', "all", all, NULL, "every agent on the broker, as one command"),
    OPTION('t', "timeout", timeout, "S", "how long to wait for an answer (default 10)"),
    OPTION('n', "no-wait", no_wait, NULL, "do not wait for the video that a command makes"),
    OPTION('j', "json", json, NULL, "print JSON, one document per line; errors, too"),
    OPTION('q', "quiet", quiet, NULL, "print only results that were asked for, and errors"),
    OPTION('V', "version", version, NULL, "print the version"),
    OPTION('h', "help", help, NULL, "print this help, or that of the command"),
};
const size_t ctl_option_count = ARRAY_LEN(ctl_option_rows);

struct agent_row {
    char *id;
};

/* The one row of the group that concerns us; lapsed itself judges the others. */
static const struct conf_field agent_fields[] = {
    {.key = "id", .type = CONF_ID, .offset = offsetof(struct agent_row, id)},
};
static const struct conf_table agent_table = {
    .name = "agent", .fields = agent_fields, .field_count = ARRAY_LEN(agent_fields)};

/* --- what may stand there --- */

const struct verb_arg *ctl_target_arg(const struct verb *verb)
{
    static const struct verb_arg targets[] = {
        [TOPIC_SCOPE_UNIT] = {.name = "unit", .type = ARG_ID, .help = "which unit"},
        [TOPIC_SCOPE_CAMERA] = {.name = "camera", .type = ARG_ID, .help = "which camera"},
    };

    return verb->scope == TOPIC_SCOPE_AGENT ? NULL : &targets[verb->scope];
}

const struct verb_arg *ctl_own_args(const struct ctl_options *options)
{
    const struct verb_arg *args = options->own ? options->own->args : NULL;

    return options->verb ? options->verb->args : args;
}

/* What getopt_long() looks for: behind the command its arguments, and our options everywhere. An
 * argument hides an option of the same name. */
struct grammar {
    struct option *longs;
    size_t count;
    const struct verb_arg *args, *target; /* NULL = none */
    char shorts[2 * ARRAY_LEN(ctl_option_rows) + 3];
};

enum { ARGS_BASE = 1000, TARGET = 999 }; /* above every letter */

static void grammar_add(struct grammar *grammar, const char *name, int has_value, int id)
{
    grammar->longs[grammar->count++] = (struct option){name, has_value, NULL, id};
}

static void grammar_add_args(struct grammar *grammar)
{
    int id = ARGS_BASE;

    for (const struct verb_arg *arg = grammar->args; arg && arg->name; arg++)
        grammar_add(grammar, arg->name,
                    arg->type == ARG_BOOL ? optional_argument : required_argument, id++);
    if (grammar->target)
        grammar_add(grammar, grammar->target->name, required_argument, TARGET);
}

/* in_order: the first word ends the options. */
static void grammar_init(struct grammar *grammar, bool in_order, const struct verb_arg *args,
                         const struct verb_arg *target)
{
    size_t arg_count = 0, at = 0;

    while (args && args[arg_count].name)
        arg_count++;
    *grammar = (struct grammar){.args = args, .target = target};
    grammar->longs = xcalloc(arg_count + ctl_option_count + 2, sizeof(*grammar->longs));
    grammar_add_args(grammar);
    if (in_order)
        grammar->shorts[at++] = '+';
    grammar->shorts[at++] = ':';
    for (size_t i = 0; i < ctl_option_count; i++) {
        const struct ctl_option_row *row = &ctl_option_rows[i];

        grammar_add(grammar, row->name, row->value ? required_argument : no_argument, row->letter);
        grammar->shorts[at++] = row->letter;
        if (row->value)
            grammar->shorts[at++] = ':';
    }
}

static void grammar_done(struct grammar *grammar)
{
    free(grammar->longs);
}

/* --- the command line --- */

static bool fail(const struct ctl_options *options, const char *wrong, const char *value)
{
    ctl_fail(options, CTL_USAGE, "%s '%s'; see 'lapsectl help'", wrong, value);
    return false;
}

/* The words of another program, which has options of its own. */
static bool takes_words(const struct verb_arg *args)
{
    for (; args && args->name; args++)
        if (args->type == ARG_WORDS)
            return true;
    return false;
}

static bool unknown_option(const struct ctl_options *options, const struct grammar *grammar,
                           const char *word)
{
    struct nearest nearest = nearest_init(word + strspn(word, "-"));

    for (size_t i = 0; i < grammar->count; i++)
        nearest_try(&nearest, grammar->longs[i].name);
    if (takes_words(grammar->args))
        ctl_fail(options, CTL_USAGE,
                 "there is no option '%s'; words for %s stand behind '--', as in: -- %s", word,
                 options->verb->name, word);
    else if (optopt > 0 && optopt < TARGET && !str_starts_with(word, "--"))
        ctl_fail(options, CTL_USAGE, "there is no option '-%c'; see 'lapsectl help'", optopt);
    else if (nearest.best)
        ctl_fail(options, CTL_USAGE, "there is no option '%s'; did you mean '--%s'?", word,
                 nearest.best);
    else
        ctl_fail(options, CTL_USAGE, "there is no option '%s'; see 'lapsectl help'", word);
    return false;
}

static bool read_arg(struct ctl_options *options, const struct verb_arg *arg)
{
    struct error err;

    if (ctl_args_add(options->args, arg, optarg ? optarg : "", &err) == 0)
        return true;
    ctl_fail(options, CTL_USAGE, "--%s", err.text);
    return false;
}

static void read_option(struct ctl_options *options, struct given *given, int letter)
{
    for (size_t i = 0; i < ctl_option_count; i++) {
        const struct ctl_option_row *row = &ctl_option_rows[i];

        if (row->letter == letter)
            *(const char **)(void *)((char *)given + row->offset) = row->value ? optarg : row->name;
    }
    options->json = given->json != NULL; /* at once: it says how errors are told */
}

static bool read_options(int argc, char **argv, const struct grammar *grammar,
                         struct ctl_options *options, struct given *given)
{
    int option;

    opterr = 0;
    optind = 0; /* glibc: begin anew */
    while ((option = getopt_long(argc, argv, grammar->shorts, grammar->longs, NULL)) != -1) {
        if (option == ':')
            return fail(options, "a value is missing behind", argv[optind - 1]);
        if (option == '?')
            return unknown_option(options, grammar, argv[optind - 1]);
        if (option < TARGET)
            read_option(options, given, option);
        else if (!read_arg(options,
                           option == TARGET ? grammar->target : &grammar->args[option - ARGS_BASE]))
            return false;
    }
    return true;
}

static bool read_before_command(int argc, char **argv, struct ctl_options *options,
                                struct given *given)
{
    struct grammar grammar;
    bool fine;

    grammar_init(&grammar, true, NULL, NULL);
    fine = read_options(argc, argv, &grammar, options, given);
    grammar_done(&grammar);
    options->words = argv + optind;
    options->word_count = argc - optind;
    return fine;
}

/* getopt moves the options before the other words, and skips the first word: the command. */
static bool read_behind_command(struct ctl_options *options, struct given *given)
{
    unsigned flags = options->own ? options->own->flags : 0;
    const struct verb_arg *target = options->verb ? ctl_target_arg(options->verb) : NULL;
    struct grammar grammar;
    bool fine;

    if (flags & CTL_RAW)
        return true;
    grammar_init(&grammar, flags & CTL_WORDS_LAST, ctl_own_args(options), target);
    fine = read_options(options->word_count + 1, options->words - 1, &grammar, options, given);
    grammar_done(&grammar);
    if (fine) {
        options->words += optind - 1;
        options->word_count -= optind - 1;
    }
    return fine;
}

static bool read_command(struct ctl_options *options, struct given *given)
{
    struct ctl_command command = {0};
    int taken;

    if (options->word_count == 0)
        return true;
    taken = ctl_command_find(options->words, options->word_count, &command);
    if (taken == 0) {
        ctl_command_unknown(options, options->words, options->word_count);
        return false;
    }
    options->own = command.own;
    options->verb = command.verb;
    options->words += taken;
    options->word_count -= taken;
    return read_behind_command(options, given);
}

/* false: *ret_exit says how to end. */
static bool read_command_line(int argc, char **argv, struct ctl_options *options,
                              struct given *given, int *ret_exit)
{
    *ret_exit = CTL_USAGE;
    if (!read_before_command(argc, argv, options, given))
        return false;
    if (!given->help && !given->version && !read_command(options, given))
        return false;
    if (!given->help && !given->version)
        return true;
    if (given->version)
        puts("lapsectl " LAPSED_VERSION);
    else
        ctl_help_of(options->own, options->verb, stdout);
    *ret_exit = CTL_OK;
    return false;
}

/* --- the file --- */

static bool tell_problems(const struct ctl_options *options, const struct conf *conf)
{
    for (size_t i = 0; i < conf_problem_count(conf); i++)
        ctl_fail(options, CTL_USAGE, "%s", conf_problem_text(conf, i));
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
    fine = !file || tell_problems(options, conf);
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

static bool read_password(const char *file, struct ctl_options *options)
{
    char *text = NULL;
    struct error err;

    if (path_read_file(file, PASSWORD_MAX, &text, NULL, &err) < 0) {
        ctl_fail(options, CTL_USAGE, "--password-file: %s", err.text);
        return false;
    }
    text[strcspn(text, "\r\n")] = '\0';
    replace_str(&options->mqtt.password, text);
    free_secret(text);
    return true;
}

static bool read_port(const char *text, struct ctl_options *options)
{
    int64_t *port = &options->mqtt.port;

    if (str_to_int(text, port) < 0 || *port < 1 || *port > 65535)
        return fail(options, "--port must be 1 to 65535, not", text);
    return true;
}

static bool read_tls(const struct given *given, struct ctl_options *options)
{
    struct mqtt_settings *mqtt = &options->mqtt;

    if (given->tls || given->ca_file)
        mqtt->tls = true;
    if (!given->ca_file)
        return true;
    if (access(given->ca_file, R_OK) < 0) {
        ctl_fail(options, CTL_USAGE, "--ca-file: cannot read %s: %s", given->ca_file,
                 strerrordesc_np(errno));
        return false;
    }
    replace_str(&mqtt->ca_file, given->ca_file);
    return true;
}

static bool read_timeout(const char *text, struct ctl_options *options)
{
    double s;

    if (str_to_double(text, &s) < 0 || !(s > 0 && s <= TIMEOUT_MAX_S))
        return fail(options, "--timeout must be a number of seconds, not", text);
    options->timeout_ms = MAX((int64_t)(s * 1000), 1);
    return true;
}

static bool read_agents(const struct given *given, struct ctl_options *options)
{
    if (given->agent && !str_is_id(given->agent))
        return fail(options, "--agent: not a valid agent id:", given->agent);
    if (given->group && !str_is_id(given->group))
        return fail(options, "--group: not a valid group:", given->group);
    if ((given->agent != NULL) + (given->group != NULL) + (given->all != NULL) > 1)
        return fail(options, "--agent, --group and --all exclude each other, but there is",
                    given->all ? "--all" : "--group");
    replace_str(&options->agent, given->agent);
    replace_str(&options->group, given->group);
    options->all = given->all != NULL;
    return true;
}

static bool apply(const struct given *given, struct ctl_options *options)
{
    struct mqtt_settings *mqtt = &options->mqtt;

    options->no_wait = given->no_wait != NULL;
    options->quiet = given->quiet != NULL;
    if (given->host)
        replace_str(&mqtt->host, given->host);
    if (given->user)
        replace_str(&mqtt->user, given->user);
    if (given->prefix)
        replace_str(&mqtt->prefix, given->prefix);
    if (!topic_prefix_valid(mqtt->prefix))
        return fail(options, "--prefix: not a valid topic prefix:", mqtt->prefix);
    if (!read_agents(given, options) || !read_tls(given, options))
        return false;
    if (given->port && !read_port(given->port, options))
        return false;
    if (given->timeout && !read_timeout(given->timeout, options))
        return false;
    return !given->password_file || read_password(given->password_file, options);
}

/* no-color.org: when present and not empty. */
static bool wish_no_colours(void)
{
    const char *wish = getenv("NO_COLOR"), *terminal = getenv("TERM");

    return (wish && wish[0]) || str_equal(terminal, "dumb");
}

bool ctl_options_parse(int argc, char **argv, struct ctl_options *ret_options, int *ret_exit)
{
    struct given given = {0};

    *ret_options = (struct ctl_options){.args = json_object()};
    if (!read_command_line(argc, argv, ret_options, &given, ret_exit))
        return false;
    if (!read_config(choose_config(&given), ret_options) || !apply(&given, ret_options))
        return false;
    default_agent(ret_options);
    ret_options->colours = isatty(STDOUT_FILENO) && !wish_no_colours();
    ret_options->progress = isatty(STDERR_FILENO) && !ret_options->quiet && !ret_options->json;
    return true;
}

void ctl_options_done(struct ctl_options *options)
{
    conf_values_done(&mqtt_table, &options->mqtt);
    free(options->agent);
    free(options->default_agent);
    free(options->group);
    json_free(options->args);
}

bool ctl_options_many(const struct ctl_options *options)
{
    return options->all || options->group;
}
