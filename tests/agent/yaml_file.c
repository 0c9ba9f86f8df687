/* SPDX-License-Identifier: MIT */
#include "tests/agent/yaml_file.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

enum { ITEMS_MAX = 1024 };

struct yaml_file {
    struct yaml_item items[ITEMS_MAX];
    size_t count;
};

static void add_node(struct yaml_file *file, yaml_document_t *document, int index, char *path);

static const char *own_tag(const yaml_node_t *node)
{
    const char *tag = (const char *)node->tag;

    return tag && tag[0] == '!' ? tag : "";
}

static void add_item(struct yaml_file *file, char *path, const yaml_node_t *node)
{
    struct yaml_item *item = &file->items[file->count++];

    assert_true(file->count < ITEMS_MAX);
    if (yaml_file_find(file, path))
        fail_msg("%s is there twice", path);
    item->path = path;
    item->tag = xstrdup(own_tag(node));
    if (node->type == YAML_SCALAR_NODE)
        item->text = xstrdup((const char *)node->data.scalar.value);
}

static void add_members(struct yaml_file *file, yaml_document_t *document, const yaml_node_t *node,
                        const char *path)
{
    for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);

        add_node(file, document, pair->value,
                 xasprintf("%s%s%s", path, *path ? "." : "", (const char *)key->data.scalar.value));
    }
}

static void add_elements(struct yaml_file *file, yaml_document_t *document, const yaml_node_t *node,
                         const char *path)
{
    const yaml_node_item_t *first = node->data.sequence.items.start;

    for (const yaml_node_item_t *at = first; at < node->data.sequence.items.top; at++)
        add_node(file, document, *at, xasprintf("%s[%d]", path, (int)(at - first)));
}

/* Takes path over. */
static void add_node(struct yaml_file *file, yaml_document_t *document, int index, char *path)
{
    const yaml_node_t *node = yaml_document_get_node(document, index);

    assert_non_null(node);
    add_item(file, path, node);
    if (node->type == YAML_MAPPING_NODE)
        add_members(file, document, node, path);
    if (node->type == YAML_SEQUENCE_NODE)
        add_elements(file, document, node, path);
}

struct yaml_file *yaml_file_read(const char *path)
{
    struct yaml_file *file = xcalloc(1, sizeof(*file));
    FILE *input = fopen(path, "re");
    yaml_parser_t parser;
    yaml_document_t document;

    if (!input)
        fail_msg("cannot open %s", path);
    assert_true(yaml_parser_initialize(&parser));
    yaml_parser_set_input_file(&parser, input);
    if (!yaml_parser_load(&parser, &document))
        fail_msg("%s:%zu: %s", path, parser.problem_mark.line + 1, parser.problem);
    add_node(file, &document, 1, xstrdup(""));
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    fclose(input);
    return file;
}

void yaml_file_free(struct yaml_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        free_p(&file->items[i].path);
        free_p(&file->items[i].text);
        free_p(&file->items[i].tag);
    }
    free(file);
}

size_t yaml_file_count(const struct yaml_file *file)
{
    return file->count;
}

const struct yaml_item *yaml_file_at(const struct yaml_file *file, size_t index)
{
    return &file->items[index];
}

const struct yaml_item *yaml_file_find(const struct yaml_file *file, const char *path)
{
    for (size_t i = 0; i < file->count; i++)
        if (str_equal(file->items[i].path, path))
            return &file->items[i];
    return NULL;
}
