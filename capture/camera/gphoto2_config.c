/* SPDX-License-Identifier: MIT */
#include "capture/camera/gphoto2_config.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/nearest.h"
#include "agent/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum { NAME_MAX_BYTES = 128, VALUE_MAX_BYTES = 64 };

static const char *const listed[] = {
    "aperture",
    "assistlight",
    "autoexposuremode",
    "capturemode",
    "capturetarget",
    "colorspace",
    "colortemperature",
    "continuousaf",
    "drivemode",
    "expprogram",
    "exposurecompensation",
    "exposuremetermode",
    "f-number",
    "flashmode",
    "focusmode",
    "focusmode2",
    "imageformat",
    "imageformatcf",
    "imageformatsd",
    "imagequality",
    "imagesize",
    "iso",
    "isoauto",
    "longexpnr",
    "meteringmode",
    "picturestyle",
    "reviewtime",
    "shutterspeed",
    "shutterspeed2",
    "viewfinder",
    "whitebalance",
    NULL,
};

static const char *const folders[] = {
    "/main/imgsettings/", "/main/capturesettings/", "/main/settings/", "", NULL,
};

const char *gphoto2_config_leaf(const char *name)
{
    const char *slash = strrchr(name, '/');

    return slash ? slash + 1 : name;
}

int gphoto2_config_check_name(const char *name, struct error *err)
{
    size_t len = strlen(name);

    if (len > NAME_MAX_BYTES)
        return error_set(err, -EINVAL, "the name of the setting is longer than %d bytes",
                         NAME_MAX_BYTES);
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && !strchr("/_-", name[i]))
            return error_set(err, -EINVAL,
                             "'%s' is no name of a setting: letters, digits, '_', '-' and '/'",
                             name);
    if (name[0] == '-' || !*gphoto2_config_leaf(name))
        return error_set(err, -EINVAL, "'%s' is no name of a setting", name);
    return 0;
}

static bool is_leaf_listed(const char *leaf)
{
    for (const char *const *at = listed; *at; at++)
        if (str_equal(*at, leaf))
            return true;
    return false;
}

bool gphoto2_config_is_listed(const char *name)
{
    for (const char *const *folder = folders; *folder; folder++)
        if (str_starts_with(name, *folder) && is_leaf_listed(name + strlen(*folder)))
            return true;
    return false;
}

const char *gphoto2_config_nearest(const char *name)
{
    struct nearest nearest = nearest_init(gphoto2_config_leaf(name));

    for (const char *const *at = listed; *at; at++)
        nearest_try(&nearest, *at);
    return nearest.best;
}

int gphoto2_config_check_value(const char *value, struct error *err)
{
    size_t len = strlen(value);
    bool fine = len >= 1 && len <= VALUE_MAX_BYTES;

    for (size_t i = 0; i < len && fine; i++)
        fine = isalnum((unsigned char)value[i]) || strchr("./+ -,:_()", value[i]);
    if (fine)
        return 0;
    return error_set(err, -EINVAL, "may have letters, digits and ./+ -,:_() only, at most %d",
                     VALUE_MAX_BYTES);
}

static int refuse_name(const char *name, struct error *err)
{
    CLEANUP(buf_done) struct buf all = BUF_INIT(1024);
    int rc = 0;

    for (const char *const *at = listed; *at && rc == 0; at++)
        rc = buf_printf(&all, " %s", *at);
    return error_set(err, -EINVAL, "'%.64s' is not among the settings that may be set:%s", name,
                     buf_text(&all));
}

int gphoto2_config_check(const char *pair, struct error *err)
{
    size_t len = strcspn(pair, "=");
    CLEANUP(free_p) char *name = xstrndup(pair, len);
    int rc;

    if (len == 0 || !pair[len] || !pair[len + 1])
        return error_set(err, -EINVAL, "'%.64s' is not \"name=value\", as in \"iso=200\"", pair);
    if (!gphoto2_config_is_listed(name))
        return refuse_name(name, err);
    rc = gphoto2_config_check_value(pair + len + 1, err);
    if (rc < 0)
        (void)error_prefix(err, "the value of '%s'", name);
    return rc;
}
