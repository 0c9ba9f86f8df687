/* SPDX-License-Identifier: MIT */
/* unit: the imperative half of session_state. step() is the only place where the state changes;
 * each action bit has one function. */
#include "agent/unit.h"

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/report.h"
#include "agent/shot_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { OPEN_RETRY_MS = 30000 };

struct unit_problem {
    struct error err; /* code 0: none */
    int64_t since;
};

struct unit {
    struct unit_config config;
    struct unit_callbacks callbacks;
    void *user;
    struct camera **cameras;
    struct triggers *triggers;
    struct timer *retry;

    enum session_state state;
    int64_t state_since;
    struct session_facts facts;
    struct session *session;
    bool unproven; /* the session was taken up after a restart; is its job still running? */
    struct trigger_cause last_cause;

    struct shot_queue *shots;
    bool finish_wanted; /* as soon as shots and an interim build are through */
    const char *end;    /* why the session ends */
    int64_t ended_at_mono_us;
    struct unit_build build;
    int64_t build_count;

    struct unit_problem capture, video; /* the next frame says nothing about the encoder */
};

static void step(struct unit *unit, enum session_event event);
static void continue_finish(struct unit *unit);

/* --- saying what happened --- */

static void changed(struct unit *unit)
{
    unit->callbacks.on_changed(unit, false, unit->user);
}

static void emit(struct unit *unit, const char *type, cJSON *data)
{
    if (unit->session && !json_get(data, "session"))
        json_add_string(data, "session", session_id(unit->session));
    unit->callbacks.on_event(unit, type, data, unit->user);
    json_free(data);
}

static void set_problem(struct unit *unit, struct unit_problem *problem, const struct error *err)
{
    if (problem->err.code == 0)
        problem->since = clock_wall_ms();
    problem->err = *err;
    changed(unit);
}

static void clear_problem(struct unit *unit, struct unit_problem *problem)
{
    if (problem->err.code == 0)
        return;
    *problem = (struct unit_problem){0};
    changed(unit);
}

/* --- the session's voice --- */

static void on_frame(const struct track_frame *frame, void *user)
{
    struct unit *unit = user;
    cJSON *data = report_frame(frame);

    unit->callbacks.on_picture(unit,
                               &(struct unit_picture){.camera = frame->camera,
                                                      .session = session_id(unit->session),
                                                      .seq = frame->seq,
                                                      .layer = frame->cause.layer,
                                                      .captured_at = frame->captured_at,
                                                      .picture = frame->picture},
                               unit->user);
    clear_problem(unit, &unit->capture);
    emit(unit, "frame", json_copy(data));
    changed(unit);
    shot_queue_part(unit->shots, frame->cause.trigger_at_mono_us, data, NULL);
}

static void on_frame_lost(const char *camera, const struct frame_cause *cause,
                          const struct error *err, void *user)
{
    struct unit *unit = user;

    log_warn("unit.frame_missed", "unit=%s camera=%s trigger=%s layer=%d error=\"%s\"",
             unit_id(unit), camera, cause->trigger, cause->layer, err->text);
    emit(unit, "frame_missed", report_lost_frame(camera, cause, err));
    set_problem(unit, &unit->capture, err);
    shot_queue_part(unit->shots, cause->trigger_at_mono_us, NULL, err);
}

static void on_growing(const char *camera, const struct video_state *state, const struct error *err,
                       void *user)
{
    struct unit *unit = user;

    (void)state;
    if (err) {
        log_warn("unit.encode_failed", "unit=%s camera=%s error=\"%s\"", unit_id(unit), camera,
                 err->text);
        set_problem(unit, &unit->video, err);
    } else {
        clear_problem(unit, &unit->video);
    }
    changed(unit);
}

static void on_progress(double progress, void *user)
{
    struct unit *unit = user;

    unit->build.progress = progress;
    changed(unit);
}

static const struct session_events session_events = {
    .on_frame = on_frame,
    .on_frame_lost = on_frame_lost,
    .on_video = on_growing,
    .on_progress = on_progress,
};

static struct session_config session_config(const struct unit *unit)
{
    return (struct session_config){
        .services = &unit->config.services,
        .agent = unit->config.config->agent.id,
        .settings = unit->config.settings,
    };
}

