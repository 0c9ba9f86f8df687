/* SPDX-License-Identifier: MIT */
/* list: answers in pages. The cursor of a list in memory is the index of the next item. */
#include "agent/handlers/handlers.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

struct list_page call_page(const struct call *call)
{
    int64_t limit = VERB_LIST_LIMIT;

    (void)json_get_int(call->args, "limit", &limit);
    return (struct list_page){.limit = (size_t)limit,
                              .cursor = json_get_string(call->args, "cursor")};
}

void call_succeed_page(struct call *call, cJSON *items, const char *next_cursor)
{
    cJSON *result = json_object();

    json_add(result, "items", items);
    json_add_string(result, "next_cursor", next_cursor);
    call_succeed(call, result);
}

void call_succeed_list(struct call *call, size_t count, list_item_fn item)
{
    struct list_page page = call_page(call);
    CLEANUP(free_p) char *next_cursor = NULL;
    int64_t first = 0;
    size_t end;
    cJSON *items;

    if (page.cursor && (str_to_int(page.cursor, &first) < 0 || first < 0)) {
        call_answer(call, ACK_BAD_PARAMS, "cursor: is not a next_cursor of this list", NULL);
        return;
    }
    items = json_array();
    end = MIN(count, (size_t)first + page.limit);
    for (size_t i = (size_t)first; i < end; i++)
        json_add(items, NULL, item(call, i));
    if (end < count)
        next_cursor = xasprintf("%zu", end);
    call_succeed_page(call, items, next_cursor);
}

void call_succeed_document(struct call *call, enum topic_kind kind, const char *id)
{
    const struct handler_rooms *rooms = call->rooms;
    cJSON *document = rooms->document(kind, id, rooms->user);

    if (document)
        call_succeed(call, document);
    else
        call_answer(call, ACK_SHUTTING_DOWN, "the agent is being stopped", NULL);
}
