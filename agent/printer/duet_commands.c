/* SPDX-License-Identifier: MIT */
/* duet_commands: replies of all HTTP clients come in one text, so nothing but the token is proof.
 * A reply can get lost (an rr_reply that was cut); because the channel is serial, a later token
 * proves the earlier commands, too. The text may also hold what was said long ago, as long as some
 * other client has not fetched it: of a pause, whose words decide whose it is, the beginning is
 * marked as well. The limits on waiting are generous: a pause is put off by the
 * firmware for as long as a macro runs. */
#include "agent/printer/duet_commands.h"

#include "agent/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { REPLIES_MAX_BYTES = 8192 };

#define BEGIN ":" /* behind the token: from here on the replies are to this command */

static const int64_t patience_ms[PRINTER_CMD_COUNT] = {
    [PRINTER_CMD_PAUSE] = 600 * 1000,
    [PRINTER_CMD_RESUME] = 10 * 1000,
    [PRINTER_CMD_PARK] = 10 * 1000,
    [PRINTER_CMD_FLUSH] = 60 * 1000,
    [PRINTER_CMD_GCODE] = 10 * 1000,
};

void duet_commands_init(struct duet_commands *commands, uint32_t nonce)
{
    *commands = (struct duet_commands){.nonce = nonce};
    buf_init(&commands->replies, REPLIES_MAX_BYTES);
}

void duet_commands_done(struct duet_commands *commands)
{
    buf_done(&commands->replies);
}

static void drop_at(struct duet_commands *commands, size_t index)
{
    memmove(&commands->items[index], &commands->items[index + 1],
            sizeof(commands->items[0]) * (commands->count - index - 1));
    commands->count--;
}

void duet_commands_drop(struct duet_commands *commands, struct duet_command *command)
{
    drop_at(commands, (size_t)(command - commands->items));
}

static void make_token(struct duet_commands *commands, char *ret_token, size_t size)
{
    uint32_t nonce = commands->nonce;
    unsigned serial = ++commands->serial;

    (void)!snprintf(ret_token, size, "tl-%08x-%u", nonce, serial);
}

void duet_commands_add(struct duet_commands *commands, enum printer_command kind, const char *gcode)
{
    struct duet_command *command;
    char token[sizeof(command->token)];

    for (size_t i = 0; i < commands->count; i++) {
        if (commands->items[i].kind == kind) {
            drop_at(commands, i);
            break;
        }
    }
    command = &commands->items[commands->count++];
    *command = (struct duet_command){.kind = kind};
    make_token(commands, token, sizeof(token));
    if (kind == PRINTER_CMD_PAUSE)
        (void)!snprintf(command->gcode, sizeof(command->gcode),
                        "M118 P3 S\"%s" BEGIN "\"\n%s\nM118 P3 S\"%s\"", token, gcode, token);
    else
        (void)!snprintf(command->gcode, sizeof(command->gcode), "%s%sM118 P3 S\"%s\"", gcode,
                        *gcode ? "\n" : "", token);
    memcpy(command->token, token, sizeof(token));
}

struct duet_command *duet_commands_unsent(struct duet_commands *commands)
{
    for (size_t i = 0; i < commands->count; i++) {
        if (!commands->items[i].sent)
            return &commands->items[i];
    }
    return NULL;
}

bool duet_commands_awaiting(const struct duet_commands *commands)
{
    for (size_t i = 0; i < commands->count; i++) {
        if (commands->items[i].sent)
            return true;
    }
    return false;
}

void duet_commands_reply(struct duet_commands *commands, const char *text)
{
    size_t len = strlen(text);

    if (len > REPLIES_MAX_BYTES / 2) { /* our words are short, and at the end */
        text += len - REPLIES_MAX_BYTES / 2;
        len = REPLIES_MAX_BYTES / 2;
    }
    if (commands->replies.len + len > REPLIES_MAX_BYTES)
        buf_consume(&commands->replies, commands->replies.len / 2);
    if (buf_append(&commands->replies, text, len) < 0)
        buf_clear(&commands->replies);
}

