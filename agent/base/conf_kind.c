/* SPDX-License-Identifier: MIT */
/* conf_kind: settings of another kind, which would change nothing. They are told by name, for
 * whoever wrote them meant something. */
#include "agent/base/buf.h"
#include "agent/base/conf.h"

enum { OWNERS_MAX_BYTES = 256 };

/* "a, b": who has it; empty: every kind. */
static void list_owners(const struct conf_kind_check *check, const char *key,
                        struct buf *ret_owners)
{
    bool ok = true;

    for (size_t i = 0; check->kinds[i]; i++)
        if (check->has_key(i, key))
            ok = ok &&
                 buf_printf(ret_owners, "%s%s", ret_owners->len ? ", " : "", check->kinds[i]) == 0;
}

static void refuse_foreign(struct conf *conf, const struct conf_kind_check *check, const char *key)
{
    CLEANUP(buf_done) struct buf owners = BUF_INIT(OWNERS_MAX_BYTES);

    list_owners(check, key, &owners);
    if (owners.len > 0)
        conf_problem(conf, check->table, check->index, key,
                     "%s is not for kind = \"%s\": only for %s; take it out", key,
                     check->kinds[check->kind], buf_text(&owners));
}

void conf_check_kind(struct conf *conf, const struct conf_kind_check *check)
{
    for (size_t i = 0; i < check->table->field_count; i++) {
        const struct conf_field *field = &check->table->fields[i];

        if (!check->has_key(check->kind, field->key) &&
            conf_is_set(conf, check->table, check->index, field->key) &&
            !conf_field_equal(field, check->values, check->defaults))
            refuse_foreign(conf, check, field->key);
    }
}
