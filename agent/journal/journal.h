/* SPDX-License-Identifier: MIT */
/* journal: what the agent must still know after a power cut: sessions, frames, videos, open pauses,
 * answered commands, retained topics. One SQLite file (WAL, synchronous=FULL); the door to SQLite.
 *
 * Writes are queued and committed by one worker at a time, many in one transaction when they come
 * close together; done(0) means durable. Reads block shortly and are for start-up and small looks.
 * Loop thread only. Text fields of rows are copied; those handed out are the receiver's to free by
 * the matching _done function. */
#ifndef AGENT_JOURNAL_H
#define AGENT_JOURNAL_H

#include "agent/base/loop.h"
#include "agent/printer/printer.h"

struct journal;

/* Opens or makes <dir>/journal.db. A damaged file is set aside as journal.db.damaged-<time> and a
 * new one begun (*ret_damaged true: the caller rebuilds from the session directories); one written
 * by a newer lapsed is refused (-EPROTO). -EBUSY: another agent uses it,
 * also after two seconds. */
int journal_open(struct loop *loop, const char *dir, struct journal **ret_journal,
                 bool *ret_damaged, struct error *err) MUST_CHECK;
/* Commits what waits (blocks), without calling done functions any more. NULL is fine. */
void journal_close(struct journal *journal);

typedef void (*journal_done_fn)(int result, const struct error *err, void *user);

/* done comes when everything that was written before can be read: at once when it can already. */
void journal_settle(struct journal *journal, journal_done_fn done, void *user);

/* --- sessions --- */
struct journal_session {
    char *id, *unit, *printer, *job, *dir; /* printer, job: NULL when none */
    char *state;                           /* session_state_name(); "ended"; "deleting" */
    char *end;                             /* why it ended; NULL while open */
    char *settings;                        /* JSON of the unit's settings as they were */
    int64_t started_at, ended_at;          /* wall ms; 0 = not ended */
    int64_t missed;                        /* triggers without a frame */
    int last_layer;                        /* of the last frame; -1 */
    int64_t frames,
        bytes; /* of all cameras, when it was saved last; -1 = an older lapsed ended it */
};
void journal_session_done(struct journal_session *session);
/* Inserts or replaces by id. done may be NULL. */
void journal_put_session(struct journal *journal, const struct journal_session *session,
                         journal_done_fn done, void *user);
/* The newest session of the unit that has not ended. -ENOENT: none. */
int journal_open_session(struct journal *journal, const char *unit,
                         struct journal_session *ret_session, struct error *err) MUST_CHECK;
/* -ENOENT: no such session. */
int journal_get_session(struct journal *journal, const char *id,
                        struct journal_session *ret_session, struct error *err) MUST_CHECK;
struct journal_range { /* of a list, newest first */
    int64_t offset, limit;
};
typedef void (*journal_session_fn)(const struct journal_session *session, void *user);
/* unit: NULL = of all. state: NULL = in any but "deleting". */
int journal_list_sessions(struct journal *journal, const char *unit, const char *state,
                          const struct journal_range *range, journal_session_fn each, void *user,
                          struct error *err) MUST_CHECK;
/* Forgets a session, its frames and videos. */
void journal_delete_session(struct journal *journal, const char *id, journal_done_fn done,
                            void *user);

/* --- frames --- */
struct journal_frame {
    const char *session, *camera;
    int64_t seq;
    int layer;           /* -1 unknown */
    const char *trigger; /* "layer", "interval", "pause", "mqtt", "command", "last" */
    bool parked;
    int64_t captured_at; /* wall ms */
    int64_t age_ms;      /* capture after trigger */
    int64_t bytes;
    int width, height;
    uint32_t crc32; /* of the file */
};
void journal_add_frame(struct journal *journal, const struct journal_frame *frame,
                       journal_done_fn done, void *user);
/* Frames of one camera with seq > after_seq, ascending; only the numbers are read. */
typedef void (*journal_frame_fn)(const struct journal_frame *frame, void *user);
int journal_each_frame(struct journal *journal, const char *session, const char *camera,
                       int64_t after_seq, journal_frame_fn each, void *user,
                       struct error *err) MUST_CHECK;
struct journal_frame_totals {
    int64_t frames, bytes, last_seq, last_captured_at;
    int width, height; /* of the first one; 0 = there is none */
    int64_t resized;   /* frames of another size than the first */
};
int journal_frame_totals(struct journal *journal, const char *session, const char *camera,
                         struct journal_frame_totals *ret_totals, struct error *err) MUST_CHECK;

typedef void (*journal_camera_fn)(const char *camera, void *user);
/* The cameras that have frames of the session, by name. */
int journal_each_camera(struct journal *journal, const char *session, journal_camera_fn each,
                        void *user, struct error *err) MUST_CHECK;