/* The token must end its line: "tl-…-1" is also the beginning of "tl-…-12". */
static const char *find_token(struct duet_commands *commands, const char *token)
{
    const char *text = buf_text(&commands->replies);
    size_t len = strlen(token);

    while ((text = strstr(text, token)) != NULL) {
        if (text[len] == '\n' || text[len] == '\r' || text[len] == '\0')
            return text;
        text += len;
    }
    return NULL;
}

static void copy_reply(const char *text, size_t len, char *ret_reply)
{
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    if (len >= DUET_REPLY_MAX) {
        text += len - (DUET_REPLY_MAX - 1);
        len = DUET_REPLY_MAX - 1;
    }
    memcpy(ret_reply, text, len);
    ret_reply[len] = '\0';
}

/* Where the command's own words begin. */
static const char *skip_older(const char *text, const char *place, const char *token)
{
    size_t len = strlen(token);

    for (const char *c = place; c-- > text;) {
        if (strncmp(c, token, len) == 0 && c[len] == BEGIN[0])
            return c + len + 1 + strspn(c + len + 1, "\r\n");
    }
    return text;
}

static bool is_done(struct duet_commands *commands, size_t index, struct duet_outcome *outcome)
{
    const struct duet_command *command = &commands->items[index];
    const char *text = buf_text(&commands->replies);
    const char *place = command->sent ? find_token(commands, command->token) : NULL;
    const char *words;

    if (!place)
        return false;
    words = skip_older(text, place, command->token);
    copy_reply(words, (size_t)(place - words), outcome->reply);
    buf_consume(&commands->replies, (size_t)(place - text) + strlen(command->token));
    return true;
}

static bool a_later_one_is_done(struct duet_commands *commands, size_t index)
{
    for (size_t i = index + 1; i < commands->count; i++) {
        if (commands->items[i].sent && find_token(commands, commands->items[i].token))
            return true;
    }
    return false;
}

static bool is_overdue(const struct duet_command *command, int64_t now_us)
{
    return command->sent && now_us - command->sent_at_us > patience_ms[command->kind] * 1000;
}

bool duet_commands_next(struct duet_commands *commands, int64_t now_us,
                        struct duet_outcome *ret_outcome)
{
    for (size_t i = 0; i < commands->count; i++) {
        struct duet_outcome outcome = {.kind = commands->items[i].kind};

        if (is_overdue(&commands->items[i], now_us))
            outcome.result = -ETIMEDOUT;
        else if (!is_done(commands, i, &outcome) &&
                 !(commands->items[i].sent && a_later_one_is_done(commands, i)))
            continue;
        drop_at(commands, i);
        *ret_outcome = outcome;
        return true;
    }
    if (commands->count == 0)
        buf_clear(&commands->replies);
    return false;
}

/* --- the words of a pause --- */

/* "already paused" also comes for our own pause when a macro put it off; see printer_port. */
int duet_judge_pause(const char *reply, struct error *err)
{
    if (strstr(reply, "paused for filament change"))
        return error_set(err, -EPERM, "the printer waits for a change of filament");
    if (strstr(reply, "already paused"))
        return error_set(err, -EALREADY, "the printer was paused already");
    if (strstr(reply, "Error: M25:"))
        return error_set(err, -EAGAIN, "%s", strstr(reply, "Error: M25:"));
    return 0;
}

/* --- parking --- */

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

int duet_park_gcode(const struct printer_view *view, const struct park_move *move, char *ret_gcode,
                    size_t size, struct error *err)
{
    int len;

    if (!view->homed[0] || !view->homed[1])
        return error_set(err, -EPERM, "not parked: X or Y is not homed");
    len = snprintf(ret_gcode, size, "M120\nG90\nG1 X%.1f Y%.1f F%.0f\nM400\nM121",
                   clamp(move->x_mm, view->min_mm[0], view->max_mm[0]),
                   clamp(move->y_mm, view->min_mm[1], view->max_mm[1]), move->feed_mm_min);
    if (len < 0 || (size_t)len >= size)
        return error_set(err, -EINVAL, "not parked: the place is no number");
    return 0;
}