/* --- taking pictures --- */

static bool may_hold(const struct unit *unit, const struct shot_request *request)
{
    if (!unit->config.printer || !request->for_session || request->must)
        return false;
    return unit->config.settings->pause || str_equal(request->cause.name, "pause");
}

static void plan_shot(const struct shot_request *request, struct shot_plan *ret_plan, void *user)
{
    struct unit *unit = user;
    const struct unit_settings *settings = unit->config.settings;

    *ret_plan = (struct shot_plan){
        .printer = may_hold(unit, request) ? unit->config.printer : NULL,
        .hold = {.adopt_job_pause = str_equal(request->cause.name, "pause"),
                 .move = settings->park,
                 .x_mm = settings->park_x_mm,
                 .y_mm = settings->park_y_mm,
                 .feed_mm_min = settings->park_feed_mm_min,
                 .settle_ms = (int64_t)(settings->rest_s * 1000),
                 .from_layer = (int)settings->pause_from_layer},
        .cameras = unit->cameras,
        .camera_count = settings->cameras.count,
        .trigger_at_mono_us = request->cause.at_mono_us,
    };
}

/* Pictures that belong to no session: shown, not stored. */
static void show_pictures(struct unit *unit, const struct shot_request *request,
                          const struct shot_result *shot)
{
    const struct conf_strings *cameras = &unit->config.settings->cameras;

    for (size_t i = 0; i < cameras->count; i++) {
        const struct shot_picture *taken = &shot->pictures[i];
        cJSON *proof = NULL;

        if (taken->picture) {
            struct unit_picture shown = {
                .camera = cameras->items[i],
                .layer = -1,
                .captured_at = clock_wall_of_mono_ms(taken->picture->captured_at_mono_us / 1000),
                .picture = taken->picture,
            };
            unit->callbacks.on_picture(unit, &shown, unit->user);
            proof = report_picture(shown.camera, taken->picture, request->cause.at_mono_us);
        }
        shot_queue_part(unit->shots, request->cause.at_mono_us, proof,
                        taken->picture ? NULL : &taken->error);
    }
}

static void store_pictures(struct unit *unit, const struct shot_request *request,
                           const struct shot_result *shot)
{
    struct frame_cause cause = {
        .trigger = request->cause.name,
        .layer = request->cause.layer,
        .parked = shot->held && (shot->parked || !unit->config.settings->park),
        .trigger_at_mono_us = request->cause.at_mono_us,
    };

    if (cause.layer >= 0)
        session_set_last_layer(unit->session, cause.layer);
    session_add(unit->session, shot, &cause);
}

static void on_taken(const struct shot_request *request, const struct shot_result *shot, void *user)
{
    struct unit *unit = user;

    if (shot->hold_error)
        log_info("unit.frame_without_hold", "unit=%s layer=%d reason=\"%s\"", unit_id(unit),
                 request->cause.layer, shot->hold_error->text);
    if (request->for_session)
        store_pictures(unit, request, shot);
    else
        show_pictures(unit, request, shot);
}

static void on_gave_way(const struct shot_request *request, void *user)
{
    struct unit *unit = user;

    session_count_missed(unit->session, 1);
    log_warn("unit.trigger_missed", "unit=%s trigger=%s layer=%d reason=\"too fast\"",
             unit_id(unit), request->cause.name, request->cause.layer);
}

static void on_shots_idle(void *user)
{
    continue_finish(user);
}

static const struct shot_queue_events shot_events = {
    .plan = plan_shot,
    .taken = on_taken,
    .gave_way = on_gave_way,
    .idle = on_shots_idle,
};

/* --- building videos --- */

static void start_build(struct unit *unit, const char *kind)
{
    unit->build = (struct unit_build){.kind = kind, .started_at_mono_ms = clock_mono_ms()};
    snprintf(unit->build.id, sizeof(unit->build.id), "%s-%lld", unit_id(unit),
             (long long)++unit->build_count);
}

static void end_build(struct unit *unit)
{
    unit->build = (struct unit_build){0};
    changed(unit);
}

