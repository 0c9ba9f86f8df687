/* SPDX-License-Identifier: MIT */
/* duet_commands: G-code under way at a Duet, and which reply belongs to it. Pure.
 *
 * The answer to rr_gcode only means "queued". But the printer's HTTP channel is strictly serial,
 * and shared by all clients: so each command ends with an M118 of a token of our own, and when the
 * token stands in the replies, the command and everything before it is done. */
#ifndef AGENT_PRINTER_DUET_COMMANDS_H
#define AGENT_PRINTER_DUET_COMMANDS_H

#include "agent/base/buf.h"
#include "agent/printer/driver.h"

enum { DUET_GCODE_MAX = PRINTER_GCODE_MAX + 72, DUET_REPLY_MAX = 512 };

struct duet_command {
    enum printer_command kind;
    bool sent;
    int64_t sent_at_us;
    char token[32];
    char gcode[DUET_GCODE_MAX]; /* the lines with those of the token */
};

struct duet_commands {
    struct duet_command items[PRINTER_CMD_COUNT]; /* in the order in which they were added */
    size_t count;
    uint32_t nonce; /* another agent at the same printer has another one */
    unsigned serial;
    struct buf replies; /* what no command has claimed yet */
};

void duet_commands_init(struct duet_commands *commands, uint32_t nonce);
void duet_commands_done(struct duet_commands *commands);

/* gcode: lines with '\n' between them. One of the same kind that is still there is forgotten. */
void duet_commands_add(struct duet_commands *commands, enum printer_command kind,
                       const char *gcode);
/* The first that has not been sent, NULL = none. Set its sent and sent_at_us. */
struct duet_command *duet_commands_unsent(struct duet_commands *commands);
void duet_commands_drop(struct duet_commands *commands, struct duet_command *command);
/* One is sent and not yet answered. */
bool duet_commands_awaiting(const struct duet_commands *commands);

void duet_commands_reply(struct duet_commands *commands, const char *text);

struct duet_outcome {
    enum printer_command kind;
    int result; /* 0, -ETIMEDOUT */
    char reply[DUET_REPLY_MAX];
};
/* The next that is done or overdue; false = none. */
bool duet_commands_next(struct duet_commands *commands, int64_t now_us,
                        struct duet_outcome *ret_outcome);

/* What the words in answer to M25 say, as a result for printer_port_command_done(). */
int duet_judge_pause(const char *reply, struct error *err) MUST_CHECK;

/* The lines that take the head to the place and say so. Axes that are not homed stay; -EPERM when
 * one that should move is not. */
int duet_park_gcode(const struct printer_view *view, const struct park_move *move, char *ret_gcode,
                    size_t size, struct error *err) MUST_CHECK;

#endif
