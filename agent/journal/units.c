/* SPDX-License-Identifier: MIT */
/* units: those made at run time, and the settings that stand for one session only. */
#include "agent/journal/rooms.h"

void journal_put_unit(struct journal *journal, const struct journal_unit *unit,
                      journal_done_fn done, void *user)
{
    struct write *write = write_new(PUT_UNIT);

    write_text(write, unit->id);
    write_text(write, unit->request);
    write_int(write, unit->ending);
    write_int(write, unit->made_at);
    journal_queue(journal, write, done, user);
}

void journal_delete_unit(struct journal *journal, const char *id)
{
    struct write *write = write_new(DELETE_UNIT);

    write_text(write, id);
    journal_queue(journal, write, NULL, NULL);
}

int journal_each_unit(struct journal *journal, journal_unit_fn each, void *user, struct error *err)
{
    struct reading *reading;
    int rc = reading_begin(journal_database(journal),
                           "SELECT id, request, ending, made_at FROM units ORDER BY made_at, id",
                           NULL, 0, &reading, err);

    if (rc < 0)
        return rc;
    while ((rc = reading_next(reading, err)) > 0)
        each(&(struct journal_unit){.id = reading_text(reading, 0),
                                    .request = reading_text(reading, 1),
                                    .ending = reading_int(reading, 2) != 0,
                                    .made_at = reading_int(reading, 3)},
             user);
    reading_end(reading);
    return rc;
}
