/* SPDX-License-Identifier: MIT */
#include "agent/manual/main.h"

#include "agent/base/mem.h"
#include "agent/config.h"
#include "agent/lapsed_options.h"
#include "agent/manual/roff.h"

#include <float.h>
#include <stdlib.h>

static const char *type_text(const struct conf_field *field)
{
    static const char *const texts[] = {
        [CONF_BOOL] = "True or false",
        [CONF_INT] = "A whole number",
        [CONF_FLOAT] = "A number",
        [CONF_STRING] = "A text",
        [CONF_ID] = "A name",
        [CONF_PATH] = "An absolute path",
        [CONF_URL] = "An http or https address",
        [CONF_ENUM] = "One of the words",
        [CONF_FLAGS] = "One or a list of the words",
        [CONF_STRINGS] = "A text or a list of texts",
        [CONF_IDS] = "A name or a list of names",
        [CONF_SECRET] = "A secret text",
    };

    return texts[field->type];
}

static void write_choices(const struct conf_field *field, FILE *out)
{
    for (size_t i = 0; field->choices && field->choices[i]; i++)
        fprintf(out, "%s%s", i > 0 ? ", " : " ", field->choices[i]);
}

static void write_range(const struct conf_field *field, FILE *out)
{
    bool number = field->type == CONF_INT || field->type == CONF_FLOAT;

    if (number && (field->min != 0 || field->max != 0))
        fprintf(out, ", %.*g to %.*g", DBL_DIG, field->min, DBL_DIG, field->max);
    if (field->unit)
        fprintf(out, " %s", field->unit);
}

/* "A whole number, 1 to 10000; default 1. May change while it runs." */
static char *facts(const struct conf_field *field)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        abort();
    fputs(type_text(field), out);
    write_choices(field, out);
    write_range(field, out);
    if (field->fallback)
        fprintf(out, "; default %s%s%s", field->fallback, field->unit ? " " : "",
                field->unit ? field->unit : "");
    fputc('.', out);
    if (field->flags & CONF_REQUIRED)
        fputs(" Must be given.", out);
    if (field->flags & CONF_RELOAD)
        fputs(" May change while the agent runs.", out);
    fclose(out);
    return text;
}

static void write_field(const struct conf_field *field, FILE *out)
{
    CLEANUP(free_p) char *text = facts(field);

    roff_word(out, field->key, "");
    roff_more(out, field->help);
    roff_more(out, text);
    if (field->type != CONF_SECRET)
        return;
    free(text);
    text = xasprintf("%s_file names a file whose first line it is; a file that others may read is "
                     "refused.",
                     field->key);
    roff_more(out, text);
}

static void write_room(const struct config_room *room, FILE *out)
{
    const struct conf_table *table = room->table;
    CLEANUP(free_p)
    char *title = room->list ? xasprintf("%s = ( { ... }, ... );", table->name)
                             : xasprintf("%s = { ... };", table->name);

    roff_subsection(out, title);
    if (table->help)
        roff_more(out, table->help);
    roff_list_begin(out);
    for (size_t i = 0; i < table->field_count; i++)
        write_field(&table->fields[i], out);
    roff_list_end(out);
}

static void write_example(FILE *out)
{
    roff_section(out, "EXAMPLES");
    roff_more(out, "A Duet with one camera, a frame at each layer:");
    roff_example(out,
                 "mqtt = { host = \"127.0.0.1\"; };\n"
                 "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://duet.lan\"; } );\n"
                 "cameras = ( { id = \"front\"; kind = \"mjpeg\";\n"
                 "              url = \"http://camera.lan/stream\"; } );\n"
                 "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ];\n"
                 "            trigger = \"layer\"; } );\n");
}

void manual_conf(const char *date, FILE *out)
{
    static const char *const see_also[] = {"lapsectl", "1", "lapsed", "8", NULL};
    struct config *config = config_blank();
    struct config_room rooms[CONFIG_ROOM_MAX];

    config_rooms(config, rooms);
    roff_begin(out, "lapsed.conf", "5", date, "configuration of a timelapse agent");
    roff_section(out, "DESCRIPTION");
    fputs("The file\n.Pa " LAPSED_DEFAULT_CONFIG "\n", out);
    roff_more(out, "says which printers, cameras and timelapse units an agent has. Form: key = "
                   "value; texts stand in quotes, numbers, true and false do not. A group is { "
                   "... }, a list of groups ( { ... }, { ... } ), a list of texts [ \"...\", "
                   "\"...\" ]. A name has only a-z, 0-9, _ and -, because it becomes a part of "
                   "MQTT topics. # begins a comment. Settings that may change while the agent runs "
                   "are changed by 'lapsectl set'.");
    roff_text(out, "lapsed --check-config FILE names every mistake with its line; lapsed "
                   "--print-config shows what is in force.");
    for (const struct config_room *room = rooms; room->table; room++)
        write_room(room, out);
    write_example(out);
    roff_see_also(out, see_also);
    config_free(config);
}
