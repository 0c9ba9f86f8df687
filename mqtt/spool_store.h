/* SPDX-License-Identifier: MIT */
/* spool_store: the files behind the spool: one endless stream of bytes, of which the part that is
 * still needed lies in segments of about 1 MiB.
 *
 * A place in the stream is a number that only grows, over restarts too. Everything here blocks on
 * the disk: at start, at the end, and in one worker at a time. */
#ifndef MQTT_SPOOL_STORE_H
#define MQTT_SPOOL_STORE_H

#include "agent/base/buf.h"
#include "agent/base/error.h"

struct spool_store;

/* What was there at the start: whole records from begin to end. */
struct spool_extent {
    uint64_t begin, end;
    size_t records;
};

/* Makes the directory; a torn tail is cut off. */
int spool_store_open(const char *dir, struct spool_store **ret_store,
                     struct spool_extent *ret_extent, struct error *err) MUST_CHECK;
void spool_store_close(struct spool_store *store);

/* Whole records; at: their place, the end of the stream, or behind it when all before is done.
 * After an error nothing of it is there. */
int spool_store_append(struct spool_store *store, uint64_t at, const uint8_t *data, size_t len,
                       struct error *err) MUST_CHECK;
/* What was appended survives a power cut from now on. */
int spool_store_sync(struct spool_store *store, struct error *err) MUST_CHECK;
/* Nothing before this place is needed any more. */
int spool_store_forget(struct spool_store *store, uint64_t until, struct error *err) MUST_CHECK;
/* Fills out, which has room for the largest record, from this place, or from the next one that is
 * there (*ret_at); skip: from the next segment. Nothing: there is none behind it. */
int spool_store_read(struct spool_store *store, uint64_t at, bool skip, struct buf *out,
                     uint64_t *ret_at, struct error *err) MUST_CHECK;

#endif