static struct report_video about_build(const struct unit *unit, const char *camera,
                                       int64_t ready_ms)
{
    return (struct report_video){
        .job = unit->build.id,
        .kind = unit->build.kind,
        .session = session_id(unit->session),
        .camera = camera,
        .missed = session_missed(unit->session),
        .ready_ms_after_end = ready_ms,
    };
}

static void keep_video(struct unit *unit, const char *camera, const struct video_result *video,
                       int64_t ready_ms)
{
    journal_add_video(unit->config.services.journal,
                      &(struct journal_video){.session = session_id(unit->session),
                                              .unit = unit_id(unit),
                                              .camera = camera,
                                              .kind = unit->build.kind,
                                              .path = video->path,
                                              .frames = video->frames,
                                              .dropped = video->dropped_frames,
                                              .bytes = video->bytes,
                                              .duration_s = video->duration_s,
                                              .fps = video->fps,
                                              .width = video->width,
                                              .height = video->height,
                                              .made_at = clock_wall_ms(),
                                              .ready_ms_after_end = ready_ms},
                      NULL, NULL);
}

/* Too few frames (-ENODATA) is what the settings want, not a failure. */
static void video_failed(struct unit *unit, int result, const char *camera, const struct error *err)
{
    struct report_video about = about_build(unit, camera, -1);
    bool wanted = result != -ENODATA;

    if (wanted) {
        log_error("unit.video_failed", "unit=%s camera=%s error=\"%s\"", unit_id(unit), camera,
                  err->text);
        set_problem(unit, &unit->video, err);
    }
    emit(unit, wanted ? "video_failed" : "video_none", report_failed_video(&about, err));
}

static void on_final_video(int result, const char *camera, const struct video_result *video,
                           const struct error *err, void *user)
{
    struct unit *unit = user;
    int64_t ready_ms = (clock_mono_us() - unit->ended_at_mono_us) / 1000;
    struct report_video about = about_build(unit, camera, ready_ms);
    cJSON *data;

    if (result < 0) {
        video_failed(unit, result, camera, err);
        return;
    }
    keep_video(unit, camera, video, ready_ms);
    data = report_video(&about, video);
    log_info("unit.video_ready", "unit=%s camera=%s frames=%lld ready_ms=%lld file=\"%s\"",
             unit_id(unit), camera, (long long)video->frames, (long long)ready_ms, video->path);
    unit->callbacks.on_video(unit, data, unit->user);
    emit(unit, "video_ready", data);
    clear_problem(unit, &unit->video);
}

static void on_preview_video(int result, const char *camera, const struct video_result *video,
                             const struct error *err, void *user)
{
    struct unit *unit = user;
    struct report_video about = about_build(unit, camera, -1);

    if (result < 0) {
        video_failed(unit, result, camera, err);
        return;
    }
    keep_video(unit, camera, video, 0);
    emit(unit, "preview_ready", report_video(&about, video));
}

static void close_session(struct unit *unit, const char *event, bool discard)
{
    cJSON *data = json_object();
    struct session_totals totals;

    session_get_totals(unit->session, &totals);
    json_add_string(data, "session", session_id(unit->session));
    json_add_string(data, "job", session_job(unit->session));
    json_add_string(data, "end", unit->end);
    json_add_int(data, "frames", totals.frames);
    json_add_int(data, "missed", session_missed(unit->session));
    if (discard)
        session_discard(unit->session);
    else
        session_end(unit->session, unit->end);
    session_free(TAKE(unit->session));
    unit->unproven = false;
    log_info("unit.session_ended", "unit=%s end=%s frames=%lld", unit_id(unit),
             unit->end ? unit->end : "-", (long long)totals.frames);
    emit(unit, event, data);
}

static void on_preview_built(void *user)
{
    struct unit *unit = user;

    end_build(unit);
    continue_finish(unit);
}

static void on_built(void *user)
{
    struct unit *unit = user;

    end_build(unit);
    close_session(unit, "session_finished", false);
    step(unit, SESSION_BUILT);
}

/* The final video begins when nothing else of the session is under way. */
static void continue_finish(struct unit *unit)
{
    if (!unit->finish_wanted || !shot_queue_idle(unit->shots) || session_building(unit->session))
        return;
    unit->finish_wanted = false;
    session_finish(unit->session, on_final_video, on_built, unit);
}

