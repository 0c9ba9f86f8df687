/* SPDX-License-Identifier: MIT */
/* printer: a machine with its HTTP G-code channel, its replies and its sessions: what an rr_*
 * request talks to. Pure like the machine: printer_advance() brings it up to now.
 *
 * The channel is one 256-byte ring shared by all clients, and strictly serial: a command that takes
 * time holds up those behind it. Every command ends in a reply, also an empty one. */
#ifndef SIM_PRINTER_H
#define SIM_PRINTER_H

#include "agent/base/buf.h"
#include "tests/sim/gcode.h"
#include "tests/sim/machine.h"
#include "tests/sim/sessions.h"

enum {
    PRINTER_RING_BYTES = 256,
    PRINTER_STACK_MAX = 10,
    PRINTER_REPLY_MAX_BYTES = 16 * 1024,
};

enum printer_event_kind {
    PRINTER_GCODE_BEGUN, /* text: the line */
    PRINTER_GCODE_DONE,  /* text: the line; reply: what it answered */
    PRINTER_REPLY_TAKEN, /* reply: what rr_reply handed out */
    PRINTER_M118,        /* text: a message for MQTT (P6) or a display */
};

struct printer_event {
    enum printer_event_kind kind;
    int64_t at_us;
    const char *text, *reply;
};

typedef void (*printer_event_fn)(const struct printer_event *event, void *user);

struct printer_modal { /* what M120 pushes */
    bool relative;
    double feed_mm_s;
};

struct printer_config {
    struct machine_config machine;
    const char *password; /* must outlive the printer */
    uint64_t seed;
    int64_t wall_at_start_ms; /* for state.time */
    machine_event_fn on_machine;
    printer_event_fn on_event;
    void *user;
};

struct printer { /* read freely */
    struct machine machine;
    struct sessions sessions;
    struct printer_config config;
    char ring[PRINTER_RING_BYTES];
    size_t ring_len;
    char line[GCODE_LINE_MAX]; /* the command under way; "" = none */
    struct gcode code;
    int64_t began_at_us;
    int64_t dwell_until_us;
    int stage; /* of the command under way, 0 at its first try */
    struct printer_modal modal, stack[PRINTER_STACK_MAX];
    int depth;
    struct buf replies;
    int replies_served;
    int64_t reply_at_us;
    unsigned seq_reply;
};

void printer_init(struct printer *printer, const struct printer_config *config);
void printer_done(struct printer *printer);

void printer_advance(struct printer *printer, int64_t now_us);
int64_t printer_next_us(const struct printer *printer);

/* rr_gcode: takes the lines whole or not at all. -ENOBUFS: they do not fit. M112 and M122 act at
 * once. Call printer_advance() afterwards. */
int printer_put_gcode(struct printer *printer, const char *text) MUST_CHECK;
size_t printer_ring_free(const struct printer *printer);

/* rr_reply: the text for one fetch; the caller frees. */
char *printer_take_reply(struct printer *printer) MUST_CHECK;

/* Appends text to the replies and counts seqs.reply up. */
void printer_say(struct printer *printer, const char *text);

/* printer_gcode.c: one try at the command in printer->code. True when it is done; reply then holds
 * its text. False: it waits, ask again after the next event. */
bool printer_try_gcode(struct printer *printer, struct buf *reply);

#endif
