/* SPDX-License-Identifier: MIT */
/* schema: what the journal's tables look like and the statements that write them. Text only. */
#ifndef AGENT_JOURNAL_SCHEMA_H
#define AGENT_JOURNAL_SCHEMA_H

enum { SCHEMA_VERSION = 4 };
/* schema_steps[n] makes version n + 1 of version n. */
extern const char *const schema_steps[SCHEMA_VERSION];

enum statement {
    NO_STATEMENT, /* of journal_settle() */
    PUT_SESSION,
    DELETE_SESSION,
    ADD_FRAME,
    ADD_VIDEO,
    MARK_VIDEO,
    DELETE_VIDEO,
    PUT_JOB,
    OPEN_PAUSE,
    CLOSE_PAUSE,
    NOTE_LIT,
    NOTE_DARK,
    PUT_COMMAND,
    TRIM_COMMANDS,
    ADD_TOPIC,
    DELETE_TOPIC,
    PUT_UNIT,
    DELETE_UNIT,
    STATEMENT_COUNT,
};
extern const char *const statement_sql[STATEMENT_COUNT];

#endif