/* --- the actions of session_next() --- */

static void open_failed(struct unit *unit, const struct error *err)
{
    log_error("unit.session_failed", "unit=%s error=\"%s\"", unit_id(unit), err->text);
    set_problem(unit, &unit->capture, err);
    step(unit, SESSION_OPEN_FAILED);
}

static void do_open(struct unit *unit)
{
    struct session_config config = session_config(unit);
    const char *job = unit->config.printer && unit->facts.job_running
                          ? printer_get_view(unit->config.printer)->job_file
                          : NULL;
    struct error err = {0};
    cJSON *data;

    unit->facts.new_job = false;
    unit->facts.restart_asked = false;
    unit->end = NULL;
    unit->last_cause = (struct trigger_cause){.layer = -1};
    if (session_begin(&config, job, &session_events, unit, &unit->session, &err) < 0) {
        open_failed(unit, &err);
        return;
    }
    clear_problem(unit, &unit->capture);
    clear_problem(unit, &unit->video);
    log_info("unit.session_started", "unit=%s session=%s", unit_id(unit),
             session_id(unit->session));
    data = json_object();
    json_add_string(data, "job", session_job(unit->session));
    json_add_string(data, "dir", session_dir(unit->session));
    emit(unit, "session_started", data);
}

static bool wants_last_frame(const struct unit *unit)
{
    struct session_totals totals;

    session_get_totals(unit->session, &totals);
    return unit->config.settings->last_frame && totals.frames > 0;
}

static void do_finish(struct unit *unit)
{
    struct shot_request last = {
        .cause = {.name = "last",
                  .layer = session_last_layer(unit->session),
                  .at_mono_us = clock_mono_us()},
        .for_session = true,
        .must = true,
    };

    if (!unit->end) {
        unit->end = "finished";
        unit->ended_at_mono_us = last.cause.at_mono_us;
    }
    session_set_tail(unit->session, true);
    start_build(unit, "final");
    unit->finish_wanted = true;
    if (wants_last_frame(unit))
        shot_queue_ask(unit->shots, &last);
    else
        continue_finish(unit);
}

static void do_discard(struct unit *unit)
{
    unit->end = "discarded";
    unit->finish_wanted = false;
    shot_queue_drop(unit->shots);
    end_build(unit);
    close_session(unit, "session_discarded", !unit->config.settings->keep_files);
}

static void do_abort(struct unit *unit)
{
    unit->end = "aborted";
    unit->finish_wanted = false;
    shot_queue_drop(unit->shots);
    end_build(unit);
    close_session(unit, "session_aborted", false);
}

static void hold_cameras(struct unit *unit, bool hold)
{
    for (size_t i = 0; i < unit->config.settings->cameras.count; i++)
        hold ? camera_hold(unit->cameras[i]) : camera_release(unit->cameras[i]);
}

static bool keeps_cameras(enum session_state state)
{
    return state == SESSION_CAPTURING || state == SESSION_PAUSED || state == SESSION_BUILDING;
}

static void enter(struct unit *unit, enum session_state next)
{
    enum session_state before = unit->state;

    if (next == before)
        return;
    unit->state = next;
    unit->state_since = clock_wall_ms();
    if (keeps_cameras(next) != keeps_cameras(before))
        hold_cameras(unit, keeps_cameras(next));
    triggers_set_active(unit->triggers, next == SESSION_CAPTURING);
    log_info("unit.state", "unit=%s state=%s", unit_id(unit), session_state_name(next));
    unit->callbacks.on_changed(unit, true, unit->user);
}

/* Actions that go with entering a state. Pictures and previews, which a command waits for, are
 * asked for by their callers. */
static void act(struct unit *unit, unsigned actions)
{
    if (actions & SESSION_DO_NOTE_RESTART)
        unit->facts.restart_asked = true;
    if (actions & SESSION_DO_NOTE_JOB)
        unit->facts.new_job = true;
    if (actions & SESSION_DO_DISCARD)
        do_discard(unit);
    if (actions & SESSION_DO_ABORT)
        do_abort(unit);
    if (actions & SESSION_DO_FINISH)
        do_finish(unit);
    if (actions & SESSION_DO_OPEN)
        do_open(unit);
    if (actions & SESSION_DO_RETRY_LATER)
        timer_start(unit->retry, OPEN_RETRY_MS);
    if (unit->session && unit->state != SESSION_STANDBY)
        session_set_state(unit->session, unit->state);
}

