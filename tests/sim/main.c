/* SPDX-License-Identifier: MIT */
/* lapsed-sim: a Duet and its cameras in one program. */
#include "tests/sim/options.h"
#include "tests/sim/sim.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void on_signal(uv_signal_t *handle, int signum)
{
    (void)signum;
    uv_stop(handle->loop);
}

static void watch_signals(uv_loop_t *loop, uv_signal_t handles[2])
{
    static const int signals[2] = {SIGTERM, SIGINT};

    for (int i = 0; i < 2; i++) {
        uv_signal_init(loop, &handles[i]);
        uv_signal_start(&handles[i], on_signal, signals[i]);
    }
}

static bool write_port_file(const char *path, int port)
{
    FILE *file = fopen(path, "we");

    if (!file)
        return false;
    fprintf(file, "%d\n", port);
    return fclose(file) == 0;
}

static bool announce(const struct options *options, int port)
{
    if (options->port_file && !write_port_file(options->port_file, port)) {
        perror(options->port_file);
        return false;
    }
    printf("listening %s:%d\n", options->host, port);
    fflush(stdout);
    return true;
}

static int run(const struct options *options)
{
    uv_loop_t *loop = uv_default_loop();
    uv_signal_t signals[2];
    struct sim sim;
    struct error err;
    bool announced;

    if (sim_open(loop, options, &sim, &err) < 0) {
        fprintf(stderr, "lapsed-sim: %s\n", err.text);
        uv_run(loop, UV_RUN_DEFAULT);
        uv_loop_close(loop);
        return EXIT_FAILURE;
    }
    watch_signals(loop, signals);
    announced = announce(options, http_server_port(sim.server));
    if (announced)
        uv_run(loop, UV_RUN_DEFAULT);
    sim_close(&sim);
    for (int i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&signals[i], NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    sim_done(&sim);
    uv_loop_close(loop);
    return announced ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct options options;
    struct error err;

    signal(SIGPIPE, SIG_IGN);
    if (options_parse(argc, argv, &options, &err) < 0) {
        fprintf(stderr, "lapsed-sim: %s\n", err.text);
        return 2;
    }
    if (options.help) {
        options_print_help();
        return EXIT_SUCCESS;
    }
    if (options.version) {
        printf("lapsed-sim %s\n", LAPSED_VERSION);
        return EXIT_SUCCESS;
    }
    return run(&options);
}
