/* SPDX-License-Identifier: MIT */
/* printer: after every event of the machine the channel gets its turn, so that a command that waits
 * for "the head stands" or "paused" goes on at the very µs at which that became true. */
#include "tests/sim/printer.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void forget_channel(struct printer *p)
{
    p->ring_len = 0;
    p->line[0] = '\0';
    p->depth = 0;
    p->modal = (struct printer_modal){.feed_mm_s = 50};
    buf_clear(&p->replies);
    p->replies_served = 0;
}

void printer_init(struct printer *p, const struct printer_config *config)
{
    *p = (struct printer){.config = *config, .replies = BUF_INIT(PRINTER_REPLY_MAX_BYTES)};
    machine_init(&p->machine, &config->machine, config->on_machine, config->user);
    sessions_init(&p->sessions, config->password, config->machine.firmware >= 35, config->seed);
    forget_channel(p);
}

void printer_done(struct printer *p)
{
    buf_done(&p->replies);
}

static void report(struct printer *p, enum printer_event_kind kind, const char *reply)
{
    const struct printer_event event = {
        .kind = kind, .at_us = p->machine.at_us, .text = p->line, .reply = reply};

    p->config.on_event(&event, p->config.user);
}

/* --- replies --- */

void printer_say(struct printer *p, const char *text)
{
    if (buf_append(&p->replies, text, strlen(text)) < 0)
        buf_clear(&p->replies); /* out of output buffers: the firmware drops them, too */
    p->replies_served = 0;
    p->reply_at_us = p->machine.at_us;
    p->seq_reply++;
}

static void expire_replies(struct printer *p)
{
    int64_t age_us = p->machine.at_us - p->reply_at_us;

    if (p->replies_served > 0 && age_us > SESSIONS_TIMEOUT_MS * INT64_C(1000)) {
        buf_clear(&p->replies);
        p->replies_served = 0;
    }
}

char *printer_take_reply(struct printer *p)
{
    char *text;

    expire_replies(p);
    text = xstrdup(buf_text(&p->replies));
    if (p->replies.len > 0 && ++p->replies_served >= sessions_count(&p->sessions)) {
        buf_clear(&p->replies);
        p->replies_served = 0;
    }
    report(p, PRINTER_REPLY_TAKEN, text);
    return text;
}

/* --- the channel --- */

size_t printer_ring_free(const struct printer *p)
{
    return PRINTER_RING_BYTES - 1 - p->ring_len;
}

static bool is_line(const char *line, size_t len, const char *code)
{
    return len == strlen(code) && strncasecmp(line, code, len) == 0;
}

/* M112 is acted on when it is received, and so is M122 without anything. */
static bool act_at_once(struct printer *p, const char *line, size_t len)
{
    if (len >= 4 && strncasecmp(line, "M112", 4) == 0) {
        forget_channel(p);
        machine_halt(&p->machine);
        printer_say(p, "Emergency Stop! Reset the controller to continue.\n");
        return true;
    }
    if (is_line(line, len, "M122")) {
        printer_say(p, "=== Diagnostics ===\nlapsed-sim, no hardware at all\n");
        return true;
    }
    return false;
}

static void put_line(struct printer *p, const char *line, size_t len)
{
    if (len == 0 || act_at_once(p, line, len))
        return;
    memcpy(p->ring + p->ring_len, line, len);
    p->ring[p->ring_len + len] = '\n';
    p->ring_len += len + 1;
}

int printer_put_gcode(struct printer *p, const char *text)
{
    if (strlen(text) + 1 > printer_ring_free(p))
        return -ENOBUFS;
    while (*text) {
        size_t len = strcspn(text, "\r\n");

        put_line(p, text, len);
        text += len + (text[len] != '\0');
    }
    return 0;
}

static bool take_line(struct printer *p)
{
    char *end = memchr(p->ring, '\n', p->ring_len);
    size_t len;

    if (!end)
        return false;
    len = (size_t)(end - p->ring);
    memcpy(p->line, p->ring, len);
    p->line[len] = '\0';
    p->ring_len -= len + 1;
    memmove(p->ring, end + 1, p->ring_len);
    p->stage = 0;
    p->began_at_us = p->machine.at_us;
    report(p, PRINTER_GCODE_BEGUN, NULL);
    return true;
}

static void finish_line(struct printer *p, struct buf *reply)
{
    if (reply->len == 0 || reply->data[reply->len - 1] != '\n')
        (void)!buf_append(reply, "\n", 1);
    p->machine.seq_inputs++;
    printer_say(p, buf_text(reply));
    report(p, PRINTER_GCODE_DONE, buf_text(reply));
    p->line[0] = '\0';
}

/* True when the command is done. */
static bool try_line(struct printer *p, struct buf *reply)
{
    if (p->stage == 0 && gcode_parse(p->line, &p->code) < 0) {
        (void)!buf_printf(reply, "Error: Bad command: %s", p->line);
        return true;
    }
    if (p->code.letter == 0)
        return true;
    return printer_try_gcode(p, reply);
}

static void run_channel(struct printer *p)
{
    while (p->line[0] || take_line(p)) {
        CLEANUP(buf_done) struct buf reply = BUF_INIT(PRINTER_REPLY_MAX_BYTES / 2);

        if (!try_line(p, &reply))
            return;
        finish_line(p, &reply);
    }
}

int64_t printer_next_us(const struct printer *p)
{
    int64_t next = machine_next_us(&p->machine);

    if (p->line[0] && p->dwell_until_us > p->machine.at_us)
        next = MIN(next, p->dwell_until_us);
    return next;
}

void printer_advance(struct printer *p, int64_t now_us)
{
    run_channel(p);
    while (printer_next_us(p) <= now_us) {
        machine_advance(&p->machine, printer_next_us(p));
        run_channel(p);
    }
    machine_advance(&p->machine, now_us);
    run_channel(p);
    expire_replies(p);
}