static void refresh_facts(struct unit *unit)
{
    const struct unit_settings *settings = unit->config.settings;

    unit->facts.has_printer = unit->config.printer != NULL;
    unit->facts.waits_for_job = unit->config.printer && !settings->dontwait;
    unit->facts.continuous = settings->restart;
    unit->facts.starts_standby = settings->standby;
}

static void step(struct unit *unit, enum session_event event)
{
    struct session_step next;

    refresh_facts(unit);
    next = session_next(unit->state, event, &unit->facts);
    enter(unit, next.next);
    act(unit, next.actions);
}

/* --- triggers --- */

static bool printing(const struct unit *unit)
{
    const struct printer_view *view = printer_get_view(unit->config.printer);

    return view->state == PRINTER_PRINTING && !view->heating && !view->simulating;
}

/* The same layer told by two triggers (the printer's count and a message) is one moment. */
static bool is_repetition(const struct unit *unit, const struct trigger_cause *cause)
{
    return cause->layer >= 0 && cause->layer == unit->last_cause.layer && unit->last_cause.name &&
           !str_equal(cause->name, unit->last_cause.name);
}

/* Layers that went by between two looks at the printer, or while the agent was away. */
static void count_skipped_layers(struct unit *unit, const struct trigger_cause *cause)
{
    int64_t step = unit->config.settings->every_nth_layer;
    int64_t skipped;

    if (!str_equal(cause->name, "layer") || unit->last_cause.layer < 0)
        return;
    skipped = (cause->layer - unit->last_cause.layer) / step - 1;
    if (skipped <= 0)
        return;
    log_warn("unit.layers_missed", "unit=%s layer=%d count=%lld", unit_id(unit), cause->layer,
             (long long)skipped);
    session_count_missed(unit->session, skipped);
}

static void on_trigger(const struct trigger_cause *cause, void *user)
{
    struct unit *unit = user;

    refresh_facts(unit);
    if (!(session_next(unit->state, SESSION_TRIGGER, &unit->facts).actions & SESSION_DO_FRAME))
        return;
    if (str_equal(cause->name, "interval") && unit->facts.waits_for_job && !printing(unit))
        return;
    if (is_repetition(unit, cause))
        return;
    count_skipped_layers(unit, cause);
    if (cause->layer >= 0)
        unit->last_cause = *cause;
    shot_queue_ask(unit->shots, &(struct shot_request){.cause = *cause, .for_session = true});
}

void unit_on_message(struct unit *unit, const char *payload, size_t len, int64_t at_mono_us)
{
    triggers_on_message(unit->triggers, payload, len, at_mono_us);
}

/* --- the printer --- */

static void end_session(struct unit *unit, const char *why, int64_t at_mono_us)
{
    unit->end = unit->session ? why : NULL;
    unit->ended_at_mono_us = at_mono_us;
    step(unit, SESSION_JOB_ENDED);
}

/* A session taken up after a restart meets the printer again. */
static void prove_session(struct unit *unit, const struct printer_event *event)
{
    const struct printer_view *view = printer_get_view(unit->config.printer);
    bool same = str_equal(session_job(unit->session), view->job_file) &&
                (view->layer < 0 || view->layer >= session_last_layer(unit->session));

    if (view->state == PRINTER_OFFLINE)
        return;
    if (event->kind == PRINTER_EVENT_JOB_STARTED) {
        unit->unproven = false;
        if (same)
            return;
        unit->facts.new_job = true;
        end_session(unit, "unseen", event->at_mono_us);
    } else if (view->state == PRINTER_IDLE || view->state == PRINTER_FINISHED) {
        unit->unproven = false;
        end_session(unit, "unseen", event->at_mono_us);
    }
}

/* So little is left that segments must be short: the video is to be ready when the print is. */
static bool near_end(const struct printer_view *view)
{
    return view->job_progress_percent >= 97 ||
           (view->job_progress_percent >= 80 && view->job_remaining_s >= 0 &&
            view->job_remaining_s < 180);
}

