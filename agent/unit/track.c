/* SPDX-License-Identifier: MIT */
/* track: a frame under way is a struct of its own ("entry") that survives the track, because the
 * disk may answer after the session was closed; entry->track is then NULL. */
#include "agent/unit/track.h"

#include "agent/base/clock.h"
#include "agent/base/json.h"
#include "agent/base/list.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"

#include <errno.h>
#include <stdlib.h>

struct track {
    struct track_services services;
    const struct unit_settings *settings;
    struct track_events events;
    void *user;
    char *agent, *session, *session_dir, *camera;
    struct video *video; /* NULL: no video wanted */
    int64_t next_seq;
    int64_t deleted_seq; /* frames up to here were deleted */
    struct track_totals totals;
    struct list entries; /* frames under way */
    struct timer *later; /* answers that must not come from inside a call */
    struct error later_error;
    video_done_fn finish_done;
    void *finish_user;
    bool finishing; /* the last part, video_finish(), is under way */
};

struct entry {
    struct list link;
    struct track *track;
    struct picture *picture;
    struct frame_cause cause;
    int64_t seq, bytes, captured_at;
    char *path;
    bool durable;
    struct picture_waiter waiter;
};

static void entry_free(struct entry *entry)
{
    list_remove(&entry->link);
    picture_waiter_done(&entry->waiter);
    picture_unref(entry->picture);
    free(entry->path);
    free(entry);
}

static void continue_finish(struct track *track);

static void entry_lost(struct entry *entry, const struct error *err)
{
    struct track *track = entry->track;
    struct frame_cause cause = entry->cause;

    entry_free(entry);
    if (!track)
        return;
    track->events.on_frame_lost(track->camera, &cause, err, track->user);
    continue_finish(track);
}

static void entry_announce(struct entry *entry)
{
    struct track *track = entry->track;
    const struct picture *picture = entry->picture;
    struct track_frame frame = {
        .camera = track->camera,
        .path = entry->path,
        .seq = entry->seq,
        .cause = entry->cause,
        .captured_at = entry->captured_at,
        .age_ms = (picture->captured_at_mono_us - entry->cause.trigger_at_mono_us) / 1000,
        .bytes = entry->bytes,
        .width = picture->width,
        .height = picture->height,
        .picture = entry->picture,
    };

    track->events.on_frame(&frame, track->user);
}

static void announce_ready(struct track *track)
{
    struct entry *entry;

    while ((entry = LIST_FIRST(&track->entries, struct entry, link)) && entry->durable &&
           !entry->picture->looking) {
        entry_announce(entry);
        entry_free(entry);
    }
    continue_finish(track);
}

static void on_looked(void *user)
{
    struct entry *entry = user;

    if (entry->track)
        announce_ready(entry->track);
}

static void count_frame(struct track_totals *totals, int64_t bytes, int width, int height,
                        int64_t captured_at)
{
    if (totals->frames++ == 0) {
        totals->width = width;
        totals->height = height;
    }
    totals->resized += width != totals->width || height != totals->height;
    totals->bytes += bytes;
    totals->last_frame_at = captured_at;
}

static void take_in(struct entry *entry)
{
    struct track *track = entry->track;
    const struct picture *picture = entry->picture;

    entry->durable = true;
    count_frame(&track->totals, entry->bytes, picture->width, picture->height, entry->captured_at);
    if (track->video)
        video_add_frame(track->video, entry->seq, entry->path, picture->width, picture->height);
}

static void on_journaled(int result, const struct error *err, void *user)
{
    struct entry *entry = user;
    struct track *track = entry->track;

    if (result < 0) {
        entry_lost(entry, err);
        return;
    }
    if (!track) {
        entry_free(entry);
        return;
    }
    take_in(entry);
    announce_ready(track);
}

static void on_stored(int result, const struct frame_file *file, const struct error *err,
                      void *user)
{
    struct entry *entry = user;
    struct track *track = entry->track;
    const struct picture *picture = entry->picture;

    if (result < 0 || !track) {
        entry_lost(entry, err);
        return;
    }
    entry->path = xstrdup(file->path);
    entry->bytes = file->bytes;
    journal_add_frame(
        track->services.journal,
        &(struct journal_frame){
            .session = track->session,
            .camera = track->camera,
            .seq = entry->seq,
            .layer = entry->cause.layer,
            .trigger = entry->cause.trigger,
            .parked = entry->cause.parked,
            .captured_at = entry->captured_at,
            .age_ms = (picture->captured_at_mono_us - entry->cause.trigger_at_mono_us) / 1000,
            .bytes = entry->bytes,
            .width = picture->width,
            .height = picture->height,
            .crc32 = file->crc32,
        },
        on_journaled, entry);
}

