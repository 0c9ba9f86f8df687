/* SPDX-License-Identifier: MIT */
/* queue: at most N encoders at once over all units of the agent; only our own children count.
 *
 * A slot is asked for, given when one is free (urgent ones first: the end of a print must not wait
 * behind background segments of others), and handed back. Loop thread only. */
#ifndef ENCODE_QUEUE_H
#define ENCODE_QUEUE_H

#include "agent/base/loop.h"

struct encode_settings {
    int64_t max_encoders;  /* at once */
    int64_t max_queued;    /* builds that may wait */
    char *ffmpeg;          /* program, name or path */
    int64_t threads_final; /* threads of the encoder at the end of a print; 0 = all cores */
    int64_t segment_timeout_s;
};

struct conf_table;
extern const struct conf_table encode_table; /* group "encode" */

struct encode_queue;
struct encode_slot;
typedef void (*encode_slot_fn)(void *user);

/* settings is borrowed. ffmpeg is looked for now and again whenever it was missing. */
struct encode_queue *encode_queue_new(struct loop *loop,
                                      const struct encode_settings *settings) MUST_CHECK;
void encode_queue_free(struct encode_queue *queue);

/* on_turn comes exactly once, later, unless the slot is given back before. The caller gives the
 * slot back when its encoder has ended (or was never started). */
struct encode_slot *encode_slot_request(struct encode_queue *queue, bool urgent,
                                        encode_slot_fn on_turn, void *user) MUST_CHECK;
void encode_slot_release(struct encode_slot *slot);

/* Gives no turns while held; who has one keeps it. */
void encode_queue_hold(struct encode_queue *queue, bool hold);
void encode_queue_counts(const struct encode_queue *queue, int *ret_running, int *ret_waiting);

/* Path of ffmpeg, or NULL with err saying what to install. */
const char *encode_queue_ffmpeg(struct encode_queue *queue, struct error *err);
struct loop *encode_queue_loop(const struct encode_queue *queue);
const struct encode_settings *encode_queue_settings(const struct encode_queue *queue);

#endif
