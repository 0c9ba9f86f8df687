/* SPDX-License-Identifier: MIT */
/* yaml_file: a YAML file as a list of what stands in it; the door of the tests to libyaml. */
#ifndef TESTS_AGENT_YAML_FILE_H
#define TESTS_AGENT_YAML_FILE_H

#include "agent/base/common.h"

struct yaml_item {
    const char *path; /* "blueprint.input.event.name"; "cards[0].type" */
    const char *text; /* of a scalar; NULL: a mapping or a list */
    const char *tag;  /* "!input"; "" = none of its own */
};
struct yaml_file;

/* Fails the test when the file is no YAML or has a key twice. */
struct yaml_file *yaml_file_read(const char *path) MUST_CHECK;
void yaml_file_free(struct yaml_file *file);

size_t yaml_file_count(const struct yaml_file *file);
const struct yaml_item *yaml_file_at(const struct yaml_file *file, size_t index);
/* NULL: nothing stands there. */
const struct yaml_item *yaml_file_find(const struct yaml_file *file, const char *path);

#endif
