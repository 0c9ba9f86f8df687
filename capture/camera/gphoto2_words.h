/* SPDX-License-Identifier: MIT */
/* gphoto2_words: what gphoto2 may be told and what it says, without running it.
 *
 * Its messages are those of gphoto2 2.5 (actions.c, main.c, shell.c) and libgphoto2 2.5
 * (gphoto2-port-result.c, gphoto2-result.c, camlibs/ptp2/ptp.c) with LANG=C. */
#ifndef CAPTURE_CAMERA_GPHOTO2_WORDS_H
#define CAPTURE_CAMERA_GPHOTO2_WORDS_H

#include "agent/base/buf.h"
#include "agent/base/conf.h"
#include "agent/base/process.h"

/* How long the exposure takes that these pairs ask for: "shutterspeed=30", "=1/60", "=0.5s"; 0 when
 * they do not say. */
int64_t gphoto2_config_exposure_ms(const struct conf_strings *pairs);

/* "usb:001,004". -EINVAL: disk:, ptpip:, serial: … reach other things than a camera. */
int gphoto2_port_check(const char *port, struct error *err) MUST_CHECK;

/* What went wrong, by what gphoto2 said; with what to do when we know. Returns err's code; -EIO
 * when it says nothing that we know. */
int gphoto2_explain(const char *said, struct error *err);
/* 0 for exit code 0, else in words. */
int gphoto2_check_result(const struct process_result *result, int64_t timeout_ms,
                         struct error *err);

/* Whether everything up to a new prompt of gphoto2 --shell is there; the words in front of the
 * prompt are *ret_len bytes. after_command: the echo of a command comes first. */
bool gphoto2_find_prompt(const char *said, bool after_command, size_t *ret_len);

/* The next "New file is in location PATH on the camera" in *said, which moves behind it; the caller
 * frees *ret_path. Paths that could be something else than a path are left out. */
bool gphoto2_next_camera_file(const char **said, char **ret_path);
/* Whether two paths differ only in what follows the last dot: a picture and its RAW. */
bool gphoto2_same_picture(const char *path, const char *other);

enum gphoto2_file { GPHOTO2_JPEG, GPHOTO2_RAW, GPHOTO2_OTHER };
/* By the end of its name. */
enum gphoto2_file gphoto2_file_kind(const char *name);

#endif
