/* SPDX-License-Identifier: MIT */
#include "agent/journal/schema.h"

/* STRICT, so that quick_check finds a value of a wrong type. Frames have no rowid: the key is the
 * table, and one more frame changes one page. */
const char *const schema_steps[SCHEMA_VERSION] = {
    "CREATE TABLE sessions ("
    "  id TEXT NOT NULL PRIMARY KEY, unit TEXT NOT NULL, printer TEXT, job TEXT,"
    "  dir TEXT NOT NULL, state TEXT NOT NULL, end TEXT, settings TEXT,"
    "  started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, missed INTEGER NOT NULL,"
    "  last_layer INTEGER NOT NULL) STRICT;"
    "CREATE INDEX sessions_open ON sessions (unit, started_at) WHERE ended_at = 0;"
    "CREATE TABLE frames ("
    "  session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, camera TEXT NOT NULL,"
    "  seq INTEGER NOT NULL, layer INTEGER NOT NULL, trigger TEXT NOT NULL,"
    "  parked INTEGER NOT NULL, captured_at INTEGER NOT NULL, age_ms INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,"
    "  crc32 INTEGER NOT NULL, PRIMARY KEY (session, camera, seq)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE videos ("
    "  path TEXT NOT NULL PRIMARY KEY,"
    "  session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, unit TEXT NOT NULL,"
    "  camera TEXT NOT NULL, kind TEXT NOT NULL, frames INTEGER NOT NULL,"
    "  dropped INTEGER NOT NULL, bytes INTEGER NOT NULL, duration_s REAL NOT NULL,"
    "  fps REAL NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,"
    "  made_at INTEGER NOT NULL, ready_ms_after_end INTEGER NOT NULL) STRICT;"
    "CREATE INDEX videos_session ON videos (session);"
    "CREATE TABLE pauses ("
    "  printer TEXT NOT NULL PRIMARY KEY, job_file TEXT NOT NULL, job_position_bytes INTEGER NOT "
    "NULL,"
    "  layer INTEGER NOT NULL, intent_at INTEGER NOT NULL, boot_id TEXT NOT NULL) STRICT;"
    "CREATE TABLE commands ("
    "  n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, hash INTEGER NOT NULL, ack TEXT,"
    "  at INTEGER NOT NULL) STRICT;"
    /* An agent that runs for years reads (and so tidies) this table only at its start. */
    "CREATE TRIGGER commands_bounded AFTER INSERT ON commands BEGIN"
    "  DELETE FROM commands WHERE n <= NEW.n - 4096; END;"
    "CREATE TABLE topics (topic TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;",
    "CREATE TABLE units ("
    "  id TEXT NOT NULL PRIMARY KEY, request TEXT NOT NULL, ending INTEGER NOT NULL,"
    "  made_at INTEGER NOT NULL) STRICT;",

    /* counting the frames of fifty sessions for a list takes too long */
    "ALTER TABLE sessions ADD COLUMN frames INTEGER NOT NULL DEFAULT -1;"
    "ALTER TABLE sessions ADD COLUMN bytes INTEGER NOT NULL DEFAULT -1;"
    "CREATE INDEX sessions_started ON sessions (started_at, id);"
    "CREATE INDEX videos_made ON videos (made_at, path);"
    "CREATE TABLE jobs ("
    "  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,"
    "  unit TEXT NOT NULL, session TEXT NOT NULL, args TEXT, state TEXT NOT NULL,"
    "  position INTEGER NOT NULL, tries INTEGER NOT NULL, code INTEGER NOT NULL, error TEXT,"
    "  made_at INTEGER NOT NULL, ended_at INTEGER NOT NULL,"
    "  print_ended_at INTEGER NOT NULL) STRICT;"
    "CREATE TRIGGER jobs_bounded AFTER INSERT ON jobs BEGIN"
    "  DELETE FROM jobs WHERE number <= NEW.number - 200 AND ended_at > 0; END;",

    "CREATE TABLE lights (light TEXT NOT NULL PRIMARY KEY, since INTEGER NOT NULL) STRICT;",
};