void unit_on_printer(struct unit *unit, const struct printer_event *event)
{
    if (event->kind == PRINTER_EVENT_JOB_STARTED)
        unit->facts.job_running = !printer_get_view(unit->config.printer)->simulating;
    if (event->kind == PRINTER_EVENT_JOB_ENDED)
        unit->facts.job_running = false;
    if (unit->unproven) {
        prove_session(unit, event);
        if (event->kind != PRINTER_EVENT_LAYER)
            return;
    }
    triggers_on_printer(unit->triggers, event);
    if (event->kind == PRINTER_EVENT_JOB_STARTED && unit->facts.job_running)
        step(unit, SESSION_JOB_STARTED);
    if (event->kind == PRINTER_EVENT_JOB_ENDED)
        end_session(unit, printer_job_end_name(event->end), event->at_mono_us);
    if (event->kind == PRINTER_EVENT_CHANGED && unit->session && unit->state == SESSION_CAPTURING)
        session_set_tail(unit->session, near_end(printer_get_view(unit->config.printer)));
    changed(unit);
}

/* --- commands --- */

static void answer_state(struct unit *unit, answer_fn answer, void *user)
{
    cJSON *result = json_object();

    json_add_string(result, "state", session_state_name(unit->state));
    if (unit->build.id[0])
        json_add_string(result, "job", unit->build.id);
    answer(ACK_OK, NULL, result, user);
    json_free(result);
}

static void preview(struct unit *unit, answer_fn answer, void *user)
{
    struct error err = {0};
    int rc;

    if (session_building(unit->session)) {
        answer(ACK_BUSY, "a video of this session is being built already", NULL, user);
        return;
    }
    start_build(unit, "preview");
    rc = session_preview(unit->session, on_preview_video, on_preview_built, unit, &err);
    if (rc < 0) {
        end_build(unit);
        answer(rc == -ENODATA ? ACK_WRONG_STATE : ACK_ENCODER_FAILED, err.text, NULL, user);
        return;
    }
    changed(unit);
    answer_state(unit, answer, user);
}

static void snapshot(struct unit *unit, bool for_session, answer_fn answer, void *user)
{
    struct shot_request request = {
        .cause = {.name = "command", .layer = -1, .at_mono_us = clock_mono_us()},
        .for_session = for_session,
        .answer = answer,
        .answer_user = user,
    };

    if (unit->config.printer)
        request.cause.layer = printer_get_view(unit->config.printer)->layer;
    shot_queue_ask(unit->shots, &request);
}

static void emit_command(struct unit *unit, enum session_event command)
{
    if (command == SESSION_CMD_PAUSE)
        emit(unit, "session_paused", json_object());
    if (command == SESSION_CMD_RESUME)
        emit(unit, "session_resumed", json_object());
}

void unit_command(struct unit *unit, enum session_event command, answer_fn answer, void *user)
{
    struct session_step next;

    refresh_facts(unit);
    next = session_next(unit->state, command, &unit->facts);
    if (next.refusal) {
        answer(ACK_WRONG_STATE, next.refusal, NULL, user);
        return;
    }
    if (next.actions & (SESSION_DO_FRAME | SESSION_DO_PICTURE)) {
        snapshot(unit, next.actions & SESSION_DO_FRAME, answer, user);
        return;
    }
    if (next.actions & SESSION_DO_PREVIEW) {
        preview(unit, answer, user);
        return;
    }
    step(unit, command);
    emit_command(unit, command);
    answer_state(unit, answer, user);
}

static void reopen_triggers(struct unit *unit)
{
    triggers_close(unit->triggers);
    unit->triggers =
        triggers_open(unit->config.services.loop, unit->config.settings, on_trigger, unit);
    triggers_set_active(unit->triggers, unit->state == SESSION_CAPTURING);
}

enum ack_code unit_set(struct unit *unit, const char *key, const char *text, struct error *err)
{
    unsigned triggers_before = unit->config.settings->trigger;
    int rc = config_set_unit(unit->config.config, unit->config.settings, key, text, err);

