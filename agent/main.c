/* SPDX-License-Identifier: MIT */
/* lapsed: the daemon. Command line in, exit code out. */
#include "agent/app.h"
#include "agent/lapsed_options.h"
#include "agent/probe_text.h"

#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/trim.h"
#include "capture/camera/v4l2_probe.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RELEASE_LIMIT_MS = 20000 };

static int fail(const struct error *err)
{
    log_error("agent.failed", "error=\"%s\"", err->text);
    return err->code == -EBUSY ? LAPSED_EXIT_BUSY : LAPSED_EXIT_OS;
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

static int probe_cameras(bool as_json)
{
    cJSON *found = v4l2_probe();

    if (as_json) {
        CLEANUP(free_p) char *text = json_print(found);

        puts(text);
    } else {
        probe_print(found, stdout);
    }
    json_free(found);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : LAPSED_EXIT_OS;
}

static int act(const struct lapsed_options *options, struct config *config)
{
    switch (options->mode) {
    case LAPSED_CHECK:
        printf("%s: ok\n", options->config);
        return EXIT_SUCCESS;
    case LAPSED_PRINT:
        config_print(config, stdout);
        return EXIT_SUCCESS;
    case LAPSED_RELEASE:
        return release_printers(config);
    case LAPSED_PROBE: /* needs no configuration */
    case LAPSED_RUN:
        break;
    }
    return run(config);
}

int main(int argc, char **argv)
{
    struct lapsed_options options;
    struct config *config;
    int rc;

    if (!lapsed_options_parse(argc, argv, &options, &rc))
        return rc;
    trim_allocator();
    signal(SIGPIPE, SIG_IGN);
    if (options.mode == LAPSED_PROBE)
        return probe_cameras(options.json);
    config = config_load(options.config, stderr);
    if (!config)
        return LAPSED_EXIT_CONFIG;
    log_set_level(options.verbose ? LOG_LEVEL_DEBUG : (enum log_level)config->agent.log_level);
    rc = act(&options, config);
    config_free(config);
    return rc;
}
