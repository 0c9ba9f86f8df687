/* SPDX-License-Identifier: MIT */
#include "capture/camera/v4l2_control.h"

#include "agent/base/buf.h"
#include "agent/base/nearest.h"
#include "agent/base/str.h"
#include "capture/camera/v4l2_node.h"

#include <ctype.h>
#include <errno.h>
#include <linux/videodev2.h>
#include <stdio.h>
#include <string.h>

enum { LIST_TEXT_MAX = 300 };

/* Before and since Linux 5.16. */
static const struct {
    const char *name;
    uint32_t id;
} other_names[] = {
    {"exposure_auto", V4L2_CID_EXPOSURE_AUTO},
    {"auto_exposure", V4L2_CID_EXPOSURE_AUTO},
    {"exposure_absolute", V4L2_CID_EXPOSURE_ABSOLUTE},
    {"exposure_time_absolute", V4L2_CID_EXPOSURE_ABSOLUTE},
    {"exposure_auto_priority", V4L2_CID_EXPOSURE_AUTO_PRIORITY},
    {"exposure_dynamic_framerate", V4L2_CID_EXPOSURE_AUTO_PRIORITY},
    {"focus_auto", V4L2_CID_FOCUS_AUTO},
    {"focus_automatic_continuous", V4L2_CID_FOCUS_AUTO},
    {"white_balance_temperature_auto", V4L2_CID_AUTO_WHITE_BALANCE},
    {"white_balance_automatic", V4L2_CID_AUTO_WHITE_BALANCE},
};

/* --- what there is --- */

/* As v4l2-ctl: lower case, one '_' for whatever is neither letter nor digit. */
static void make_name(const char *title, char ret_name[V4L2_CONTROL_NAME])
{
    size_t len = 0;
    bool gap = false;

    for (; *title && len + 2 < V4L2_CONTROL_NAME; title++) {
        if (!isalnum((unsigned char)*title)) {
            gap = true;
            continue;
        }
        if (gap && len > 0)
            ret_name[len++] = '_';
        gap = false;
        ret_name[len++] = (char)tolower((unsigned char)*title);
    }
    ret_name[len] = '\0';
}

static const char *type_name(uint32_t type)
{
    switch (type) {
    case V4L2_CTRL_TYPE_INTEGER:
        return "int";
    case V4L2_CTRL_TYPE_BOOLEAN:
        return "bool";
    case V4L2_CTRL_TYPE_MENU:
        return "menu";
    case V4L2_CTRL_TYPE_INTEGER_MENU:
        return "intmenu";
    case V4L2_CTRL_TYPE_BITMASK:
        return "bitmask";
    case V4L2_CTRL_TYPE_BUTTON:
        return "button";
    default:
        return NULL; /* headings, texts, structures */
    }
}

static void describe(const struct v4l2_query_ext_ctrl *about, struct v4l2_knob *control)
{
    char title[sizeof(about->name) + 1];

    v4l2_copy_text(title, sizeof(title), about->name, sizeof(about->name));
    *control = (struct v4l2_knob){.id = about->id,
                                  .type = type_name(about->type),
                                  .min = about->minimum,
                                  .max = about->maximum,
                                  .step = (int64_t)about->step,
                                  .standard = about->default_value};
    make_name(title, control->name);
    control->settable =
        control->type && !(about->flags & (V4L2_CTRL_FLAG_READ_ONLY | V4L2_CTRL_FLAG_GRABBED));
}

bool v4l2_knob_next(int fd, struct v4l2_knob *control)
{
    struct v4l2_query_ext_ctrl about = {.id = control->id | V4L2_CTRL_FLAG_NEXT_CTRL};

    while (v4l2_call(fd, VIDIOC_QUERY_EXT_CTRL, &about) >= 0) {
        if (!(about.flags & V4L2_CTRL_FLAG_DISABLED) && type_name(about.type)) {
            describe(&about, control);
            return true;
        }
        about.id |= V4L2_CTRL_FLAG_NEXT_CTRL;
    }
    return false;
}

int v4l2_knob_get(int fd, const struct v4l2_knob *control, int64_t *ret_value)
{
    struct v4l2_ext_control item = {.id = control->id};
    struct v4l2_ext_controls all = {.count = 1, .controls = &item};
    int rc = v4l2_call(fd, VIDIOC_G_EXT_CTRLS, &all);

    if (rc < 0)
        return rc;
    *ret_value = item.value;
    return 0;
}

bool v4l2_knob_menu(int fd, const struct v4l2_knob *control, int64_t item,
                    char ret_text[V4L2_CONTROL_NAME])
{
    struct v4l2_querymenu about = {.id = control->id, .index = (uint32_t)item};

    if (v4l2_call(fd, VIDIOC_QUERYMENU, &about) < 0)
        return false;
    if (str_equal(control->type, "intmenu"))
        snprintf(ret_text, V4L2_CONTROL_NAME, "%lld", (long long)about.value);
    else
        v4l2_copy_text(ret_text, V4L2_CONTROL_NAME, about.name, sizeof(about.name));
    return true;
}

