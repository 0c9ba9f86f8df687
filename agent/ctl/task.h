/* SPDX-License-Identifier: MIT */
/* ctl_task: one run of lapsectl: the connection, what is seen, the time-outs. What it is for is
 * told by a task. */
#ifndef AGENT_CTL_TASK_H
#define AGENT_CTL_TASK_H

#include "agent/base/loop.h"
#include "agent/base/str.h"
#include "agent/ctl/options.h"
#include "agent/ctl/world.h"

struct ctl;

#define CTL_REPLIES "reply" /* as a filter: the answers of JSON-RPC that are for us */

struct ctl_task {
    /* Subscribed below <prefix>/v1/<agent>/, the agent of --agent or any; NULL-terminated. With
     * --all or --group those behind "info" one after the other, when the burst of the last one is
     * over: a broker drops what it cannot queue for us. What is not retained comes first. */
    const char *const *filters;
    /* Whether all was seen that the filters can bring; then less silence ends the burst. */
    bool (*is_complete)(const struct ctl_world *world);
    bool stays; /* a lost broker is waited for */
    /* The broker is there and has taken the subscriptions. May be NULL. */
    void (*on_up)(struct ctl *ctl);
    /* After the world has taken it. */
    void (*on_news)(struct ctl *ctl, const struct ctl_news *news);
    /* Once: the burst of retained topics is over. */
    void (*on_settled)(struct ctl *ctl);
    /* The time of ctl_set_deadline() is over. */
    void (*on_deadline)(struct ctl *ctl);
    /* The time of ctl_tick_after() is over. May be NULL. */
    void (*on_tick)(struct ctl *ctl);
    /* For a person who ended it, or whose broker is lost: "mk4: preview goes on at the agent". The
     * caller frees. May be NULL. */
    char *(*what_is_left)(const struct ctl *ctl);
};

struct ctl {
    const struct ctl_options *options;
    const struct ctl_task *task;
    void *data; /* the task's own */
    struct ctl_world world;
    /* As in rpc/<client>: the user name, for an ACL knows no other; else made up. */
    char client_id[STR_ID_MAX + 1];
    struct loop *loop;
    struct mqtt_client *mqtt;
    struct timer *quiet, *deadline, *tick;
    struct signal_watch *interrupt, *terminate;
    size_t subscribed; /* of the filters */
    bool up, settled, ended;
    int exit_code;
};

/* Runs the task to its end; the exit code. */
int ctl_run(const struct ctl_options *options, const struct ctl_task *task, void *data);
void ctl_exit(struct ctl *ctl, int exit_code);
/* 0 = none. Until it is set, the time-out for reaching the broker runs. */
void ctl_set_deadline(struct ctl *ctl, int64_t ms);
/* Calls on_tick, unless it will be called anyway. */
void ctl_tick_after(struct ctl *ctl, int64_t ms);
/* --timeout, or the default. */
int64_t ctl_timeout_ms(const struct ctl_options *options);

#endif