/* So that a frame that was copied elsewhere can still be told from others. */
static char *comment_of(const struct entry *entry)
{
    const struct track *track = entry->track;
    CLEANUP(json_free_p) cJSON *json = json_object();

    json_add_string(json, "agent", track->agent);
    json_add_string(json, "unit", track->settings->id);
    json_add_string(json, "camera", track->camera);
    json_add_string(json, "session", track->session);
    json_add_int(json, "frame", entry->seq);
    if (entry->cause.layer >= 0)
        json_add_int(json, "layer", entry->cause.layer);
    json_add_string(json, "trigger", entry->cause.trigger);
    return json_print(json);
}

static struct exif_stamp *stamp_of(const struct entry *entry)
{
    const struct track *track = entry->track;
    struct exif_stamp *stamp = xcalloc(1, sizeof(*stamp));

    stamp->taken_at = entry->captured_at;
    stamp->comment = comment_of(entry);
    stamp->description = entry->cause.layer >= 0
                             ? xasprintf("%s, %s, frame %lld, layer %d", track->settings->id,
                                         track->camera, (long long)entry->seq, entry->cause.layer)
                             : xasprintf("%s, %s, frame %lld", track->settings->id, track->camera,
                                         (long long)entry->seq);
    stamp->keep = track->settings->keep_exif;
    return stamp;
}

void track_add(struct track *track, struct picture *picture, const struct frame_cause *cause)
{
    struct entry *entry = xcalloc(1, sizeof(*entry));

    entry->track = track;
    entry->picture = picture_ref(picture);
    entry->cause = *cause;
    entry->captured_at = clock_wall_of_mono_ms(picture->captured_at_mono_us / 1000);
    entry->seq = track->next_seq++;
    list_append(&track->entries, &entry->link);
    picture_waiter_init(&entry->waiter, on_looked, entry);
    picture_await(picture, &entry->waiter);
    frame_store_add(track->services.store, track->session_dir, track->camera, entry->seq, picture,
                    stamp_of(entry), on_stored, entry);
}

/* --- the video --- */

static void delete_encoded(struct track *track, int64_t last_seq)
{
    if (!track->settings->delete_frames || last_seq <= track->deleted_seq)
        return;
    frame_store_delete(track->services.store, track->session_dir, track->camera,
                       track->deleted_seq + 1, last_seq);
    track->deleted_seq = last_seq;
}

static void on_segment(const struct video_state *state, const struct error *err, void *user)
{
    struct track *track = user;

    track->totals.video = *state;
    if (!err)
        delete_encoded(track, state->last_seq);
    track->events.on_video(track->camera, state, err, track->user);
}

static void on_progress(double progress, void *user)
{
    struct track *track = user;

    track->events.on_progress(track->camera, progress, track->user);
}

static int open_video(struct track *track, struct error *err)
{
    CLEANUP(free_p) char *name = xasprintf("%s_%s", track->session, track->camera);
    struct video_config config = {
        .dir = track->session_dir, .name = name, .settings = &track->settings->video};
    static const struct video_events events = {.on_segment = on_segment,
                                               .on_progress = on_progress};

    if (!track->settings->video.enabled)
        return 0;
    return video_open(track->services.loop, track->services.encoders, &config, &events, track,
                      &track->video, err);
}

/* --- opening, also after a crash --- */

static void feed_frame(const struct journal_frame *frame, void *user)
{
    struct track *track = user;
    CLEANUP(free_p) char *path = frame_store_path(track->session_dir, track->camera, frame->seq);

    video_add_frame(track->video, frame->seq, path, frame->width, frame->height);
}

static int feed_video(struct track *track, struct error *err)
{
    if (!track->video)
        return 0;
    video_get_state(track->video, &track->totals.video);
    return journal_each_frame(track->services.journal, track->session, track->camera,
                              track->totals.video.last_seq, feed_frame, track, err);
}

/* A frame that was durable on disk, but not yet in the journal when we died. */
static void adopt(struct track *track, const struct stored_frame *stored)
{
    CLEANUP(free_p) char *path = frame_store_path(track->session_dir, track->camera, stored->seq);

    journal_add_frame(track->services.journal,
                      &(struct journal_frame){.session = track->session,
                                              .camera = track->camera,
                                              .seq = stored->seq,
                                              .layer = -1,
                                              .trigger = "recovered",
                                              .captured_at = stored->modified_at,
                                              .bytes = (int64_t)stored->bytes,
                                              .width = stored->width,
                                              .height = stored->height},
                      NULL, NULL);
    if (track->video)
        video_add_frame(track->video, stored->seq, path, stored->width, stored->height);
    count_frame(&track->totals, (int64_t)stored->bytes, stored->width, stored->height,
                stored->modified_at);
    track->next_seq = stored->seq + 1;
}

