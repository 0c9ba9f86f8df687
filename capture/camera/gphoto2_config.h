/* SPDX-License-Identifier: MIT */
/* gphoto2_config: which settings of a camera may be set, and to what.
 *
 * gphoto2 addresses a setting by its name ("iso") or by its path ("/main/imgsettings/iso"). Only
 * those are on the list that say how a picture is exposed and what it is like: others make the
 * camera do something, erase the card, rename the owner, set the clock or send raw commands. Names
 * of libgphoto2's drivers, camlibs/ptp2/config.c above all. Pure. */
#ifndef CAPTURE_CAMERA_GPHOTO2_CONFIG_H
#define CAPTURE_CAMERA_GPHOTO2_CONFIG_H

#include "agent/base/error.h"

/* "name=value", as --set-config takes it. -EINVAL; err says what is allowed. */
int gphoto2_config_check(const char *pair, struct error *err) MUST_CHECK;

/* The parts of it. The name without its folders: */
const char *gphoto2_config_leaf(const char *name);
/* Letters, digits, '_', '-' and '/'. -EINVAL. */
int gphoto2_config_check_name(const char *name, struct error *err) MUST_CHECK;
bool gphoto2_config_is_listed(const char *name);
/* The listed name that may have been meant; NULL. */
const char *gphoto2_config_nearest(const char *name);
/* -EINVAL; err continues "the value ". */
int gphoto2_config_check_value(const char *value, struct error *err) MUST_CHECK;

#endif
