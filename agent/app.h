/* SPDX-License-Identifier: MIT */
/* app: the agent put together: who is made in which order, who hears what, who goes in which order.
 */
#ifndef AGENT_APP_H
#define AGENT_APP_H

#include "agent/config.h"

struct app;

/* Opens the journal and makes everything; nothing talks yet. -EBUSY: another agent uses data_dir.
 */
int app_new(struct config *config, struct app **ret_app, struct error *err) MUST_CHECK;
void app_free(struct app *app);

/* Runs until SIGTERM, SIGINT or the shutdown command; then releases printers, says goodbye to the
 * broker and returns. Open sessions are taken up at the next start. */
void app_run(struct app *app);

/* Without broker and cameras: lets go every printer that an agent which died had paused. 0 when
 * none is held any more; -ETIMEDOUT when limit_ms passed first (the journal keeps the pause open).
 */
int app_release_printers(const struct config *config, int64_t limit_ms,
                         struct error *err) MUST_CHECK;

#endif
