/* SPDX-License-Identifier: MIT */
/* light: one lamp, whatever its kind, switched on around frames.
 *
 * It is on while somebody uses it (counted) and linger_ms longer, so that it does not flicker
 * between frames that follow closely. It never costs a frame: after timeout_ms who waits is told to
 * go on in the dark, and a lamp that failed is not waited for again until it came on once. And it
 * goes off again whatever happens: an off that fails is repeated, a note on disk tells the next
 * life of the agent. Loop thread only. */
#ifndef AGENT_LIGHT_LIGHT_H
#define AGENT_LIGHT_LIGHT_H

#include "agent/devices.h"
#include "agent/light/light_state.h"
#include "agent/light/settings.h"
#include "mqtt/client.h"

struct light;
struct light_use;

struct light_rooms { /* borrowed */
    struct loop *loop;
    struct mqtt_client *mqtt;
    struct journal *journal;
    const struct devices *devices;
};

typedef void (*light_changed_fn)(struct light *light, void *user);

/* settings and rooms are borrowed. */
struct light *light_new(const struct light_rooms *rooms, const struct light_settings *settings,
                        light_changed_fn on_changed, void *user) MUST_CHECK;
void light_free(struct light *light); /* switches nothing: see light_stop() */

/* The note of an earlier life says that it is on: it is switched off. */
void light_found_lit(struct light *light);

/* lit: it is on and has settled since lit_at_mono_us (0: since before). Else err says why the
 * picture has to be taken without. */
typedef void (*light_ready_fn)(bool lit, int64_t lit_at_mono_us, const struct error *err,
                               void *user);
/* ready comes exactly once, later, unless ended before. */
struct light_use *light_begin(struct light *light, light_ready_fn ready, void *user) MUST_CHECK;
void light_end(struct light_use *use); /* NULL is fine */

/* So long it may take until then. */
int64_t light_longest_ms(const struct light *light);

/* A person's switch. On stays until off; off is refused with -EBUSY while frames need it. */
int light_switch(struct light *light, bool on, struct error *err) MUST_CHECK;

/* Nobody uses it any more; done comes when it is off, once, perhaps from inside the call. */
void light_stop(struct light *light, void (*done)(void *user), void *user);

/* What the world tells. */
void light_on_message(struct light *light, const struct mqtt_message *message);
void light_on_broker(struct light *light); /* it is back */
void light_on_printer(struct light *light, const struct printer *printer);

const struct light_settings *light_get_settings(const struct light *light);
enum light_phase light_phase(const struct light *light);
/* It is on, and not by us. */
bool light_is_foreign(const struct light *light);
size_t light_users(const struct light *light);
/* Why it does not come on, or go off; code 0 = nothing is wrong. since: wall ms. */
const struct error *light_error(const struct light *light, int64_t *ret_since);

#endif