bool v4l2_knob_is_menu(const struct v4l2_knob *control)
{
    return str_equal(control->type, "menu") || str_equal(control->type, "intmenu");
}

/* --- setting them --- */

int v4l2_knob_parse(const char *text, char ret_name[V4L2_CONTROL_NAME], int64_t *ret_value,
                    struct error *err)
{
    size_t len = strcspn(text, "=");

    if (len == 0 || len >= V4L2_CONTROL_NAME || text[len] != '=')
        return error_set(err, -EINVAL, "'%s' is not name=value, as \"focus_absolute=30\"", text);
    if (str_to_int(text + len + 1, ret_value) < 0 || *ret_value < INT32_MIN ||
        *ret_value > INT32_MAX)
        return error_set(err, -EINVAL, "'%s': the value must be a whole number", text);
    snprintf(ret_name, V4L2_CONTROL_NAME, "%.*s", (int)len, text);
    return 0;
}

static bool is_named(const struct v4l2_knob *control, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(other_names); i++)
        if (other_names[i].id == control->id && str_equal(other_names[i].name, name))
            return true;
    return str_equal(control->name, name);
}

static int refuse_name(int fd, const char *name, struct error *err)
{
    CLEANUP(buf_done) struct buf list = BUF_INIT(LIST_TEXT_MAX);
    struct nearest nearest = nearest_init(name);
    struct v4l2_knob control = {0};
    char best[V4L2_CONTROL_NAME] = "";
    bool ok = true;

    while (v4l2_knob_next(fd, &control)) {
        nearest_try(&nearest, control.name);
        if (nearest.best == control.name)
            snprintf(best, sizeof(best), "%s", control.name);
        nearest.best = NULL;
        ok = ok && buf_printf(&list, "%s%s", list.len ? ", " : "", control.name) == 0;
    }
    if (best[0])
        return error_set(err, -EPROTOTYPE,
                         "controls: the camera has no '%s'; did you mean '%s'? It has: %s%s", name,
                         best, buf_text(&list), ok ? "" : " …");
    return error_set(err, -EPROTOTYPE, "controls: the camera has no '%s'; it has: %s%s", name,
                     list.len ? buf_text(&list) : "none", ok ? "" : " …");
}

static int find(int fd, const char *name, struct v4l2_knob *ret_control, struct error *err)
{
    struct v4l2_knob control = {0};

    while (v4l2_knob_next(fd, &control))
        if (is_named(&control, name)) {
            *ret_control = control;
            return 0;
        }
    return refuse_name(fd, name, err);
}

static int check_value(int fd, const struct v4l2_knob *control, int64_t value, struct error *err)
{
    char item[V4L2_CONTROL_NAME];

    if (!control->settable)
        return error_set(err, -EPROTOTYPE, "controls: %s can only be read; take it out",
                         control->name);
    if (value < control->min || value > control->max)
        return error_set(err, -EPROTOTYPE, "controls: %s=%lld must be from %lld to %lld",
                         control->name, (long long)value, (long long)control->min,
                         (long long)control->max);
    if (v4l2_knob_is_menu(control) && !v4l2_knob_menu(fd, control, value, item))
        return error_set(err, -EPROTOTYPE,
                         "controls: %s has no choice %lld; 'lapsed --probe-cameras' lists them",
                         control->name, (long long)value);
    return 0;
}

static int set_one(int fd, const char *text, struct error *err)
{
    char name[V4L2_CONTROL_NAME];
    struct v4l2_knob control;
    struct v4l2_ext_control item = {0};
    struct v4l2_ext_controls all = {.count = 1, .controls = &item};
    int64_t value;
    int rc = v4l2_knob_parse(text, name, &value, err);

    if (rc == 0)
        rc = find(fd, name, &control, err);
    if (rc == 0)
        rc = check_value(fd, &control, value, err);
    if (rc < 0)
        return rc;
    item.id = control.id;
    item.value = (int32_t)value;
    rc = v4l2_call(fd, VIDIOC_S_EXT_CTRLS, &all);
    if (rc == -ENODEV)
        return error_set(err, rc, "the camera was unplugged");
    if (rc < 0)
        return error_set(err, -EPROTOTYPE,
                         "controls: the camera refuses %s=%lld now (%s); is its automatic to be "
                         "switched off before it?",
                         name, (long long)value, strerror(-rc));
    return 0;
}

int v4l2_set_controls(int fd, const struct conf_strings *controls, struct error *err)
{
    for (size_t i = 0; i < controls->count; i++) {
        int rc = set_one(fd, controls->items[i], err);

        if (rc < 0)
            return rc;
    }
    return 0;
}
