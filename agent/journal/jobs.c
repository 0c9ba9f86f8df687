/* SPDX-License-Identifier: MIT */
#include "agent/journal/rooms.h"

void journal_put_job(struct journal *journal, const struct journal_job *job, journal_done_fn done,
                     void *user)
{
    struct write *write = write_new(PUT_JOB);

    write_int(write, job->number);
    write_text(write, job->id);
    write_text(write, job->kind);
    write_text(write, job->unit);
    write_text(write, job->session);
    write_text(write, job->args);
    write_text(write, job->state);
    write_int(write, job->position);
    write_int(write, job->tries);
    write_int(write, job->code);
    write_text(write, job->error);
    write_int(write, job->made_at);
    write_int(write, job->ended_at);
    write_int(write, job->print_ended_at);
    journal_queue(journal, write, done, user);
}

static void job_of_row(struct reading *reading, struct journal_job *ret_job)
{
    *ret_job = (struct journal_job){
        .number = reading_int(reading, 0),
        .id = reading_text(reading, 1),
        .kind = reading_text(reading, 2),
        .unit = reading_text(reading, 3),
        .session = reading_text(reading, 4),
        .args = reading_text(reading, 5),
        .state = reading_text(reading, 6),
        .position = reading_int(reading, 7),
        .tries = reading_int(reading, 8),
        .code = (int)reading_int(reading, 9),
        .error = reading_text(reading, 10),
        .made_at = reading_int(reading, 11),
        .ended_at = reading_int(reading, 12),
        .print_ended_at = reading_int(reading, 13),
    };
}

int journal_each_job(struct journal *journal, journal_job_fn each, void *user, struct error *err)
{
    struct reading *reading;
    int rc = reading_begin(journal_database(journal),
                           "SELECT number, id, kind, unit, session, args, state, position, tries,"
                           " code, error, made_at, ended_at, print_ended_at FROM jobs"
                           " ORDER BY ended_at > 0, position, number",
                           NULL, 0, &reading, err);

    if (rc < 0)
        return rc;
    while ((rc = reading_next(reading, err)) > 0) {
        struct journal_job job;

        job_of_row(reading, &job);
        each(&job, user);
    }
    reading_end(reading);
    return rc;
}
