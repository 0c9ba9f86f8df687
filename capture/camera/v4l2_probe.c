/* SPDX-License-Identifier: MIT */
#include "capture/camera/v4l2_probe.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "capture/camera/driver.h"
#include "capture/camera/v4l2_control.h"
#include "capture/camera/v4l2_format.h"
#include "capture/camera/v4l2_node.h"

#include <stdio.h>

enum { SUGGESTED_FPS = 15 };

/* --- formats --- */

static void add_size(cJSON *sizes, int fd, uint32_t fourcc, struct v4l2_size size)
{
    cJSON *json = json_add_object(sizes, NULL);
    struct v4l2_rates rates;
    cJSON *fps;

    json_add_int(json, "width", size.width);
    json_add_int(json, "height", size.height);
    fps = json_add_array(json, "fps");
    v4l2_list_rates(fd, fourcc, size, &rates);
    for (size_t i = 0; i < rates.count; i++)
        json_add_number(fps, NULL, rates.fps[i], 2);
}

static void add_format(cJSON *formats, int fd, uint32_t fourcc)
{
    cJSON *json = json_add_object(formats, NULL);
    const bool readable = v4l2_choice_of(fourcc) != V4L2_AUTO;
    struct v4l2_sizes found;
    cJSON *sizes;
    char name[5];

    v4l2_fourcc_text(fourcc, name);
    json_add_string(json, "format", name);
    json_add_bool(json, "readable", readable);
    if (!readable)
        return;
    v4l2_list_sizes(fd, fourcc, &found);
    json_add_bool(json, "range", found.range);
    sizes = json_add_array(json, "sizes");
    for (size_t i = 0; i < found.count; i++)
        add_size(sizes, fd, fourcc, found.items[i]);
}

static void add_formats(cJSON *device, int fd)
{
    cJSON *formats = json_add_array(device, "formats");
    struct v4l2_format_list found;

    v4l2_list_formats(fd, &found);
    for (size_t i = 0; i < found.count; i++)
        add_format(formats, fd, found.fourcc[i]);
}

/* --- controls --- */

static void add_menu(cJSON *json, int fd, const struct v4l2_knob *knob)
{
    cJSON *menu = json_add_object(json, "menu");
    int64_t last = MIN(knob->max, knob->min + V4L2_MENU_MAX);

    for (int64_t item = knob->min; item <= last; item++) {
        char text[V4L2_CONTROL_NAME];
        char number[24];

        if (!v4l2_knob_menu(fd, knob, item, text))
            continue;
        snprintf(number, sizeof(number), "%lld", (long long)item);
        json_add_string(menu, number, text);
    }
}

static void add_control(cJSON *controls, int fd, const struct v4l2_knob *knob)
{
    cJSON *json = json_add_object(controls, NULL);
    int64_t value;

    json_add_string(json, "name", knob->name);
    json_add_string(json, "type", knob->type);
    json_add_int(json, "min", knob->min);
    json_add_int(json, "max", knob->max);
    json_add_int(json, "step", knob->step);
    json_add_int(json, "default", knob->standard);
    if (v4l2_knob_get(fd, knob, &value) == 0)
        json_add_int(json, "value", value);
    else
        json_add_null(json, "value");
    if (v4l2_knob_is_menu(knob))
        add_menu(json, fd, knob);
}

static void add_controls(cJSON *device, int fd)
{
    cJSON *controls = json_add_array(device, "controls");
    struct v4l2_knob knob = {0};

    for (int i = 0; i < V4L2_CONTROLS_MAX && v4l2_knob_next(fd, &knob); i++)
        if (knob.settable)
            add_control(controls, fd, &knob);
}

/* --- a device --- */

/* What a user would write. */
static void add_settings(cJSON *device, const struct v4l2_node *node, const char *by_id)
{
    const struct v4l2_size any = {0};
    char id[STR_ID_MAX + 1];
    struct v4l2_size size;
    uint32_t fourcc;
    cJSON *json;

    if (v4l2_choose(node->fd, V4L2_AUTO, any, &fourcc, &size, NULL) < 0) {
        json_add_null(device, "settings");
        return;
    }
    json = json_add_object(device, "settings");
    str_make_id(node->identity.card, id);
    json_add_string(json, "id", id);
    json_add_string(json, "kind", "v4l2");
    json_add_string(json, "device", by_id ? by_id : node->path);
    json_add_int(json, "width", size.width);
    json_add_int(json, "height", size.height);
    json_add_number(json, "fps", SUGGESTED_FPS, 1);
    json_add_string(json, "format", v4l2_format_choices[v4l2_choice_of(fourcc)]);
}

static void add_camera(cJSON *devices, const struct v4l2_node *node)
{
    CLEANUP(free_p) char *by_id = v4l2_by_id(node->path);
    cJSON *json = json_add_object(devices, NULL);

    json_add_string(json, "device", node->path);
    json_add_string(json, "by_id", by_id);
    json_add_string(json, "card", node->identity.card);
    json_add_string(json, "bus", node->identity.bus);
    add_formats(json, node->fd);
    add_controls(json, node->fd);
    add_settings(json, node, by_id);
}

static void add_broken(cJSON *devices, const char *path, const struct error *err)
{
    cJSON *json = json_add_object(devices, NULL);

    json_add_string(json, "device", path);
    json_add_string(json, "error", err->text);
}

cJSON *v4l2_probe(void)
{
    cJSON *json = json_object();
    cJSON *devices = json_add_array(json, "devices");
    struct v4l2_paths paths;

    v4l2_list_paths(&paths);
    for (size_t i = 0; i < paths.count; i++) {
        struct v4l2_node node = {.fd = -1};
        struct error err = {0};

        if (v4l2_node_open(paths.items[i], &node, &err) < 0)
            add_broken(devices, paths.items[i], &err);
        else if (node.captures)
            add_camera(devices, &node);
        v4l2_node_close(&node);
    }
    v4l2_paths_done(&paths);
    return json;
}
