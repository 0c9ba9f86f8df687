/* SPDX-License-Identifier: MIT */
/* rooms: what the files of the journal's tables see of journal.c. */
#ifndef AGENT_JOURNAL_ROOMS_H
#define AGENT_JOURNAL_ROOMS_H

#include "agent/journal/database.h"

/* Takes the write over; done may be NULL. */
void journal_queue(struct journal *journal, struct write *write, journal_done_fn done, void *user);
struct database *journal_database(struct journal *journal);

#endif
