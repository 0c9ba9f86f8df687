/* SPDX-License-Identifier: MIT */
/* notes: what must not be forgotten while we are away: open pauses, lights that are on, answered
 * commands, retained topics. */
#include "agent/base/clock.h"
#include "agent/journal/rooms.h"

#include <errno.h>
#include <stdio.h>

/* --- pauses --- */

void journal_open_pause(struct journal *journal, const struct pause_record *record,
                        journal_done_fn done, void *user)
{
    struct write *write = write_new(OPEN_PAUSE);

    write_text(write, record->printer);
    write_text(write, record->job_file);
    write_int(write, record->job_position_bytes);
    write_int(write, record->layer);
    write_int(write, record->intent_at);
    write_text(write, record->boot_id);
    journal_queue(journal, write, done, user);
}

void journal_close_pause(struct journal *journal, const char *printer)
{
    struct write *write = write_new(CLOSE_PAUSE);

    write_text(write, printer);
    journal_queue(journal, write, NULL, NULL);
}

static void reading_to_array(struct reading *reading, int column, char *array, size_t size)
{
    const char *text = reading_text(reading, column);

    snprintf(array, size, "%s", text ? text : "");
}

static void pause_of_row(struct reading *reading, struct pause_record *ret_record)
{
    *ret_record = (struct pause_record){
        .job_position_bytes = reading_int(reading, 2),
        .layer = (int)reading_int(reading, 3),
        .intent_at = reading_int(reading, 4),
    };
    reading_to_array(reading, 0, ret_record->printer, sizeof(ret_record->printer));
    reading_to_array(reading, 1, ret_record->job_file, sizeof(ret_record->job_file));
    reading_to_array(reading, 5, ret_record->boot_id, sizeof(ret_record->boot_id));
}

int journal_get_pause(struct journal *journal, const char *printer, struct pause_record *ret_record,
                      struct error *err)
{
    struct reading *reading;
    int rc = reading_begin(journal_database(journal),
                           "SELECT printer, job_file, job_position_bytes, layer, intent_at, boot_id"
                           " FROM pauses WHERE printer = ?",
                           &printer, 1, &reading, err);

    if (rc < 0)
        return rc;
    rc = reading_next(reading, err);
    if (rc > 0)
        pause_of_row(reading, ret_record);
    reading_end(reading);
    if (rc == 0)
        return error_set(err, -ENOENT, "printer '%s' has no open pause", printer);
    return MIN(rc, 0);
}

/* --- lights --- */

void journal_note_lit(struct journal *journal, const char *light, journal_done_fn done, void *user)
{
    struct write *write = write_new(NOTE_LIT);

    write_text(write, light);
    write_int(write, clock_wall_ms());
    journal_queue(journal, write, done, user);
}

void journal_note_dark(struct journal *journal, const char *light)
{
    struct write *write = write_new(NOTE_DARK);

    write_text(write, light);
    journal_queue(journal, write, NULL, NULL);
}

/* Each name of a table of nothing but names. */
static int each_name(struct journal *journal, const char *sql, journal_topic_fn each, void *user,
                     struct error *err)
{
    struct reading *reading;
    int rc = reading_begin(journal_database(journal), sql, NULL, 0, &reading, err);

    if (rc < 0)
        return rc;
    while ((rc = reading_next(reading, err)) > 0)
        each(reading_text(reading, 0), user);
    reading_end(reading);
    return rc;
}

int journal_each_lit(struct journal *journal, journal_light_fn each, void *user, struct error *err)
{
    return each_name(journal, "SELECT light FROM lights ORDER BY light", each, user, err);
}

/* --- answered commands --- */

void journal_put_command(struct journal *journal, const char *id, uint64_t hash, const char *ack,
                         journal_done_fn done, void *user)
{
    struct write *write = write_new(PUT_COMMAND);

    write_text(write, id);
    write_int(write, (int64_t)hash);
    write_text(write, ack);
    write_int(write, clock_wall_ms());
    journal_queue(journal, write, done, user);
}

static void trim_commands(struct journal *journal, size_t max_count, int64_t oldest_at)
{
    struct write *write = write_new(TRIM_COMMANDS);

    write_int(write, oldest_at);
    write_int(write, (int64_t)max_count);
    journal_queue(journal, write, NULL, NULL);
}

int journal_each_command(struct journal *journal, size_t max_count, int64_t max_age_ms,
                         journal_command_fn each, void *user, struct error *err)
{
    int64_t oldest_at = clock_wall_ms() - max_age_ms;
    struct reading *reading;
    int rc = reading_begin(journal_database(journal),
                           "SELECT id, hash, ack, at FROM (SELECT * FROM commands"
                           " ORDER BY n DESC LIMIT ?) WHERE at >= ? ORDER BY n",
                           NULL, 0, &reading, err);

    if (rc < 0)
        return rc;
    reading_bind_int(reading, 1, (int64_t)max_count);
    reading_bind_int(reading, 2, oldest_at);
    while ((rc = reading_next(reading, err)) > 0)
        each(reading_text(reading, 0), (uint64_t)reading_int(reading, 1), reading_text(reading, 2),
             reading_int(reading, 3), user);
    reading_end(reading);
    if (rc == 0)
        trim_commands(journal, max_count, oldest_at);
    return rc;
}

/* --- retained topics --- */

void journal_add_topic(struct journal *journal, const char *topic)
{
    struct write *write = write_new(ADD_TOPIC);

    write_text(write, topic);
    journal_queue(journal, write, NULL, NULL);
}

void journal_delete_topic(struct journal *journal, const char *topic)
{
    struct write *write = write_new(DELETE_TOPIC);

    write_text(write, topic);
    journal_queue(journal, write, NULL, NULL);
}

int journal_each_topic(struct journal *journal, journal_topic_fn each, void *user,
                       struct error *err)
{
    return each_name(journal, "SELECT topic FROM topics ORDER BY topic", each, user, err);
}
