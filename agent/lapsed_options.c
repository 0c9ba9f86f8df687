/* SPDX-License-Identifier: MIT */
#include "agent/lapsed_options.h"

#include "agent/base/text_wrap.h"

#include <getopt.h>
#include <stdio.h>

enum {
    OPT_CHECK = 256,
    OPT_PRINT,
    OPT_RELEASE,
    OPT_PROBE,
    OPT_JSON,
    OPT_VERSION,
    HELP_COLUMN = 27
};

const struct lapsed_option_row lapsed_option_rows[] = {
    {'c', "config", "FILE", "configuration (default " LAPSED_DEFAULT_CONFIG ")"},
    {OPT_CHECK, "check-config", "FILE",
     "say what is wrong with the file, each problem as file:line: message; exit code 78 when there "
     "is one"},
    {OPT_PRINT, "print-config", NULL, "print the effective configuration, secrets hidden"},
    {OPT_RELEASE, "release-printers", NULL, "let go every printer that a dead agent had paused"},
    {OPT_PROBE, "probe-cameras", NULL,
     "list the USB cameras with their formats and controls, and what to write into the "
     "configuration; needs no configuration"},
    {OPT_JSON, "json", NULL, "with --probe-cameras: as JSON"},
    {'v', "verbose", NULL, "log debug messages, too"},
    {OPT_VERSION, "version", NULL, "print the version"},
    {'h', "help", NULL, "print this help"},
};
const size_t lapsed_option_count = ARRAY_LEN(lapsed_option_rows);

const struct lapsed_exit_row lapsed_exits[] = {
    {LAPSED_EXIT_OK, "stopped as asked"},
    {LAPSED_EXIT_USAGE, "wrong usage"},
    {LAPSED_EXIT_OS, "a system error"},
    {LAPSED_EXIT_BUSY, "another agent uses data_dir"},
    {LAPSED_EXIT_CONFIG, "the configuration has a mistake"},
};
const size_t lapsed_exit_count = ARRAY_LEN(lapsed_exits);

static void print_option(const struct lapsed_option_row *row)
{
    int width = row->id < OPT_CHECK ? printf("  -%c, --%s", row->id, row->name)
                                    : printf("      --%s", row->name);

    if (row->value)
        width += printf(" %s", row->value);
    width += printf("%*s", MAX(HELP_COLUMN - width, 2), "");
    text_wrap(row->help, HELP_COLUMN, (size_t)width, stdout);
}

static void print_help(void)
{
    puts("Usage: lapsed [OPTION]...\n"
         "The timelapse agent for 3D printers and cameras on an MQTT broker.\n");
    for (size_t i = 0; i < lapsed_option_count; i++)
        print_option(&lapsed_option_rows[i]);
    puts("\nExit codes:");
    for (size_t i = 0; i < lapsed_exit_count; i++)
        printf("  %2d  %s\n", lapsed_exits[i].code, lapsed_exits[i].help);
    puts("\nSIGTERM stops the agent; open sessions go on when it is started again. SIGHUP reads\n"
         "the configuration again. lapsectl(1) commands the running agent, lapsed.conf(5) has\n"
         "every setting.");
}

/* What getopt_long() wants; the arrays end with a zero. */
static void fill_grammar(struct option *longs, char *shorts)
{
    for (size_t i = 0; i < lapsed_option_count; i++) {
        const struct lapsed_option_row *row = &lapsed_option_rows[i];

        longs[i] =
            (struct option){row->name, row->value ? required_argument : no_argument, NULL, row->id};
        if (row->id >= OPT_CHECK)
            continue;
        *shorts++ = (char)row->id;
        if (row->value)
            *shorts++ = ':';
    }
}

/* true: go on. */
static bool read_option(int option, struct lapsed_options *options, int *ret_exit)
{
    *ret_exit = LAPSED_EXIT_OK;
    switch (option) {
    case 'c':
        options->config = optarg;
        return true;
    case OPT_CHECK:
        options->config = optarg;
        options->mode = LAPSED_CHECK;
        return true;
    case OPT_PRINT:
        options->mode = LAPSED_PRINT;
        return true;
    case OPT_RELEASE:
        options->mode = LAPSED_RELEASE;
        return true;
    case OPT_PROBE:
        options->mode = LAPSED_PROBE;
        return true;
    case OPT_JSON:
        options->json = true;
        return true;
    case 'v':
        options->verbose = true;
        return true;
    case OPT_VERSION:
        puts("lapsed " LAPSED_VERSION);
        return false;
    case 'h':
        print_help();
        return false;
    default:
        fputs("Try 'lapsed --help'.\n", stderr);
        *ret_exit = LAPSED_EXIT_USAGE;
        return false;
    }
}

bool lapsed_options_parse(int argc, char **argv, struct lapsed_options *ret_options, int *ret_exit)
{
    struct option longs[ARRAY_LEN(lapsed_option_rows) + 1] = {0};
    char shorts[2 * ARRAY_LEN(lapsed_option_rows) + 1] = "";
    int option;

    fill_grammar(longs, shorts);
    *ret_options = (struct lapsed_options){.config = LAPSED_DEFAULT_CONFIG};
    while ((option = getopt_long(argc, argv, shorts, longs, NULL)) != -1)
        if (!read_option(option, ret_options, ret_exit))
            return false;
    if (optind == argc)
        return true;
    fprintf(stderr, "lapsed: unexpected argument '%s'\nTry 'lapsed --help'.\n", argv[optind]);
    *ret_exit = LAPSED_EXIT_USAGE;
    return false;
}
