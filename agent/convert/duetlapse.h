/* SPDX-License-Identifier: MIT */
/* duetlapse: a command line of DuetLapse3 (5.3, and what 3.4 had besides) in the words of lapsed.
 *
 * "-duet 192.168.7.101 -seconds 15 -detect none -camera1 stream -weburl1 http://…" is taken apart
 * as a shell would, but no shell ever sees it; words before the first option (python3
 * ./DuetLapse3.py) and a "&" at the end are fine. Every option is known: it becomes a setting, or
 * it is named with what to do instead. Pure. */
#ifndef AGENT_DUETLAPSE_H
#define AGENT_DUETLAPSE_H

#include "agent/problems.h"

enum {
    DUETLAPSE_MAX_BYTES = 8192,
    DUETLAPSE_SETTINGS_MAX = 24,
    DUETLAPSE_CAMERAS = 2,
};

struct duetlapse_camera {
    const char *word; /* "usb" "pi" "web" "stream" "other"; NULL: no such camera */
    char *url;        /* of web and stream: a URL, or the id of a camera of the configuration */
    char *program;    /* what -camparam says of other, as it was said */
};

struct duetlapse_setting { /* of the table "units" */
    const char *key;
    char *text;
};

struct duetlapse {
    char *duet;     /* host, host:port, URL, or id of a printer of the configuration; NULL: none */
    char *password; /* NULL: none, or the default of RepRapFirmware, which is none */
    struct duetlapse_camera cameras[DUETLAPSE_CAMERAS];
    struct duetlapse_setting settings[DUETLAPSE_SETTINGS_MAX];
    size_t setting_count;
    struct problems problems;    /* mistakes and contradictions: not to be used */
    struct problems unsupported; /* what was asked for and lapsed does not do */
    struct problems ignored;     /* what has no meaning here, or means a little less */
};

/* Fills *ret; look at its problems first. */
void duetlapse_parse(const char *text, struct duetlapse *ret);
void duetlapse_done(struct duetlapse *duetlapse); /* for CLEANUP, too */

/* Kind of camera in lapsed for "web" and "stream"; NULL for the words that it does not have. */
const char *duetlapse_camera_kind(const char *word);

#endif
