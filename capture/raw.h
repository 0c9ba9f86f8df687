/* SPDX-License-Identifier: MIT */
/* raw: the RAW file that a camera makes beside a picture, and that comes somewhat later or not at
 * all. Shared by reference. The file has no name any more: it is gone with the last reference, also
 * after a crash. Loop thread only; a worker may read the fd of one that somebody holds. */
#ifndef CAPTURE_RAW_H
#define CAPTURE_RAW_H

#include "agent/base/list.h"

#define RAW_SUFFIX_MAX 8

struct raw {
    int refs;
    bool settled;                /* it is known whether there is one */
    int fd;                      /* -1: there is none (yet) */
    char suffix[RAW_SUFFIX_MAX]; /* "nef" */
    struct list waiters;
};

struct raw *raw_new(void) MUST_CHECK;
struct raw *raw_ref(struct raw *raw); /* NULL is fine */
void raw_unref(struct raw *raw);      /* NULL is fine */

/* There it is: takes the file and its name away from path. Later calls do nothing. A file that
 * cannot be opened is none. */
void raw_settle(struct raw *raw, const char *path);
/* There will be none. */
void raw_settle_without(struct raw *raw);

/* Waits until it is settled. Begins with raw_waiter_init(). */
struct raw_waiter {
    struct list link;
    void (*on_settled)(void *user);
    void *user;
};
void raw_waiter_init(struct raw_waiter *waiter, void (*on_settled)(void *user), void *user);
/* on_settled comes once; from inside this call when it is settled already. The waiter's owner keeps
 * a reference of the raw. */
void raw_await(struct raw *raw, struct raw_waiter *waiter);
void raw_waiter_done(struct raw_waiter *waiter); /* on_settled comes no more */

#endif
