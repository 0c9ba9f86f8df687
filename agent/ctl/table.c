/* SPDX-License-Identifier: MIT */
#include "agent/ctl/table.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/ctl/text.h"

#include <assert.h>
#include <stdlib.h>

struct cell {
    char *text;
    enum ctl_colour colour;
};

struct row {
    struct cell cells[CTL_TABLE_COLUMNS];
    size_t count;
};

struct ctl_table {
    struct row *rows;
    size_t count;
};

static const char *const colour_codes[] = {
    [CTL_PLAIN] = "",        [CTL_BOLD] = "\033[1m", [CTL_GOOD] = "\033[32m",
    [CTL_WARN] = "\033[33m", [CTL_BAD] = "\033[31m",
};

const char *ctl_colour_on(enum ctl_colour colour, bool colours)
{
    return colours ? colour_codes[colour] : "";
}

const char *ctl_colour_off(enum ctl_colour colour, bool colours)
{
    return colours && colour != CTL_PLAIN ? "\033[0m" : "";
}

enum ctl_colour ctl_colour_of_state(const char *state)
{
    static const struct {
        const char *state;
        enum ctl_colour colour;
    } colours[] = {
        {"online", CTL_GOOD},   {"connected", CTL_GOOD}, {"capturing", CTL_GOOD},
        {"printing", CTL_GOOD}, {"building", CTL_WARN},  {"paused", CTL_WARN},
        {"pausing", CTL_WARN},  {"resuming", CTL_WARN},  {"cancelling", CTL_WARN},
        {"offline", CTL_BAD},   {"error", CTL_BAD},      {"disconnected", CTL_BAD},
    };

    for (size_t i = 0; i < ARRAY_LEN(colours); i++)
        if (str_equal(colours[i].state, state))
            return colours[i].colour;
    return CTL_PLAIN;
}

struct ctl_table *ctl_table_new(void)
{
    return xcalloc(1, sizeof(struct ctl_table));
}

void ctl_table_free(struct ctl_table *table)
{
    for (size_t row = 0; row < table->count; row++)
        for (size_t column = 0; column < table->rows[row].count; column++)
            free(table->rows[row].cells[column].text);
    free(table->rows);
    free(table);
}

void ctl_table_row(struct ctl_table *table)
{
    table->rows = xrealloc(table->rows, (table->count + 1) * sizeof(*table->rows));
    table->rows[table->count++] = (struct row){0};
}

void ctl_table_cell(struct ctl_table *table, char *text, enum ctl_colour colour)
{
    struct row *row = &table->rows[table->count - 1];

    assert(row->count < CTL_TABLE_COLUMNS);
    row->cells[row->count++] = (struct cell){text, colour};
}

static size_t column_width(const struct ctl_table *table, size_t column)
{
    size_t width = 0;

    for (size_t row = 0; row < table->count; row++)
        if (column < table->rows[row].count)
            width = MAX(width, ctl_text_width(table->rows[row].cells[column].text));
    return width;
}

static void print_cell(const struct cell *cell, size_t width, bool last, bool colours, FILE *out)
{
    size_t own = ctl_text_width(cell->text);
    size_t gap = last ? 0 : width - own + 2;

    fprintf(out, "%s%s%s%*s", ctl_colour_on(cell->colour, colours), cell->text,
            ctl_colour_off(cell->colour, colours), (int)gap, "");
}

void ctl_table_print(const struct ctl_table *table, bool colours, FILE *out)
{
    size_t widths[CTL_TABLE_COLUMNS];

    for (size_t column = 0; column < CTL_TABLE_COLUMNS; column++)
        widths[column] = column_width(table, column);
    for (size_t i = 0; i < table->count; i++) {
        const struct row *row = &table->rows[i];

        for (size_t column = 0; column < row->count; column++)
            print_cell(&row->cells[column], widths[column], column + 1 == row->count, colours, out);
        fputc('\n', out);
    }
}
