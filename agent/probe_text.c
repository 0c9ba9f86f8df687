/* SPDX-License-Identifier: MIT */
#include "agent/probe_text.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/base/text_wrap.h"

#include <stdlib.h>

enum { COLUMN = 12, NAME_COLUMN = 4, LINE_MAX_BYTES = 16 * 1024 };

/* The answer may come from another agent: nothing in it may steer the terminal. */
static const char *clean(const cJSON *json, const char *path, struct buf *room)
{
    const char *text = json_get_string(json, path);
    int rc = text ? 0 : -1;

    buf_clear(room);
    for (; rc == 0 && *text; text++)
        rc = buf_append(room, (unsigned char)*text < 0x20 || *text == 0x7f ? "?" : text, 1);
    return text ? buf_text(room) : "";
}

static long long whole(const cJSON *json, const char *path)
{
    int64_t value = 0;

    (void)json_get_int(json, path, &value);
    return (long long)value;
}

static void print_line(const char *title, struct buf *line, FILE *out)
{
    int width = fprintf(out, "  %s", title);

    width += fprintf(out, "%*s", MAX(COLUMN - width, 1), "");
    text_wrap(buf_text(line), COLUMN, (size_t)width, out);
}

/* --- formats --- */

static int add_rates(struct buf *line, const cJSON *fps)
{
    int rc = 0;

    if (!json_first(fps))
        return 0;
    for (const cJSON *rate = json_first(fps); rate && rc == 0; rate = json_next(rate))
        rc = buf_printf(line, "%s%g", rate == json_first(fps) ? " (" : " ", json_number(rate));
    return rc == 0 ? buf_printf(line, " fps)") : rc;
}

static void print_format(const cJSON *format, FILE *out)
{
    CLEANUP(buf_done) struct buf line = BUF_INIT(LINE_MAX_BYTES), name = BUF_INIT(64);
    bool range = false;
    const char *separator = "";
    int rc = 0;

    (void)json_get_bool(format, "range", &range);
    for (const cJSON *size = json_first(json_get(format, "sizes")); size && rc == 0;
         size = json_next(size)) {
        rc = buf_printf(&line, "%s%lldx%lld", separator, whole(size, "width"),
                        whole(size, "height"));
        separator = range ? " to " : ", ";
        if (rc == 0)
            rc = add_rates(&line, json_get(size, "fps"));
    }
    if (line.len == 0)
        rc = buf_printf(&line, "any size");
    if (rc == 0)
        print_line(clean(format, "format", &name), &line, out);
}

static void print_formats(const cJSON *device, FILE *out)
{
    CLEANUP(buf_done) struct buf others = BUF_INIT(LINE_MAX_BYTES), name = BUF_INIT(64);
    const cJSON *formats = json_get(device, "formats");
    int rc = 0;

    for (const cJSON *format = json_first(formats); format; format = json_next(format)) {
        bool readable = false;

        (void)json_get_bool(format, "readable", &readable);
        if (readable)
            print_format(format, out);
        else if (rc == 0)
            rc = buf_printf(&others, "%s%s",
                            others.len ? ", " : "not for lapsed: ", clean(format, "format", &name));
    }
    if (others.len > 0)
        print_line("others", &others, out);
}

/* --- controls --- */

static int add_menu(struct buf *line, const cJSON *menu)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(256);
    const char *separator = ": ";
    int rc = 0;

    for (const cJSON *item = json_first(menu); item && rc == 0; item = json_next(item)) {
        rc = buf_printf(line, "%s%s %s", separator, json_key(item),
                        clean(menu, json_key(item), &text));
        separator = ", ";
    }
    return rc;
}

static void print_control(const cJSON *control, FILE *out)
{
    CLEANUP(buf_done) struct buf line = BUF_INIT(LINE_MAX_BYTES), name = BUF_INIT(128);
    int width = fprintf(out, "    %s=", clean(control, "name", &name));
    int rc;

    if (json_is_number(json_get(control, "value")))
        width += fprintf(out, "%lld", whole(control, "value"));
    rc = buf_printf(&line, "  %lld to %lld, default %lld", whole(control, "min"),
                    whole(control, "max"), whole(control, "default"));
    if (rc == 0)
        rc = add_menu(&line, json_get(control, "menu"));
    if (rc == 0)
        text_wrap(buf_text(&line), NAME_COLUMN + 4, (size_t)width, out);
}

static void print_controls(const cJSON *device, FILE *out)
{
    const cJSON *controls = json_get(device, "controls");

    if (json_size(controls) == 0)
        return;
    fputs("  controls, as they stand now\n", out);
    for (const cJSON *control = json_first(controls); control; control = json_next(control))
        print_control(control, out);
}

/* --- a camera --- */

static void print_settings(const cJSON *settings, FILE *out)
{
    CLEANUP(buf_done) struct buf id = BUF_INIT(128), device = BUF_INIT(1024), format = BUF_INIT(32);
    double fps = 0;

    if (!json_is_object(settings)) {
        fputs("  lapsed cannot read any of its formats\n", out);
        return;
    }
    (void)json_get_number(settings, "fps", &fps);
    fprintf(out,
            "  for lapsed.conf\n"
            "    cameras = ( {\n"
            "        id = \"%s\";\n"
            "        kind = \"v4l2\";\n"
            "        device = \"%s\";\n"
            "        format = \"%s\";\n"
            "        width = %lld; height = %lld; fps = %.1f;\n"
            "    } );\n",
            clean(settings, "id", &id), clean(settings, "device", &device),
            clean(settings, "format", &format), whole(settings, "width"), whole(settings, "height"),
            fps);
}

static void print_device(const cJSON *device, FILE *out)
{
    CLEANUP(buf_done) struct buf path = BUF_INIT(1024), text = BUF_INIT(1024);

    if (json_get_string(device, "error")) {
        fprintf(out, "%s\n", clean(device, "error", &text));
        return;
    }
    fprintf(out, "%s  %s\n", clean(device, "device", &path), clean(device, "card", &text));
    if (json_get_string(device, "by_id"))
        fprintf(out, "  by-id     %s\n", clean(device, "by_id", &text));
    fprintf(out, "  bus       %s\n", clean(device, "bus", &text));
    print_formats(device, out);
    print_controls(device, out);
    print_settings(json_get(device, "settings"), out);
}

void probe_print(const cJSON *probe, FILE *out)
{
    const cJSON *devices = json_get(probe, "devices");
    const char *separator = "";

    if (json_size(devices) == 0)
        fputs("no USB camera is plugged in (there is no /dev/video* that gives pictures)\n", out);
    for (const cJSON *device = json_first(devices); device; device = json_next(device)) {
        fputs(separator, out);
        print_device(device, out);
        separator = "\n";
    }
}
