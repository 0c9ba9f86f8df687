/* SPDX-License-Identifier: MIT */
/* gphoto2_arguments: which of somebody's words gphoto2 is given. Pure.
 *
 * gphoto2 can run programs (--hook-script), write anywhere (--filename, --debug-logfile), read our
 * files (--upload-file, --port disk:) and erase the card. So every word has to be an option of the
 * table in the .c file, written exactly, with a value that its row accepts; one that is not has the
 * whole command refused. What is accepted is written anew as --name=value, so that no value can
 * ever be read as an option, and --filename never reaches gphoto2 (gphoto2_name.h).
 *
 * Source: the option tables in gphoto2/main.c, 2.5.28, and how popt reads a command line. */
#ifndef CAPTURE_CAMERA_GPHOTO2_ARGUMENTS_H
#define CAPTURE_CAMERA_GPHOTO2_ARGUMENTS_H

#include "agent/base/conf.h"
#include "capture/camera/program.h"

enum { GPHOTO2_WAIT_MAX_S = 3600 };

struct gphoto2_rules {                /* borrowed */
    const char *base_dir;             /* of --filename; absolute */
    const char *port;                 /* the camera's; NULL: gphoto2 looks for it */
    const struct conf_strings *allow; /* what the configuration adds: gphoto2_allow */
};

struct gphoto2_arguments {
    struct program_args args; /* --name=value or --name, without the program's name */
    char *filename;           /* confined, with placeholders; NULL: not given */
    char *port;               /* when the configuration has none; NULL: not given */
    int64_t first_number;     /* of %n */
    int64_t wait_ms;          /* what it is told to wait and to expose, all in all */
    bool downloads;           /* files may come */
    bool must_download;       /* without a file it has failed, whatever its exit code */
    bool overwrite;           /* files that are there may be replaced */
};

/* -EINVAL: not understood, or a bad value. -EPERM: understood and refused. err names the option and
 * says why and what is allowed; *ret needs no freeing then. */
int gphoto2_arguments_make(const char *const *words, size_t count,
                           const struct gphoto2_rules *rules, struct gphoto2_arguments *ret,
                           struct error *err) MUST_CHECK;
void gphoto2_arguments_done(struct gphoto2_arguments *arguments); /* for CLEANUP, too */

/* Whether the configuration may add this to what is allowed: "--list-files", or "--set-config NAME"
 * for one more setting. -EINVAL (no such option, or allowed anyway), -EPERM (never). */
int gphoto2_allow_check(const char *entry, struct error *err) MUST_CHECK;

#endif
