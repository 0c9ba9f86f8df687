/* SPDX-License-Identifier: MIT */
#include "agent/journal/write.h"

#include "agent/base/mem.h"

#include <assert.h>
#include <stdlib.h>

struct write *write_new(enum statement statement)
{
    struct write *write = xcalloc(1, sizeof(*write));

    write->statement = statement;
    list_init(&write->link);
    return write;
}

void write_free(struct write *write)
{
    for (int i = 0; i < write->value_count; i++)
        free(write->values[i].text);
    free(write->why);
    free(write);
}

static struct value *write_add(struct write *write, enum value_kind kind)
{
    struct value *value = &write->values[write->value_count++];

    assert(write->value_count <= WRITE_VALUES_MAX);
    value->kind = kind;
    return value;
}

void write_int(struct write *write, int64_t integer)
{
    write_add(write, VALUE_INT)->integer = integer;
}

void write_real(struct write *write, double real)
{
    write_add(write, VALUE_REAL)->real = real;
}

void write_text(struct write *write, const char *text)
{
    write_add(write, text ? VALUE_TEXT : VALUE_NULL)->text = text ? xstrdup(text) : NULL;
}

void write_fail(struct write *write, const struct error *err)
{
    write->result = err->code;
    write->why = xstrdup(err->text);
}
