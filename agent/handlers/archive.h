/* SPDX-License-Identifier: MIT */
/* archive: what the handlers of sessions and videos share: lists out of the journal, and answers
 * that come when a deletion is durable. */
#ifndef AGENT_HANDLERS_ARCHIVE_H
#define AGENT_HANDLERS_ARCHIVE_H

#include "agent/handlers/handlers.h"
#include "agent/journal/journal.h"

/* Calls the handler when the journal can be read as it was last written: what was announced a
 * moment ago is there. */
void archive_settle(struct call *call, handler_fn handler);

/* A page of rows; the cursor is the number of rows before it. */
struct archive_list {
    struct call *call;
    struct journal_range range; /* one row more than the page, to see whether there are more */
    cJSON *items;
    size_t limit;
    bool more;
};
/* -EINVAL: the cursor is none of ours. */
int archive_list_begin(struct archive_list *list, struct call *call) MUST_CHECK;
void archive_list_add(struct archive_list *list, cJSON *item); /* takes it over */
/* Answers the call. */
void archive_list_end(struct archive_list *list, int result, const struct error *err);

cJSON *archive_describe_video(const struct journal_video *video) MUST_CHECK;

/* A deletion that a call waits for. Takes result, the answer, over; unit: whose it was. */
struct archive_task;
struct archive_task *archive_task_new(struct call *call, cJSON *result,
                                      const char *unit) MUST_CHECK;
void archive_task_done(int result, const struct error *err, void *user);

#endif
