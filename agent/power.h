/* SPDX-License-Identifier: MIT */
/* power: what a Raspberry Pi says of its supply and its temperature, and what follows from it: no
 * encoder is begun while the voltage is too low, because the load would make it worse, and a card
 * that loses its supply loses data.
 *
 * Read from the firmware's file in sysfs, or by vcgencmd where there is none; a machine that has
 * neither is never asked. The bits are those of "vcgencmd get_throttled" (documentation of
 * Raspberry Pi OS). Loop thread only. */
#ifndef AGENT_POWER_H
#define AGENT_POWER_H

#include "agent/base/loop.h"

enum { POWER_CONDITIONS = 4, POWER_UNDERVOLTAGE = 1 << 0 };
/* The words for bits 0 to 3, NULL-terminated; 16 bits higher: it was so since the start. */
extern const char *const power_words[];
enum { POWER_SINCE_BOOT_SHIFT = 16 };

struct power;

/* What is said, or whether encoders may begin, changed. */
typedef void (*power_changed_fn)(void *user);

/* file: instead of the firmware's; NULL = that one, else vcgencmd. */
struct power *power_new(struct loop *loop, const char *file, power_changed_fn on_changed,
                        void *user) MUST_CHECK;
void power_free(struct power *power); /* NULL is fine */

/* The bits; -1: not known. */
int64_t power_bits(const struct power *power);
/* Encoders should wait: the voltage is too low. After ten minutes of it they should not, for a weak
 * supply that is always weak must not mean that there are no videos. */
bool power_is_low(const struct power *power);

/* "50005", "0x50005" or "throttled=0x50005", a line end behind it. */
int power_parse(const char *text, int64_t *ret_bits) MUST_CHECK;

#endif
