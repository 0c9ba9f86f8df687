/* SPDX-License-Identifier: MIT */
/* lapsed: the daemon. Command line in, exit code out. */
#include "agent/app.h"

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/trim.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_CONFIG "/etc/lapsed/lapsed.conf"

/* As in sysexits.h, which service managers know. */
enum { EXIT_USAGE = 64, EXIT_OS = 71, EXIT_BUSY = 75, EXIT_CONFIG = 78 };

enum { RELEASE_LIMIT_MS = 20000 };

enum mode { MODE_RUN, MODE_CHECK, MODE_PRINT, MODE_RELEASE };

static const char help_text[] =
    "Usage: lapsed [OPTION]…\n"
    "The timelapse agent for 3D printers and cameras on an MQTT broker.\n"
    "\n"
    "  -c, --config FILE        configuration (default " DEFAULT_CONFIG ")\n"
    "      --check-config FILE  say what is wrong with the file, each problem as\n"
    "                           file:line: message; exit 78 when there is one\n"
    "      --print-config       print the effective configuration, secrets hidden\n"
    "      --release-printers   let go every printer that a dead agent had paused\n"
    "  -v, --verbose            log debug messages too\n"
    "      --version            print the version\n"
    "  -h, --help               print this help\n"
    "\n"
    "Exit codes: 0 stopped as asked, 64 wrong usage, 71 system error, 75 another agent\n"
    "uses data_dir, 78 configuration error.\n"
    "lapsectl commands the running agent; lapsed.conf.example shows every setting.\n";

struct options {
    enum mode mode;
    const char *config;
    bool verbose;
};

/* 0 = go on, else the exit code plus one. */
static int parse_options(int argc, char **argv, struct options *ret)
{
    enum { OPT_CHECK = 256, OPT_PRINT, OPT_RELEASE, OPT_VERSION };
    static const struct option table[] = {
        {"config", required_argument, NULL, 'c'},
        {"check-config", required_argument, NULL, OPT_CHECK},
        {"print-config", no_argument, NULL, OPT_PRINT},
        {"release-printers", no_argument, NULL, OPT_RELEASE},
        {"verbose", no_argument, NULL, 'v'},
        {"version", no_argument, NULL, OPT_VERSION},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "c:vh", table, NULL)) != -1) {
        switch (option) {
        case 'c':
            ret->config = optarg;
            break;
        case OPT_CHECK:
            ret->config = optarg;
            ret->mode = MODE_CHECK;
            break;
        case OPT_PRINT:
            ret->mode = MODE_PRINT;
            break;
        case OPT_RELEASE:
            ret->mode = MODE_RELEASE;
            break;
        case 'v':
            ret->verbose = true;
            break;
        case OPT_VERSION:
            puts("lapsed " LAPSED_VERSION);
            return EXIT_SUCCESS + 1;
        case 'h':
            fputs(help_text, stdout);
            return EXIT_SUCCESS + 1;
        default:
            fputs("Try 'lapsed --help'.\n", stderr);
            return EXIT_USAGE + 1;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "lapsed: unexpected argument '%s'\nTry 'lapsed --help'.\n", argv[optind]);
        return EXIT_USAGE + 1;
    }
    return 0;
}

static int fail(const struct error *err)
{
    log_error("agent.failed", "error=\"%s\"", err->text);
    return err->code == -EBUSY ? EXIT_BUSY : EXIT_OS;
}

static int run(struct config *config)
{
    struct app *app;
    struct error err = {0};

    if (app_new(config, &app, &err) < 0)
        return fail(&err);
    app_run(app);
    app_free(app);
    log_info("agent.stopped", "%s", "");
    return EXIT_SUCCESS;
}

static int release_printers(const struct config *config)
{
    struct error err = {0};

    if (app_release_printers(config, RELEASE_LIMIT_MS, &err) < 0)
        return fail(&err);
    return EXIT_SUCCESS;
}

static int act(const struct options *options, struct config *config)
{
    switch (options->mode) {
    case MODE_CHECK:
        printf("%s: ok\n", options->config);
        return EXIT_SUCCESS;
    case MODE_PRINT:
        config_print(config, stdout);
        return EXIT_SUCCESS;
    case MODE_RELEASE:
        return release_printers(config);
    case MODE_RUN:
        break;
    }
    return run(config);
}

int main(int argc, char **argv)
{
    struct options options = {.config = DEFAULT_CONFIG};
    struct config *config;
    int rc = parse_options(argc, argv, &options);

    if (rc > 0)
        return rc - 1;
    trim_allocator();
    signal(SIGPIPE, SIG_IGN);
    config = config_load(options.config, stderr);
    if (!config)
        return EXIT_CONFIG;
    log_set_level(options.verbose ? LOG_LEVEL_DEBUG : (enum log_level)config->agent.log_level);
    rc = act(&options, config);
    config_free(config);
    return rc;
}
