/* SPDX-License-Identifier: MIT */
/* sessions: what was captured and made: sessions, their frames, their videos. */
#include "agent/base/mem.h"
#include "agent/journal/rooms.h"

#include <errno.h>
#include <stdlib.h>

/* --- sessions --- */

void journal_session_done(struct journal_session *session)
{
    free(session->id);
    free(session->unit);
    free(session->printer);
    free(session->job);
    free(session->dir);
    free(session->state);
    free(session->end);
    free(session->settings);
    *session = (struct journal_session){0};
}

void journal_put_session(struct journal *journal, const struct journal_session *session,
                         journal_done_fn done, void *user)
{
    struct write *write = write_new(PUT_SESSION);

    write_text(write, session->id);
    write_text(write, session->unit);
    write_text(write, session->printer);
    write_text(write, session->job);
    write_text(write, session->dir);
    write_text(write, session->state);
    write_text(write, session->end);
    write_text(write, session->settings);
    write_int(write, session->started_at);
    write_int(write, session->ended_at);
    write_int(write, session->missed);
    write_int(write, session->last_layer);
    write_int(write, session->frames);
    write_int(write, session->bytes);
    journal_queue(journal, write, done, user);
}

static void session_of_row(struct reading *reading, struct journal_session *ret_session)
{
    *ret_session = (struct journal_session){
        .id = reading_copy(reading, 0),
        .unit = reading_copy(reading, 1),
        .printer = reading_copy(reading, 2),
        .job = reading_copy(reading, 3),
        .dir = reading_copy(reading, 4),
        .state = reading_copy(reading, 5),
        .end = reading_copy(reading, 6),
        .settings = reading_copy(reading, 7),
        .started_at = reading_int(reading, 8),
        .ended_at = reading_int(reading, 9),
        .missed = reading_int(reading, 10),
        .last_layer = (int)reading_int(reading, 11),
        .frames = reading_int(reading, 12),
        .bytes = reading_int(reading, 13),
    };
}

#define SELECT_SESSIONS                                                                            \
    "SELECT id, unit, printer, job, dir, state, end, settings, started_at, ended_at, missed,"      \
    " last_layer, frames, bytes FROM sessions "

/* The first row. 0: there is none. */
static int read_session(struct journal *journal, const char *sql, const char *text,
                        struct journal_session *ret_session, struct error *err)
{
    struct reading *reading;
    int rc = reading_begin(journal_database(journal), sql, &text, 1, &reading, err);

    if (rc < 0)
        return rc;
    rc = reading_next(reading, err);
    if (rc > 0)
        session_of_row(reading, ret_session);
    reading_end(reading);
    return rc;
}

int journal_open_session(struct journal *journal, const char *unit,
                         struct journal_session *ret_session, struct error *err)
{
    int rc = read_session(journal,
                          SELECT_SESSIONS "WHERE unit = ? AND ended_at = 0"
                                          " ORDER BY started_at DESC, id DESC LIMIT 1",
                          unit, ret_session, err);

    if (rc == 0)
        return error_set(err, -ENOENT, "unit '%s' has no open session", unit);
    return MIN(rc, 0);
}

int journal_get_session(struct journal *journal, const char *id,
                        struct journal_session *ret_session, struct error *err)
{
    int rc = read_session(journal, SELECT_SESSIONS "WHERE id = ?", id, ret_session, err);

    if (rc == 0)
        return error_set(err, -ENOENT, "there is no session '%s'; session.list names them", id);
    return MIN(rc, 0);
}

int journal_list_sessions(struct journal *journal, const char *unit, const char *state,
                          const struct journal_range *range, journal_session_fn each, void *user,
                          struct error *err)
{
    const char *texts[] = {unit, state};
    struct reading *reading;
    int rc = reading_begin(journal_database(journal),
                           SELECT_SESSIONS "WHERE (?1 IS NULL OR unit = ?1)"
                                           " AND (?2 IS NULL AND state <> 'deleting' OR state = ?2)"
                                           " ORDER BY started_at DESC, id DESC LIMIT ?3 OFFSET ?4",
                           texts, ARRAY_LEN(texts), &reading, err);

