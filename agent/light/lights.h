/* SPDX-License-Identifier: MIT */
/* lights: all lights of the agent, by id. Loop thread only. */
#ifndef AGENT_LIGHT_LIGHTS_H
#define AGENT_LIGHT_LIGHTS_H

#include "agent/light/light.h"

struct lights;

/* settings and rooms are borrowed. Those that an earlier life of the agent left on are switched
 * off. Blocks shortly. */
struct lights *lights_new(const struct light_rooms *rooms, const struct light_settings *settings,
                          size_t count, light_changed_fn on_changed, void *user) MUST_CHECK;
void lights_free(struct lights *lights); /* NULL is fine */

size_t lights_count(const struct lights *lights);
struct light *lights_at(const struct lights *lights, size_t index);
struct light *lights_find(const struct lights *lights, const char *id); /* or NULL */

/* What was lately seen of a camera's surroundings without a light. */
bool lights_is_dark(const struct lights *lights, const char *camera);
void lights_note_dark(struct lights *lights, const char *camera);

void lights_on_message(struct lights *lights, const struct mqtt_message *message);
void lights_on_broker(struct lights *lights); /* it is back */
void lights_on_printer(struct lights *lights, const struct printer *printer);

/* Switches all of ours off; nobody may use them any more. done comes once, perhaps from inside the
 * call: they are off, or limit_ms passed first (the note on disk stays then). */
void lights_stop(struct lights *lights, int64_t limit_ms, void (*done)(void *user), void *user);

#endif
