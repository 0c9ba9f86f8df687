/* SPDX-License-Identifier: MIT */
#include "agent/unit/orphans.h"

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/str.h"

struct orphanage {
    struct journal *journal;
    const struct units *units;
    struct jobs *jobs;
};

static void end_orphan(const struct journal_session *session, void *user)
{
    const struct orphanage *orphanage = user;
    struct journal_session ended = *session;
    char state[] = "ended", why[] = "unit_gone";

    if (session->ended_at != 0 || units_find(orphanage->units, session->unit))
        return;
    ended.state = state;
    ended.end = why;
    ended.ended_at = clock_wall_ms();
    log_warn("session.orphan_ended",
             "session=%s unit=%s message=\"the unit is not configured any more; the video of its "
             "open session is made now\"",
             session->id, session->unit);
    journal_put_session(orphanage->journal, &ended, NULL, NULL);
    jobs_add_final(orphanage->jobs, &ended);
}

void orphans_end(struct journal *journal, const struct units *units, struct jobs *jobs)
{
    static const struct journal_range all = {.limit = INT64_MAX};
    struct orphanage orphanage = {.journal = journal, .units = units, .jobs = jobs};
    struct error err = {0};

    if (journal_list_sessions(journal, NULL, NULL, &all, end_orphan, &orphanage, &err) < 0)
        log_error("session.orphans_unread", "error=\"%s\"", err.text);
}
