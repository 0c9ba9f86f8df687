/* SPDX-License-Identifier: MIT */
/* driver: what a kind of printer implements: bring views, carry out five commands. printer.c owns
 * events, holds and the ledger. Printer drivers include this, nobody else. */
#ifndef AGENT_PRINTER_DRIVER_H
#define AGENT_PRINTER_DRIVER_H

#include "agent/printer/printer.h"

struct printer_port; /* printer.c's side */

enum printer_pace { PRINTER_PACE_IDLE, PRINTER_PACE_PRINTING, PRINTER_PACE_HOLD };

struct park_move {
    double x_mm, y_mm, feed_mm_min;
};

struct printer_driver {
    const char *kind;
    void (*check)(const struct printer_settings *settings, struct conf *conf, size_t index);
    void *(*open)(struct printer_port *port, struct loop *loop, struct http *http,
                  const struct printer_settings *settings);
    void (*close)(void *driver); /* no answer comes any more */
    /* Ends the session with the printer (best effort), then printer_port_disconnected(). */
    void (*disconnect)(void *driver);
    /* How closely to look; HOLD: as fast as is harmless, the state first. */
    void (*set_pace)(void *driver, enum printer_pace pace);
    /* Commands: each is answered once by printer_port_command_done(), never from inside the call,
     * when the printer has dealt with it; not reached, the view tells that. A park's answer 0 means
     * that the head provably stands there. At most one of a kind is under way; a second resume
     * takes the place of the first, which is then not answered any more. */
    void (*pause)(void *driver);
    void (*resume)(void *driver);
    void (*park)(void *driver, const struct park_move *move);
    /* Answered when everything that was sent before, by whomever, has been dealt with. */
    void (*flush)(void *driver);
    /* The operator's own lines, '\n' between them, at most PRINTER_GCODE_MAX bytes. */
    void (*gcode)(void *driver, const char *gcode);
};

enum printer_command {
    PRINTER_CMD_PAUSE,
    PRINTER_CMD_RESUME,
    PRINTER_CMD_PARK,
    PRINTER_CMD_FLUSH,
    PRINTER_CMD_GCODE,
    PRINTER_CMD_COUNT
};

/* view is copied. Its parts say when they were read. */
void printer_port_view(struct printer_port *port, const struct printer_view *view,
                       int64_t at_mono_us);
/* It could not be reached or gave no sense (called for each failed attempt; printer.c decides when
 * that is "offline"). */
void printer_port_failed(struct printer_port *port, const struct error *err);
/* It restarted: its job and our pause are gone. */
void printer_port_rebooted(struct printer_port *port);
/* result 0; -EAGAIN: certainly not carried out; for a pause -EPERM: evidently another's, -EALREADY:
 * "it is paused already", which can be another's or our own that was put off; any other -errno: no
 * telling. reply: the printer's words, "" = none. */
void printer_port_command_done(struct printer_port *port, enum printer_command command, int result,
                               const char *reply, const struct error *err);
void printer_port_disconnected(struct printer_port *port);
void printer_port_count(struct printer_port *port, size_t bytes_sent, size_t bytes_received);

/* kind: as in the settings. */
const struct printer_driver *printer_find_driver(int kind);

extern const struct printer_driver printer_duet_driver;

#endif