    if (rc == -EPERM)
        return ACK_FORBIDDEN;
    if (rc < 0)
        return ACK_BAD_PARAMS;
    if (unit->config.settings->trigger != triggers_before || str_equal(key, "interval_s"))
        reopen_triggers(unit);
    if (unit->session)
        session_settings_changed(unit->session);
    changed(unit);
    return ACK_OK;
}

/* --- birth and death --- */

static void on_retry(void *user)
{
    step(user, SESSION_RETRY);
}

/* Comes back to the session that was open when we ended. */
static bool recover(struct unit *unit)
{
    struct session_config config = session_config(unit);
    struct journal_session row = {0};
    struct error err = {0};
    enum session_state state;
    int rc;

    if (journal_open_session(unit->config.services.journal, unit_id(unit), &row, &err) < 0)
        return false;
    rc = session_resume(&config, &row, &session_events, unit, &unit->session, &err);
    state = session_state_find(row.state);
    if (rc < 0) {
        log_error("unit.recovery_failed", "unit=%s session=%s error=\"%s\"", unit_id(unit), row.id,
                  err.text);
        set_problem(unit, &unit->capture, &err);
        journal_session_done(&row);
        return false;
    }
    log_info("unit.session_recovered", "unit=%s session=%s state=%s", unit_id(unit), row.id,
             row.state);
    journal_session_done(&row);
    unit->unproven =
        unit->config.printer && session_job(unit->session) && state != SESSION_BUILDING;
    unit->last_cause =
        (struct trigger_cause){.name = "recovered", .layer = session_last_layer(unit->session)};
    enter(unit, state == SESSION_STATE_COUNT ? SESSION_CAPTURING : state);
    emit(unit, "session_recovered", json_object());
    return true;
}

/* A session that was being built when we ended: its last frame was taken. */
static void build_again(struct unit *unit)
{
    unit->end = "finished";
    unit->ended_at_mono_us = clock_mono_us();
    start_build(unit, "final");
    unit->finish_wanted = true;
    continue_finish(unit);
}

struct unit *unit_new(const struct unit_config *config, const struct unit_callbacks *callbacks,
                      void *user)
{
    struct unit *unit = xcalloc(1, sizeof(*unit));

    unit->config = *config;
    unit->callbacks = *callbacks;
    unit->user = user;
    unit->cameras =
        xmemdup(config->cameras, config->settings->cameras.count * sizeof(*config->cameras));
    unit->state = SESSION_STANDBY;
    unit->state_since = clock_wall_ms();
    unit->last_cause.layer = -1;
    unit->shots = shot_queue_new(config->settings->cameras.count, &shot_events, unit);
    unit->retry = timer_new(config->services.loop, on_retry, unit);
    unit->triggers = triggers_open(config->services.loop, config->settings, on_trigger, unit);
    if (recover(unit)) {
        if (unit->state == SESSION_BUILDING)
            build_again(unit);
    } else if (!config->settings->standby) {
        step(unit, SESSION_CMD_START);
    }
    return unit;
}

void unit_free(struct unit *unit)
{
    if (!unit)
        return;
    shot_queue_free(unit->shots);
    if (keeps_cameras(unit->state))
        hold_cameras(unit, false);
    session_free(unit->session);
    triggers_close(unit->triggers);
    timer_free(unit->retry);
    free(unit->cameras);
    free(unit);
}

/* --- looks --- */

const char *unit_id(const struct unit *unit)
{
    return unit->config.settings->id;
}

const struct unit_settings *unit_get_settings(const struct unit *unit)
{
    return unit->config.settings;
}

enum session_state unit_state(const struct unit *unit)
{
    return unit->state;
}

int64_t unit_state_since(const struct unit *unit)
{
    return unit->state_since;
}

const struct session *unit_session(const struct unit *unit)
{
    return unit->session;
}

const struct unit_build *unit_get_build(const struct unit *unit)
{
    return &unit->build;
}

struct printer *unit_printer(const struct unit *unit)
{
    return unit->config.printer;
}

struct camera *unit_camera(const struct unit *unit, size_t index)
{
    return unit->cameras[index];
}

const struct error *unit_error(const struct unit *unit, int64_t *ret_since)
{
    const struct unit_problem *problem =
        unit->capture.err.code != 0 ? &unit->capture : &unit->video;

    *ret_since = problem->since;
    return &problem->err;
}
