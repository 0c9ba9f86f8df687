/* SPDX-License-Identifier: MIT */
/* gphoto2_name: the --filename of somebody who is not trusted, as a name below one directory.
 *
 * The base directory is what "/" is to whoever asks: an absolute path begins there, ".." does not
 * lead out of it, and the base directory's own path in front of a name is taken off. gphoto2 never
 * sees the name: it downloads into a directory of ours under numbers, and the placeholders that it
 * knows (%n %C %f %: %% and those of strftime) are filled in here, after the picture came. Pure.
 *
 * Source of the placeholders: get_path_for_file() of gphoto2/main.c, 2.5.28. */
#ifndef CAPTURE_CAMERA_GPHOTO2_NAME_H
#define CAPTURE_CAMERA_GPHOTO2_NAME_H

#include "agent/base/error.h"

enum {
    GPHOTO2_NAME_MAX = 512, /* bytes of the whole name */
    GPHOTO2_NAME_DEPTH = 16,
    GPHOTO2_NAME_PART_MAX = 128, /* bytes of one directory's or file's name */
};

/* The name relative to base_dir (absolute), placeholders still in it: no "." nor "..", no empty
 * part, none that begins with '.' or '-', no control character, valid UTF-8. The caller frees
 * *ret_name. -EINVAL: err says which part and why. */
int gphoto2_name_confine(const char *path, const char *base_dir, char **ret_name,
                         struct error *err) MUST_CHECK;

/* Whether the same name comes out for every picture. */
bool gphoto2_name_is_fixed(const char *name);
bool gphoto2_name_has(const char *name, char placeholder);

struct gphoto2_picture { /* of the camera */
    const char *name;    /* its name there, untrusted; NULL: not known */
    int64_t number;      /* for %n */
    int64_t taken_at_s;  /* unix time, shown as local time */
};

/* A confined name filled in; the result is confined again, whatever the camera said. name NULL:
 * the camera's own. The caller frees *ret_name. -EINVAL. */
int gphoto2_name_fill(const char *name, const struct gphoto2_picture *picture, char **ret_name,
                      struct error *err) MUST_CHECK;

/* The suffix of a name behind the last dot, "" when it has none. */
const char *gphoto2_name_suffix(const char *name);

#endif