/* Never REPLACE: it deletes the old row first, and a session's frames would go with it. */
const char *const statement_sql[STATEMENT_COUNT] = {
    [NO_STATEMENT] = "SELECT 1 WHERE 0",
    [PUT_SESSION] =
        "INSERT INTO sessions (id, unit, printer, job, dir, state, end, settings, started_at,"
        " ended_at, missed, last_layer, frames, bytes)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET unit = excluded.unit, printer = excluded.printer,"
        " job = excluded.job, dir = excluded.dir, state = excluded.state, end = excluded.end,"
        " settings = excluded.settings, started_at = excluded.started_at,"
        " ended_at = excluded.ended_at, missed = excluded.missed,"
        " last_layer = excluded.last_layer, frames = excluded.frames, bytes = excluded.bytes",
    [DELETE_SESSION] = "DELETE FROM sessions WHERE id = ?",
    [ADD_FRAME] = "INSERT INTO frames (session, camera, seq, layer, trigger, parked, captured_at,"
                  " age_ms, bytes, width, height, crc32) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                  " ?)",
    /* a preview is made again and again under one name */
    [ADD_VIDEO] =
        "INSERT INTO videos (path, session, unit, camera, kind, frames, dropped, bytes,"
        " duration_s, fps, width, height, made_at, ready_ms_after_end)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (path) DO UPDATE SET session = excluded.session, unit = excluded.unit,"
        " camera = excluded.camera, kind = excluded.kind, frames = excluded.frames,"
        " dropped = excluded.dropped, bytes = excluded.bytes, duration_s = excluded.duration_s,"
        " fps = excluded.fps, width = excluded.width, height = excluded.height,"
        " made_at = excluded.made_at, ready_ms_after_end = excluded.ready_ms_after_end",
    [MARK_VIDEO] = "UPDATE videos SET kind = ? WHERE path = ?",
    [DELETE_VIDEO] = "DELETE FROM videos WHERE path = ?",
    [PUT_JOB] =
        "INSERT INTO jobs (number, id, kind, unit, session, args, state, position, tries, code,"
        " error, made_at, ended_at, print_ended_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (number) DO UPDATE SET state = excluded.state,"
        " position = excluded.position, tries = excluded.tries, code = excluded.code,"
        " error = excluded.error, ended_at = excluded.ended_at,"
        " print_ended_at = excluded.print_ended_at",
    [OPEN_PAUSE] =
        "INSERT INTO pauses (printer, job_file, job_position_bytes, layer, intent_at, boot_id)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (printer) DO UPDATE SET"
        " job_file = excluded.job_file, job_position_bytes = excluded.job_position_bytes,"
        " layer = excluded.layer, intent_at = excluded.intent_at, boot_id = excluded.boot_id",
    [CLOSE_PAUSE] = "DELETE FROM pauses WHERE printer = ?",
    [NOTE_LIT] = "INSERT INTO lights (light, since) VALUES (?, ?) ON CONFLICT DO NOTHING",
    [NOTE_DARK] = "DELETE FROM lights WHERE light = ?",
    [PUT_COMMAND] = "INSERT INTO commands (id, hash, ack, at) VALUES (?, ?, ?, ?)"
                    " ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, ack = excluded.ack,"
                    " at = excluded.at",
    [TRIM_COMMANDS] = ("DELETE FROM commands WHERE at < ? OR n <="
                       " (SELECT n FROM commands ORDER BY n DESC LIMIT 1 OFFSET ?)"),
    [ADD_TOPIC] = "INSERT INTO topics (topic) VALUES (?) ON CONFLICT DO NOTHING",
    [DELETE_TOPIC] = "DELETE FROM topics WHERE topic = ?",
    [PUT_UNIT] = "INSERT INTO units (id, request, ending, made_at) VALUES (?, ?, ?, ?)"
                 " ON CONFLICT (id) DO UPDATE SET request = excluded.request,"
                 " ending = excluded.ending, made_at = excluded.made_at",
    [DELETE_UNIT] = "DELETE FROM units WHERE id = ?",
};