static int adopt_orphans(struct track *track, struct error *err)
{
    struct stored_frame *stored = NULL;
    size_t count = 0;
    int rc =
        frame_store_scan(track->session_dir, track->camera, track->next_seq, &stored, &count, err);

    for (size_t i = 0; rc == 0 && i < count; i++)
        adopt(track, &stored[i]);
    free(stored);
    return rc;
}

static int recover(struct track *track, struct error *err)
{
    struct journal_frame_totals totals = {0};
    int rc =
        journal_frame_totals(track->services.journal, track->session, track->camera, &totals, err);

    if (rc < 0)
        return rc;
    track->totals.frames = totals.frames;
    track->totals.bytes = totals.bytes;
    track->totals.last_frame_at = totals.last_captured_at;
    track->totals.width = totals.width;
    track->totals.height = totals.height;
    track->totals.resized = totals.resized;
    track->next_seq = totals.last_seq + 1;
    rc = open_video(track, err);
    if (rc == 0)
        rc = feed_video(track, err);
    if (rc == 0)
        rc = adopt_orphans(track, err);
    return rc;
}

static void on_later(void *user)
{
    struct track *track = user;
    video_done_fn done = track->finish_done;

    track->finish_done = NULL;
    track->finishing = false;
    if (done)
        done(track->later_error.code, NULL, &track->later_error, track->finish_user);
}

int track_open(const struct track_config *config, const struct track_events *events, void *user,
               struct track **ret_track, struct error *err)
{
    struct track *track = xcalloc(1, sizeof(*track));
    int rc;

    track->services = *config->services;
    track->settings = config->settings;
    track->events = *events;
    track->user = user;
    track->agent = xstrdup(config->agent);
    track->session = xstrdup(config->session);
    track->session_dir = xstrdup(config->session_dir);
    track->camera = xstrdup(config->camera);
    track->later = timer_new(track->services.loop, on_later, track);
    list_init(&track->entries);
    rc = recover(track, err);
    if (rc < 0) {
        track_free(track);
        return rc;
    }
    *ret_track = track;
    return 0;
}

void track_free(struct track *track)
{
    struct entry *entry;

    if (!track)
        return;
    LIST_FOR_EACH(&track->entries, entry, struct entry, link)
    {
        entry->track = NULL;
        list_remove(&entry->link);
        if (entry->durable)
            entry_free(entry); /* nobody else has it */
    }
    video_free(track->video);
    timer_free(track->later);
    free(track->agent);
    free(track->session);
    free(track->session_dir);
    free(track->camera);
    free(track);
}

/* --- finishing --- */

static void answer_later(struct track *track, int code, const char *text)
{
    error_set(&track->later_error, code, "%s: %s", track->camera, text);
    timer_start(track->later, 0);
}

static void on_finished(int result, const struct video_result *ret, const struct error *err,
                        void *user)
{
    struct track *track = user;
    video_done_fn done = track->finish_done;

    track->finish_done = NULL;
    track->finishing = false;
    if (result == 0)
        delete_encoded(track, track->next_seq - 1);
    done(result, ret, err, track->finish_user);
}

static void continue_finish(struct track *track)
{
    struct error err = {0};
    int rc;

    if (!track->finish_done || track->finishing || !list_empty(&track->entries))
        return;
    track->finishing = true;
    if (!track->video) {
        answer_later(track, -ENODATA, "no video wanted (video = false)");
        return;
    }
    rc = video_finish(track->video, on_finished, track, &err);
    if (rc < 0)
        answer_later(track, rc, err.text);
}

void track_finish(struct track *track, video_done_fn done, void *user)
{
    track->finish_done = done;
    track->finish_user = user;
    continue_finish(track);
}

int track_preview(struct track *track, video_done_fn done, void *user, struct error *err)
{
    CLEANUP(free_p) char *name = xasprintf("%s_%s_preview.mp4", track->session, track->camera);
    CLEANUP(free_p) char *path = path_join(track->session_dir, name);

    if (!track->video)
        return error_set(err, -ENODATA, "%s: no video wanted (video = false)", track->camera);
    return video_preview(track->video, path, done, user, err);
}

void track_stop_preview(struct track *track)
{
    if (track->video)
        video_stop_preview(track->video);
}

void track_set_tail(struct track *track, bool tail)
{
    if (track->video)
        video_set_tail(track->video, tail);
}

void track_settings_changed(struct track *track)
{
    if (track->video)
        video_set_settings(track->video, &track->settings->video);
}

void track_get_totals(const struct track *track, struct track_totals *ret_totals)
{
    *ret_totals = track->totals;
    if (track->video)
        video_get_state(track->video, &ret_totals->video);
}

const char *track_camera(const struct track *track)
{
    return track->camera;
}
