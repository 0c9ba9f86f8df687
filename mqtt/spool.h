/* SPDX-License-Identifier: MIT */
/* spool: events on their way to the broker, in order, kept on disk until it has confirmed them.
 *
 * An event is written at once, by a worker; one that waits longer than 5 s is made safe against a
 * power cut as well, with all that came by then. So it survives an outage of the broker and a kill
 * of the agent, and is sent at least once; sent twice only when it was under way at that moment.
 * In memory are only those being sent and those not written yet. When the disk does not take them
 * they stay in memory. Loop thread only. */
#ifndef MQTT_SPOOL_H
#define MQTT_SPOOL_H

#include "agent/base/loop.h"
#include "mqtt/spool_record.h"

enum {
    SPOOL_MAX_BYTES = 16 * 1024 * 1024,       /* of all that waits */
    SPOOL_MEMORY_MAX_BYTES = 2 * 1024 * 1024, /* of what the disk did not take */
    SPOOL_SYNC_AFTER_MS = 5000,
    SPOOL_RETRY_MS = 30000, /* after the disk refused */
};

struct spool;

struct spool_callbacks {
    void (*on_ready)(void *user); /* spool_take() has more */
    /* Once until the disk works again: what is wrong with it. */
    void (*on_problem)(const struct error *problem, void *user);
};

/* Reads what an earlier run left (blocks on the disk: before the loop runs). A directory that
 * cannot be used is a problem, told by the loop, and the spool lives in memory. */
struct spool *spool_new(struct loop *loop, const char *dir, const struct spool_callbacks *callbacks,
                        void *user) MUST_CHECK;
/* Writes what is not written yet, and blocks for it. */
void spool_free(struct spool *spool);

/* False: too large, or the disk refuses and the memory for it is full. */
bool spool_add(struct spool *spool, const struct spool_record *record) MUST_CHECK;
/* The oldest that was not taken yet; valid until the next call of any of these functions. False:
 * there is none, or on_ready follows. */
bool spool_take(struct spool *spool, struct spool_record *ret_record, uint64_t *ret_ticket);
/* The event of this ticket is confirmed, or given up. */
void spool_done(struct spool *spool, uint64_t ticket);

/* Those taken and not done included. */
size_t spool_count(const struct spool *spool);
size_t spool_bytes(const struct spool *spool);
/* Found damaged on the disk. */
size_t spool_lost(const struct spool *spool);

#endif
