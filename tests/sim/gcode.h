/* SPDX-License-Identifier: MIT */
/* gcode: one line of G-code taken apart; pure. */
#ifndef SIM_GCODE_H
#define SIM_GCODE_H

#include "agent/base/common.h"

#define GCODE_LINE_MAX 256

struct gcode {
    char letter; /* 'G', 'M' or 'T'; 0 for an empty line or a comment */
    int number;
    char params[GCODE_LINE_MAX]; /* what follows the number, without a comment */
};

/* Reads a line (N line numbers are skipped, letters may be small). -EINVAL: not a G-code. */
int gcode_parse(const char *line, struct gcode *ret_code) MUST_CHECK;

/* The value after a letter outside quotes: X12.5. False when it is not there. */
bool gcode_number(const struct gcode *code, char letter, double *ret_value);

/* The quoted text after a letter (S"text", a doubled quote is one); unquoted runs to a space. */
bool gcode_string(const struct gcode *code, char letter, char *ret_text, size_t size);

/* The parameter without a letter that file commands have: M23 0:/gcodes/a.gcode or M23 "a b.g". */
void gcode_file_name(const struct gcode *code, char *ret_name, size_t size);

#endif
