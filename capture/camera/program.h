/* SPDX-License-Identifier: MIT */
/* program: what the kinds of cameras that are programs have in common: one child per picture.
 *
 * A kind gives the arguments and knows what its program complains about. The picture comes on
 * stdout, or in a file of a directory made for this one run: what a straggler of an earlier run
 * still writes can never be taken for it. It counts as captured when the program was started.
 *
 * A program that does not end is killed shortly before the shot's time is over; until it is really
 * gone no other is started, as both would fight for one device. */
#ifndef CAPTURE_CAMERA_PROGRAM_H
#define CAPTURE_CAMERA_PROGRAM_H

#include "capture/camera/driver.h"

#define PROGRAM_ARGS_MAX  64
#define PROGRAM_WORDS_MAX 240 /* of what a program said, in an error text */

struct program_args {
    char *items[PROGRAM_ARGS_MAX + 1]; /* NULL-terminated */
    size_t count;
};

/* Adds one argument, whatever is in it; more than PROGRAM_ARGS_MAX is a mistake of ours. */
void program_args_add(struct program_args *args, const char *fmt, ...) PRINTF_LIKE(2, 3);
void program_args_done(struct program_args *args);

/* What to say when the program's last words contain these. */
struct program_advice {
    const char *words; /* NULL: end of the list */
    int code;
    const char *text;
};

/* The first that fits; NULL: none, or no list. */
const struct program_advice *program_advice_find(const struct program_advice *list,
                                                 const char *text) MUST_CHECK;

/* The end of what a program complained about, from the beginning of a word on. */
void program_last_words(const char *text, char ret_words[PROGRAM_WORDS_MAX]);

struct program_kind {
    /* Whether the program writes the picture to the file it is told; NULL or false: to stdout. */
    bool (*writes_file)(const struct camera_settings *settings);
    /* output: the file, or NULL. */
    int (*make_args)(const struct camera_settings *settings, const char *output,
                     struct program_args *ret_args, struct error *err);
    const struct program_advice *advice;
};

/* These serve as a driver's functions; open is the kind's own and ends here. */
struct program *program_new(struct camera_port *port, struct loop *loop,
                            const struct camera_settings *settings,
                            const struct program_kind *kind) MUST_CHECK;
void program_close(void *program);
void program_request(void *program);
void program_cancel(void *program);

/* How long a program may run. */
int64_t program_patience_ms(const struct camera_settings *settings);

#endif