    if (rc < 0)
        return rc;
    reading_bind_int(reading, 3, range->limit);
    reading_bind_int(reading, 4, range->offset);
    while ((rc = reading_next(reading, err)) > 0) {
        struct journal_session session;

        session_of_row(reading, &session);
        each(&session, user);
        journal_session_done(&session);
    }
    reading_end(reading);
    return rc;
}

void journal_delete_session(struct journal *journal, const char *id, journal_done_fn done,
                            void *user)
{
    struct write *write = write_new(DELETE_SESSION);

    write_text(write, id);
    journal_queue(journal, write, done, user);
}

/* --- frames --- */

void journal_add_frame(struct journal *journal, const struct journal_frame *frame,
                       journal_done_fn done, void *user)
{
    struct write *write = write_new(ADD_FRAME);

    write_text(write, frame->session);
    write_text(write, frame->camera);
    write_int(write, frame->seq);
    write_int(write, frame->layer);
    write_text(write, frame->trigger);
    write_int(write, frame->parked);
    write_int(write, frame->captured_at);
    write_int(write, frame->age_ms);
    write_int(write, frame->bytes);
    write_int(write, frame->width);
    write_int(write, frame->height);
    write_int(write, frame->crc32);
    journal_queue(journal, write, done, user);
}

static void frame_of_row(struct reading *reading, struct journal_frame *ret_frame)
{
    ret_frame->seq = reading_int(reading, 0);
    ret_frame->layer = (int)reading_int(reading, 1);
    ret_frame->parked = (int)reading_int(reading, 2) != 0;
    ret_frame->captured_at = reading_int(reading, 3);
    ret_frame->age_ms = reading_int(reading, 4);
    ret_frame->bytes = reading_int(reading, 5);
    ret_frame->width = (int)reading_int(reading, 6);
    ret_frame->height = (int)reading_int(reading, 7);
    ret_frame->crc32 = (uint32_t)reading_int(reading, 8);
}

int journal_each_frame(struct journal *journal, const char *session, const char *camera,
                       int64_t after_seq, journal_frame_fn each, void *user, struct error *err)
{
    const char *texts[] = {session, camera};
    struct journal_frame frame = {.session = session, .camera = camera};
    struct reading *reading;
    int rc = reading_begin(journal_database(journal),
                           "SELECT seq, layer, parked, captured_at, age_ms, bytes, width, height,"
                           " crc32 FROM frames WHERE session = ? AND camera = ? AND seq > ?"
                           " ORDER BY seq",
                           texts, ARRAY_LEN(texts), &reading, err);

    if (rc < 0)
        return rc;
    reading_bind_int(reading, 3, after_seq);
    while ((rc = reading_next(reading, err)) > 0) {
        frame_of_row(reading, &frame);
        each(&frame, user);
    }
    reading_end(reading);
    return rc;
}

int journal_frame_totals(struct journal *journal, const char *session, const char *camera,
                         struct journal_frame_totals *ret_totals, struct error *err)
{
    const char *texts[] = {session, camera};
    struct reading *reading;
    int rc = reading_begin(journal_database(journal),
                           "SELECT count(*), sum(f.bytes), max(f.seq), max(f.captured_at),"
                           " first.width, first.height,"
                           " sum(f.width <> first.width OR f.height <> first.height)"
                           " FROM frames f JOIN (SELECT width, height FROM frames"
                           "  WHERE session = ?1 AND camera = ?2 ORDER BY seq LIMIT 1) first"
                           " WHERE f.session = ?1 AND f.camera = ?2",
                           texts, ARRAY_LEN(texts), &reading, err);

    if (rc < 0)
        return rc;
    rc = reading_next(reading, err);
    if (rc > 0)
        *ret_totals = (struct journal_frame_totals){
            .frames = reading_int(reading, 0),
            .bytes = reading_int(reading, 1),
            .last_seq = reading_int(reading, 2),
            .last_captured_at = reading_int(reading, 3),
            .width = (int)reading_int(reading, 4),
            .height = (int)reading_int(reading, 5),
            .resized = reading_int(reading, 6),
        };
    reading_end(reading);
    return MIN(rc, 0);
}

