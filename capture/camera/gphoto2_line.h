/* SPDX-License-Identifier: MIT */
/* gphoto2_line: a command line becomes words, as a shell would split it, without a shell: blanks,
 * '…', "…" and \ have their meaning, everything else ($ ` * ; | > ~ #) stands for itself. Pure. */
#ifndef CAPTURE_CAMERA_GPHOTO2_LINE_H
#define CAPTURE_CAMERA_GPHOTO2_LINE_H

#include "capture/camera/program.h"

enum {
    GPHOTO2_LINE_MAX = 4096, /* bytes */
    GPHOTO2_WORDS_MAX = 48,
};

/* The caller frees *ret_words with program_args_done(). -EINVAL: err says where and why. */
int gphoto2_line_split(const char *line, struct program_args *ret_words,
                       struct error *err) MUST_CHECK;

#endif
