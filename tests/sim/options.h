/* SPDX-License-Identifier: MIT */
/* options: the command line of lapsed-sim. */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include "agent/base/error.h"

struct options {
    const char *listen; /* 127.0.0.1:0 */
    const char *job;
    int64_t layers, layer_ms, start_delay_ms, heat_ms, pause_ms, resume_ms, stop_ms, lookahead_ms;
    int64_t latency_ms, m226_every, gap_ms, move_mm_s, seed;
    bool idle, loop;
    const char *password;
    const char *firmware;      /* 3.5 */
    const char *layer_comment; /* number, change */
    const char *camera_size;   /* 640x480 */
    int64_t camera_fps, noise, quality;
    const char *log, *port_file;
    bool help, version;

    /* made of the texts above */
    char host[64];
    int port, firmware_number, width, height;
};

/* -EINVAL: err says which option and what is wrong with it. The texts stay those of argv. */
int options_parse(int argc, char **argv, struct options *ret_options, struct error *err) MUST_CHECK;
void options_print_help(void);

#endif
