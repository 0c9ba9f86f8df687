/* SPDX-License-Identifier: MIT */
#include "capture/raw.h"

#include "agent/base/mem.h"

#include <assert.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct raw *raw_new(void)
{
    struct raw *raw = xcalloc(1, sizeof(*raw));

    raw->refs = 1;
    raw->fd = -1;
    list_init(&raw->waiters);
    return raw;
}

struct raw *raw_ref(struct raw *raw)
{
    if (raw)
        raw->refs++;
    return raw;
}

void raw_unref(struct raw *raw)
{
    if (!raw)
        return;
    assert(raw->refs > 0);
    if (--raw->refs > 0)
        return;
    if (raw->fd >= 0)
        close(raw->fd);
    free(raw);
}

static void tell(struct raw *raw)
{
    struct raw_waiter *waiter;

    raw->settled = true;
    while ((waiter = LIST_FIRST(&raw->waiters, struct raw_waiter, link))) {
        list_remove(&waiter->link);
        waiter->on_settled(waiter->user);
    }
}

static void take_suffix(struct raw *raw, const char *path)
{
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && dot[i + 1] && i + 1 < RAW_SUFFIX_MAX; i++)
        raw->suffix[i] = (char)tolower((unsigned char)dot[i + 1]);
}

void raw_settle(struct raw *raw, const char *path)
{
    if (raw->settled)
        return;
    raw->fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (raw->fd >= 0)
        unlink(path);
    take_suffix(raw, path);
    raw_ref(raw);
    tell(raw);
    raw_unref(raw);
}

void raw_settle_without(struct raw *raw)
{
    if (raw->settled)
        return;
    raw_ref(raw);
    tell(raw);
    raw_unref(raw);
}

void raw_waiter_init(struct raw_waiter *waiter, void (*on_settled)(void *user), void *user)
{
    list_init(&waiter->link);
    waiter->on_settled = on_settled;
    waiter->user = user;
}

void raw_await(struct raw *raw, struct raw_waiter *waiter)
{
    if (raw->settled)
        waiter->on_settled(waiter->user);
    else
        list_append(&raw->waiters, &waiter->link);
}

void raw_waiter_done(struct raw_waiter *waiter)
{
    list_remove(&waiter->link);
}
