/* SPDX-License-Identifier: MIT */
/* convert_draft: what a conversion has found, before it is written down. */
#ifndef AGENT_CONVERT_DRAFT_H
#define AGENT_CONVERT_DRAFT_H

#include "agent/convert/camparam.h"
#include "agent/convert/convert.h"

enum { DRAFT_CAMERAS = 2, DRAFT_SETTINGS = 32, DRAFT_COMMENTS = 16 };

struct draft_camera {
    char *id, *kind, *url, *user; /* id NULL: there is none; user NULL: no login */
    struct camparam command;      /* of kind command */
    struct camparam config;       /* of kind gphoto2 */
    char *device;                 /* of kind v4l2, as the next ones; 0 = not said */
    int64_t width, height, fps;
    int64_t latency_ms;
};

struct convert_draft {
    const char *source;    /* "a DuetLapse3 command line" */
    char *unit;            /* id */
    char *printer, *duet;  /* id and URL; NULL: none */
    bool printer_password; /* it has one, which is not written here */
    struct draft_camera cameras[DRAFT_CAMERAS];
    struct { /* of the unit */
        const char *key;
        char *text; /* as in set/<key> */
    } settings[DRAFT_SETTINGS];
    size_t setting_count;
    struct problems later; /* lines of the unit that have to wait, as comments */
    char *ffmpeg;          /* NULL: the usual one */
    struct problems notes;
};

/* Takes text over. */
void draft_set(struct convert_draft *draft, const char *key, char *text);
/* Writes it into *ret and releases the draft. */
void draft_finish(struct convert_draft *draft, struct conversion *ret);

/* Takes the login out of an URL: the user is returned (NULL: none), the password is dropped. The
 * caller frees both. */
char *draft_split_url(const char *url, char **ret_user) MUST_CHECK;

#endif