/* --- videos --- */
struct journal_video {
    const char *session, *unit, *camera;
    const char *kind; /* "final", "preview" or "build"; "deleting" */
    const char *path;
    int64_t frames, dropped, bytes;
    double duration_s, fps;
    int width, height;
    int64_t made_at; /* wall ms */
    int64_t ready_ms_after_end;
};
void journal_add_video(struct journal *journal, const struct journal_video *video,
                       journal_done_fn done, void *user);

struct journal_video_filter { /* NULL = any; without a kind those that are being deleted are left
                                 out */
    const char *session, *unit, *kind, *path;
};
typedef void (*journal_video_fn)(const struct journal_video *video, void *user);
int journal_list_videos(struct journal *journal, const struct journal_video_filter *filter,
                        const struct journal_range *range, journal_video_fn each, void *user,
                        struct error *err) MUST_CHECK;
void journal_mark_video(struct journal *journal, const char *path, const char *kind,
                        journal_done_fn done, void *user);
void journal_delete_video(struct journal *journal, const char *path, journal_done_fn done,
                          void *user);

/* --- jobs: the builds that wait or run, and the last ones that ended --- */
struct journal_job {
    int64_t number; /* the key; rises */
    const char *id, *kind, *unit, *session;
    const char *args;  /* JSON; NULL = none */
    const char *state; /* job_state_name() */
    int64_t position, tries;
    int code;                                  /* of the last failure, 0 = none */
    const char *error;                         /* NULL = none */
    int64_t made_at, ended_at, print_ended_at; /* wall ms, 0 = not */
};
/* Inserts, or changes by number what may change. */
void journal_put_job(struct journal *journal, const struct journal_job *job, journal_done_fn done,
                     void *user);
typedef void (*journal_job_fn)(const struct journal_job *job, void *user);
/* Those that have not ended by position, then the others by number. */
int journal_each_job(struct journal *journal, journal_job_fn each, void *user,
                     struct error *err) MUST_CHECK;

/* --- pauses (printer/printer.h says what a record means) --- */
void journal_open_pause(struct journal *journal, const struct pause_record *record,
                        journal_done_fn done, void *user);
void journal_close_pause(struct journal *journal, const char *printer);
/* -ENOENT: none open. */
int journal_get_pause(struct journal *journal, const char *printer, struct pause_record *ret_record,
                      struct error *err) MUST_CHECK;

/* --- lights that we switched on, and not yet off again --- */
/* Before it is switched on: durable with done. */
void journal_note_lit(struct journal *journal, const char *light, journal_done_fn done, void *user);
void journal_note_dark(struct journal *journal, const char *light);
typedef void (*journal_light_fn)(const char *light, void *user);
int journal_each_lit(struct journal *journal, journal_light_fn each, void *user,
                     struct error *err) MUST_CHECK;

/* --- answered commands: the same id is answered again, not done again --- */
/* hash: of topic and payload. ack: the final acknowledgement, NULL while it is not known yet. */
void journal_put_command(struct journal *journal, const char *id, uint64_t hash, const char *ack,
                         journal_done_fn done, void *user);
typedef void (*journal_command_fn)(const char *id, uint64_t hash, const char *ack, int64_t at,
                                   void *user);
/* The newest max_count of the last max_age_ms, oldest first; older ones are deleted. */
int journal_each_command(struct journal *journal, size_t max_count, int64_t max_age_ms,
                         journal_command_fn each, void *user, struct error *err) MUST_CHECK;

/* --- units made at run time, and settings of one session --- */
struct journal_unit {
    const char *id;
    const char *request; /* JSON of the arguments that made it */
    bool ending;         /* it goes as soon as its session is over */
    int64_t made_at;     /* wall ms */
};
/* Inserts or replaces by id. done may be NULL. */
void journal_put_unit(struct journal *journal, const struct journal_unit *unit,
                      journal_done_fn done, void *user);
void journal_delete_unit(struct journal *journal, const char *id);
typedef void (*journal_unit_fn)(const struct journal_unit *unit, void *user);
/* The oldest first. */
int journal_each_unit(struct journal *journal, journal_unit_fn each, void *user,
                      struct error *err) MUST_CHECK;

/* --- retained topics ever published --- */
void journal_add_topic(struct journal *journal, const char *topic);
void journal_delete_topic(struct journal *journal, const char *topic);
typedef void (*journal_topic_fn)(const char *topic, void *user);
int journal_each_topic(struct journal *journal, journal_topic_fn each, void *user,
                       struct error *err) MUST_CHECK;

#endif
