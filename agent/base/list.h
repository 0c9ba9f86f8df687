/* SPDX-License-Identifier: MIT */
/* list: an intrusive doubly linked ring. The head is a struct list of its own; an element embeds
 * one and is found back with CONTAINER_OF. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "agent/base/common.h"

struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *head)
{
    head->prev = head->next = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_append(struct list *head, struct list *item)
{
    item->prev = head->prev;
    item->next = head;
    head->prev->next = item;
    head->prev = item;
}

static inline void list_prepend(struct list *head, struct list *item)
{
    list_append(head->next, item);
}

/* Unlinks the item; unlinking it twice is fine. */
static inline void list_remove(struct list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    list_init(item);
}

#define LIST_FIRST(head, type, member) \
    (list_empty(head) ? NULL : CONTAINER_OF((head)->next, type, member))

/* The body may remove and free the current item. */
#define LIST_FOR_EACH(head, pos, type, member) \
    for (struct list *it_ = (head)->next, *next_ = it_->next; \
         it_ != (head) && ((pos) = CONTAINER_OF(it_, type, member), true); \
         it_ = next_, next_ = it_->next)

#endif