/* A row for each: counting through the index of 12,000 frames would take longer. */
int journal_each_camera(struct journal *journal, const char *session, journal_camera_fn each,
                        void *user, struct error *err)
{
    struct reading *reading;
    int rc = reading_begin(journal_database(journal),
                           "WITH RECURSIVE cameras (name) AS ("
                           " SELECT min(camera) FROM frames WHERE session = ?1"
                           " UNION ALL SELECT (SELECT min(camera) FROM frames"
                           "  WHERE session = ?1 AND camera > name) FROM cameras"
                           "  WHERE name IS NOT NULL)"
                           " SELECT name FROM cameras WHERE name IS NOT NULL",
                           &session, 1, &reading, err);

    if (rc < 0)
        return rc;
    while ((rc = reading_next(reading, err)) > 0)
        each(reading_text(reading, 0), user);
    reading_end(reading);
    return rc;
}

/* --- videos --- */

void journal_add_video(struct journal *journal, const struct journal_video *video,
                       journal_done_fn done, void *user)
{
    struct write *write = write_new(ADD_VIDEO);

    write_text(write, video->path);
    write_text(write, video->session);
    write_text(write, video->unit);
    write_text(write, video->camera);
    write_text(write, video->kind);
    write_int(write, video->frames);
    write_int(write, video->dropped);
    write_int(write, video->bytes);
    write_real(write, video->duration_s);
    write_real(write, video->fps);
    write_int(write, video->width);
    write_int(write, video->height);
    write_int(write, video->made_at);
    write_int(write, video->ready_ms_after_end);
    journal_queue(journal, write, done, user);
}

static void video_of_row(struct reading *reading, struct journal_video *ret_video)
{
    *ret_video = (struct journal_video){
        .path = reading_text(reading, 0),
        .session = reading_text(reading, 1),
        .unit = reading_text(reading, 2),
        .camera = reading_text(reading, 3),
        .kind = reading_text(reading, 4),
        .frames = reading_int(reading, 5),
        .dropped = reading_int(reading, 6),
        .bytes = reading_int(reading, 7),
        .duration_s = reading_real(reading, 8),
        .fps = reading_real(reading, 9),
        .width = (int)reading_int(reading, 10),
        .height = (int)reading_int(reading, 11),
        .made_at = reading_int(reading, 12),
        .ready_ms_after_end = reading_int(reading, 13),
    };
}

int journal_list_videos(struct journal *journal, const struct journal_video_filter *filter,
                        const struct journal_range *range, journal_video_fn each, void *user,
                        struct error *err)
{
    const char *texts[] = {filter->session, filter->unit, filter->kind, filter->path};
    struct reading *reading;
    int rc =
        reading_begin(journal_database(journal),
                      "SELECT path, session, unit, camera, kind, frames, dropped, bytes,"
                      " duration_s, fps, width, height, made_at, ready_ms_after_end FROM videos"
                      " WHERE (?1 IS NULL OR session = ?1) AND (?2 IS NULL OR unit = ?2)"
                      " AND (?3 IS NULL AND kind <> 'deleting' OR kind = ?3)"
                      " AND (?4 IS NULL OR path = ?4)"
                      " ORDER BY made_at DESC, path DESC LIMIT ?5 OFFSET ?6",
                      texts, ARRAY_LEN(texts), &reading, err);

    if (rc < 0)
        return rc;
    reading_bind_int(reading, 5, range->limit);
    reading_bind_int(reading, 6, range->offset);
    while ((rc = reading_next(reading, err)) > 0) {
        struct journal_video video;

        video_of_row(reading, &video);
        each(&video, user);
    }
    reading_end(reading);
    return rc;
}

void journal_mark_video(struct journal *journal, const char *path, const char *kind,
                        journal_done_fn done, void *user)
{
    struct write *write = write_new(MARK_VIDEO);

    write_text(write, kind);
    write_text(write, path);
    journal_queue(journal, write, done, user);
}

void journal_delete_video(struct journal *journal, const char *path, journal_done_fn done,
                          void *user)
{
    struct write *write = write_new(DELETE_VIDEO);

    write_text(write, path);
    journal_queue(journal, write, done, user);
}
