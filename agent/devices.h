/* SPDX-License-Identifier: MIT */
/* devices: the printers and cameras of the agent, by id: those of the configuration, which stay,
 * and those made for units that were made at run time, which go with the last unit that uses them.
 * Loop thread only. */
#ifndef AGENT_DEVICES_H
#define AGENT_DEVICES_H

#include "agent/config.h"
#include "agent/journal/journal.h"

struct devices;

struct devices_config { /* borrowed */
    struct loop *loop;
    struct http *http;
    struct journal *journal;
    const struct config *config;
    const struct printer_ledger *ledger;
    printer_event_fn on_printer;
    camera_status_fn on_camera;
    void (*on_printer_gone)(const char *id, void *user);
    void (*on_camera_gone)(const char *id, void *user);
    void *user;
};

/* Makes those of the configuration. */
struct devices *devices_new(const struct devices_config *config) MUST_CHECK;
/* Frees them all. NULL is fine. */
void devices_free(struct devices *devices);

size_t devices_printer_count(const struct devices *devices);
struct printer *devices_printer(const struct devices *devices, size_t index);
struct printer *devices_find_printer(const struct devices *devices, const char *id); /* or NULL */
size_t devices_camera_count(const struct devices *devices);
struct camera *devices_camera(const struct devices *devices, size_t index);
struct camera *devices_find_camera(const struct devices *devices, const char *id); /* or NULL */

/* Whether the state is another than the one noted last. */
bool devices_note_state(struct devices *devices, const struct printer *printer);

/* One more unit uses it; it is made when there is none of this id. Takes what *settings owns. */
void devices_hold_printer(struct devices *devices, struct printer_settings *settings);
void devices_hold_camera(struct devices *devices, struct camera_settings *settings);
/* The last release of one that was made so ends it: a printer we paused is let go first. Those of
 * the configuration stay; NULL is fine. */
void devices_release_printer(struct devices *devices, const char *id);
void devices_release_camera(struct devices *devices, const char *id);
/* Released by its last unit, but it still has to be seen running. */
bool devices_printer_leaves(const struct devices *devices, const char *id);

/* Lets all printers go; done comes once, perhaps from inside the call. */
void devices_stop(struct devices *devices, int64_t limit_ms, void (*done)(void *user), void *user);

#endif
