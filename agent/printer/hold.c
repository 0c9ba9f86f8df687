/* SPDX-License-Identifier: MIT */
/* hold: events go through a small queue, one after the other, so that a callback may release or ask
 * for a hold and a driver may answer at any time without two events being carried out inside each
 * other. After each event the invariant is restored: when nobody wants the printer held any more,
 * the state machine is told, wherever it is.
 *
 * Several units: the first request pauses the printer, those that come while it is paused join. The
 * release of the last one resumes at once. */
#include "agent/printer/hold.h"

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/printer/hold_requests.h"
#include "agent/printer/hold_rules.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    QUEUE_MAX = 16,
    FRESH_MS = 300, /* a view this young is "immediately before" */
    GAP_MS = 500,   /* between a resume and the next pause */
    CHECK_MS = 5000,
    PROVE_MS = 2000,
    PARK_MS = 12000, /* the driver gives up sooner */
    UNSURE_MS = 5000,
    RESUME_MS = 2000, /* and a second more each time … */
    RESUME_MAX_MS = 5000,
    RESUME_WAIT_MS = 1000,
    LEAVE_MS = 30000,
    STUBBORN_TRIES = 3 /* then a person is told */
};

/* Outlives the holds when the disk is slower than the end. */
struct ledger_write {
    struct holds *owner;
};

struct holds {
    struct holds_config config;
    void *driver;
    enum hold_state state;
    struct hold_facts facts;
    struct hold_requests requests;
    bool closing;

    enum hold_event queue[QUEUE_MAX];
    int queued;
    bool feeding;

    struct timer *state_timer, *kick_timer, *force_timer;
    struct ledger_write *write;
    struct error reason; /* why a hold failed, when the event alone does not tell */

    int64_t begun_at_us, seen_state_us, seen_job_us;
    bool pause_busy, flush_busy;
    int resume_tries;
    int64_t resumed_at_ms;
    bool parked; /* the head provably stands at requests.place */
    char boot_id[40];
};

static void feed(struct holds *holds, enum hold_event event);

/* --- words --- */

static void explain(const struct holds *holds, int code, struct error *ret_err)
{
    switch (code) {
    case -EPERM:
        (void)error_set(ret_err, code, "somebody else paused or resumed the printer");
        break;
    case -ECANCELED:
        (void)error_set(ret_err, code, "the job is gone");
        break;
    case -ETIMEDOUT:
        (void)error_set(ret_err, code, "the printer did not pause within %d s",
                        (int)(holds->config.settings->pause_timeout_ms / 1000));
        break;
    case -EHOSTUNREACH:
        (void)error_set(ret_err, code, "the printer does not answer");
        break;
    default:
        (void)error_set(ret_err, code, "%s",
                        holds->reason.code ? holds->reason.text : "it must not be paused now");
    }
}

static const char *attention_text(const struct holds *holds, enum hold_event event)
{
    if (event == HOLD_EV_TIMEOUT)
        return "the printer does not come back from a pause: a message or a macro may be waiting";
    if (event == HOLD_EV_FOREIGN && holds->config.view->message_box)
        return "a message waits for a person at the printer; it is not resumed by us";
    return "paused by somebody else; it is not resumed by us";
}

static void call_attention(struct holds *holds, enum hold_event event)
{
    const char *text = attention_text(holds, event);

    /* with a pause at every layer of its own the job is simply at its next one */
    if (holds->facts.adopted && (event == HOLD_EV_PAUSED || event == HOLD_EV_PAUSING))
        return;
    log_warn("hold.attention", "printer=%s text=\"%s\"", holds->config.settings->id, text);
    holds->config.on_attention(text, holds->config.user);
}

/* --- ledger --- */

static void on_written(int result, void *user)
{
    struct ledger_write *write = user;
    struct holds *holds = write->owner;

    free(write);
    if (!holds)
        return;
    holds->write = NULL;
    if (result < 0)
        (void)error_set(&holds->reason, -EIO, "the pause could not be written to disk: %s",
                        strerror(-result));
    feed(holds, result < 0 ? HOLD_EV_WRITE_FAILED : HOLD_EV_WRITTEN);
}

static void open_ledger(struct holds *holds)
{
    const struct printer_view *view = holds->config.view;
    const struct printer_ledger *ledger = &holds->config.ledger;
    struct pause_record record = {.job_position_bytes = view->job_position_bytes,
                                  .layer = view->layer,
                                  .intent_at = clock_wall_ms()};

    (void)!snprintf(record.printer, sizeof(record.printer), "%s", holds->config.settings->id);
    (void)!snprintf(record.job_file, sizeof(record.job_file), "%s", view->job_file);
    (void)!snprintf(record.boot_id, sizeof(record.boot_id), "%s", holds->boot_id);
    holds->write = xcalloc(1, sizeof(*holds->write));
    holds->write->owner = holds;
    ledger->open(&record, on_written, holds->write, ledger->user);
}

static void close_ledger(struct holds *holds)
{
    const struct printer_ledger *ledger = &holds->config.ledger;

    ledger->close(holds->config.settings->id, ledger->user);
}

static void read_boot_id(struct holds *holds)
{
    CLEANUP(free_p) char *text = NULL;
    size_t len;

    if (path_read_file("/proc/sys/kernel/random/boot_id", 64, &text, &len, NULL) == 0)
        (void)!snprintf(holds->boot_id, sizeof(holds->boot_id), "%.*s", (int)strcspn(text, "\n"),
                        text);
}

/* --- parking --- */

static void park(struct holds *holds)
{
    if (!hold_requests_turn(&holds->requests)) {
        feed(holds, HOLD_EV_PARK_DONE);
        return;
    }
    holds->parked = false;
    holds->config.driver->park(holds->driver, &holds->requests.place);
}

static void on_parked(struct holds *holds, int result, const struct error *err)
{
    if (holds->state != HOLD_PARKING)
        return; /* given up already */
    holds->parked = result == 0;
    if (result < 0)
        log_debug("hold.not_parked", "printer=%s error=\"%s\"", holds->config.settings->id,
                  err ? err->text : "");
    feed(holds, HOLD_EV_PARK_DONE);
}

/* --- the actions --- */

static void send_pause(struct holds *holds)
{
    holds->pause_busy = true;
    timer_start(holds->force_timer, holds->config.settings->max_hold_ms);
    holds->config.driver->pause(holds->driver);
}

static void send_resume(struct holds *holds)
{
    holds->facts.resumed = true;
    if (++holds->resume_tries == STUBBORN_TRIES) {
        log_warn("hold.stubborn", "printer=%s tries=%d", holds->config.settings->id,
                 holds->resume_tries);
        holds->config.on_attention("the printer does not resume; we go on trying",
                                   holds->config.user);
    }
    holds->config.driver->resume(holds->driver);
}

static void send_flush(struct holds *holds)
{
    if (holds->flush_busy)
        return;
    holds->flush_busy = true;
    holds->config.driver->flush(holds->driver);
}

/* A view that is young enough counts as if it came now; one from before the request never does, the
 * driver only then began to look at all that matters. */
static void look_again(struct holds *holds)
{
    int64_t seen_at_us = holds->config.view->state_at_mono_us;

    if (clock_mono_us() - seen_at_us > FRESH_MS * 1000 || seen_at_us <= holds->begun_at_us)
        return;
    holds->seen_state_us = seen_at_us - 1;
    holds_see(holds);
}

static int64_t state_timeout_ms(const struct holds *holds)
{
    switch (holds->state) {
    case HOLD_CHECKING:
    case HOLD_ADOPT_CHECKING:
        return CHECK_MS;
    case HOLD_PAUSING:
        return holds->config.settings->pause_timeout_ms;
    case HOLD_PROVING:
        return PROVE_MS;
    case HOLD_PARKING:
        return PARK_MS;
    case HOLD_SETTLING:
        return hold_requests_settle_ms(&holds->requests);
    case HOLD_UNSURE:
        return UNSURE_MS;
    case HOLD_RESUME_SENT:
        return MIN(RESUME_MS + 1000 * holds->resume_tries, RESUME_MAX_MS);
    case HOLD_RESUME_WAIT:
        return RESUME_WAIT_MS;
    case HOLD_LEAVING:
        return LEAVE_MS;
    default:
        return -1;
    }
}

/* The time to reach "paused" runs on through the answer. */
static void arm_state_timer(struct holds *holds)
{
    int64_t timeout_ms = state_timeout_ms(holds);

    if (holds->state == HOLD_ANSWERED)
        return;
    if (timeout_ms < 0)
        timer_stop(holds->state_timer);
    else
        timer_start(holds->state_timer, timeout_ms);
}

static void act(struct holds *holds, unsigned actions, enum hold_event event)
{
    if (actions & HOLD_DO_OPEN)
        open_ledger(holds);
    if (actions & HOLD_DO_CLOSE)
        close_ledger(holds);
    if (actions & HOLD_DO_PAUSE)
        send_pause(holds);
    if (actions & HOLD_DO_RESUME)
        send_resume(holds);
    if (actions & HOLD_DO_FLUSH)
        send_flush(holds);
    if (actions & HOLD_DO_PARK)
        park(holds);
    if (actions & HOLD_DO_GRANT)
        hold_requests_grant(&holds->requests, holds->parked, clock_mono_us());
    if (actions & HOLD_DO_LOOK)
        look_again(holds);
    if (actions & HOLD_DO_ATTENTION)
        call_attention(holds, event);
}

static void on_idle(struct holds *holds)
{
    timer_stop(holds->force_timer);
    holds->resumed_at_ms = clock_mono_ms();
    holds->resume_tries = 0;
    holds->requests.at_place = holds->parked = false;
    if (hold_requests_find(&holds->requests, HOLD_PHASE_NEW))
        timer_start(holds->kick_timer, 0);
}

static void apply(struct holds *holds, enum hold_event event)
{
    struct hold_step step = hold_next(holds->state, event);
    enum hold_state before = holds->state;
    struct error err;

    if (!step.moved)
        return;
    log_debug("hold.step", "printer=%s state=%s event=%s next=%s", holds->config.settings->id,
              hold_state_name(before), hold_event_name(event), hold_state_name(step.next));
    holds->state = step.next;
    if (before == HOLD_ADOPT_CHECKING && step.next == HOLD_PARKING)
        timer_start(holds->force_timer, holds->config.settings->max_hold_ms);
    arm_state_timer(holds);
    act(holds, step.actions, event);
    if (step.fail) {
        explain(holds, step.fail, &err);
        hold_requests_fail(&holds->requests, HOLD_PHASE_WAITING, &err);
        hold_requests_dispossess(&holds->requests);
    }
    if (step.next == HOLD_IDLE)
        on_idle(holds);
    holds->config.on_change(holds->config.user);
}

static void restore_invariants(struct holds *holds)
{
    if (holds->queued > 0)
        return;
    if (!hold_requests_wanted(&holds->requests) && hold_next(holds->state, HOLD_EV_UNWANT).moved)
        holds->queue[holds->queued++] = HOLD_EV_UNWANT;
    else if (holds->state == HOLD_HELD && hold_requests_more(&holds->requests))
        holds->queue[holds->queued++] = HOLD_EV_NEXT;
}

static void run_queue(struct holds *holds)
{
    if (holds->feeding)
        return;
    holds->feeding = true;
    restore_invariants(holds);
    while (holds->queued > 0) {
        enum hold_event event = holds->queue[0];

        memmove(holds->queue, holds->queue + 1, sizeof(event) * (size_t)--holds->queued);
        apply(holds, event);
        restore_invariants(holds);
    }
    holds->feeding = false;
}

static void feed(struct holds *holds, enum hold_event event)
{
    assert(holds->queued < QUEUE_MAX);
    holds->queue[holds->queued++] = event;
    run_queue(holds);
}

/* --- new requests --- */

/* 0: it may join or begin; -EINPROGRESS: not now, but soon. */
static int judge_request(const struct holds *holds, const struct hold_request *request,
                         struct error *err)
{
    switch (holds->state) {
    case HOLD_IDLE:
        if (holds->pause_busy)
            return error_set(err, -EAGAIN, "the last pause has not been answered yet");
        if (clock_mono_ms() - holds->resumed_at_ms < GAP_MS && !request->adopt_job_pause)
            return -EINPROGRESS;
        return hold_may_begin(holds->config.view, request, err);
    case HOLD_RESUME_DUE:
    case HOLD_RESUME_SENT:
    case HOLD_RESUME_WAIT:
    case HOLD_LEAVING:
    case HOLD_RUNNING_ONCE:
        return -EINPROGRESS;
    case HOLD_UNSURE:
    case HOLD_DOUBT:
    case HOLD_RECOVERING:
        return error_set(err, -EAGAIN, "an earlier pause is not settled yet");
    default:
        if (holds->config.view->layer < request->from_layer)
            return error_set(err, -EAGAIN, "no pause before layer %d", request->from_layer);
        return 0;
    }
}

static void begin(struct holds *holds)
{
    error_clear(&holds->reason);
    holds->begun_at_us = holds->seen_state_us = clock_mono_us();
    hold_facts_begin(&holds->facts, holds->config.view);
    feed(holds, holds->facts.adopted ? HOLD_EV_WANT_ADOPT : HOLD_EV_WANT);
}

static int judge_in_time(const struct holds *holds, const struct printer_hold *hold,
                         struct error *err)
{
    int rc;

    if (holds->closing)
        return error_set(err, -ECANCELED, "lapsed is stopping");
    rc = judge_request(holds, &hold->request, err);
    if (rc == -EINPROGRESS &&
        clock_mono_ms() - hold->asked_at_ms > holds->config.settings->pause_timeout_ms)
        return error_set(err, -ETIMEDOUT, "the printer did not come back from the last pause");
    return rc;
}

/* Looks at one new request. False when none could be decided. */
static bool admit_one(struct holds *holds)
{
    struct printer_hold *hold;
    struct error err;

    LIST_FOR_EACH(&holds->requests.items, hold, struct printer_hold, link)
    {
        int rc = hold->phase == HOLD_PHASE_NEW ? judge_in_time(holds, hold, &err) : -EINPROGRESS;

        if (rc == -EINPROGRESS)
            continue;
        if (rc < 0)
            hold_request_fail(hold, &err);
        else
            hold->phase = HOLD_PHASE_WAITING;
        return true;
    }
    return false;
}

static void admit_new(void *user)
{
    struct holds *holds = user;

    while (admit_one(holds)) {
        if (holds->state == HOLD_IDLE && hold_requests_find(&holds->requests, HOLD_PHASE_WAITING))
            begin(holds);
    }
    run_queue(holds);
    if (hold_requests_find(&holds->requests, HOLD_PHASE_NEW))
        timer_start(holds->kick_timer, GAP_MS / 5);
}

struct printer_hold *holds_add(struct holds *holds, const struct hold_request *request,
                               printer_held_fn on_held, void *user)
{
    struct printer_hold *hold = xcalloc(1, sizeof(*hold));

    *hold = (struct printer_hold){.owner = holds,
                                  .request = *request,
                                  .asked_at_ms = clock_mono_ms(),
                                  .on_held = on_held,
                                  .user = user};
    hold_requests_add(&holds->requests, hold);
    timer_start(holds->kick_timer, 0);
    return hold;
}

void holds_release(struct printer_hold *hold)
{
    struct holds *holds = hold->owner;

    list_remove(&hold->link);
    free(hold);
    run_queue(holds);
}

/* --- what the printer shows and answers --- */

/* Before the pause it also counts whether it may be paused at all. */
static enum hold_event judge_check(struct holds *holds, enum hold_event event)
{
    const struct printer_hold *hold = hold_requests_find(&holds->requests, HOLD_PHASE_WAITING);

    if (holds->state != HOLD_CHECKING || event != HOLD_EV_RUNNING || !hold)
        return event;
    if (hold_may_pause(holds->config.view, &hold->request, &holds->reason) < 0)
        return HOLD_EV_FORBIDDEN;
    return event;
}

void holds_see(struct holds *holds)
{
    const struct printer_view *view = holds->config.view;
    bool state_is_new = view->state_at_mono_us > holds->seen_state_us;
    bool job_is_new = view->job_at_mono_us > holds->seen_job_us;
    enum hold_event event;

    if (holds->state == HOLD_IDLE || view->state == PRINTER_OFFLINE)
        return;
    hold_facts_see(&holds->facts, view);
    event = hold_judge(&holds->facts, view);
    holds->seen_state_us = MAX(holds->seen_state_us, view->state_at_mono_us);
    holds->seen_job_us = MAX(holds->seen_job_us, view->job_at_mono_us);
    if (event == HOLD_EVENT_COUNT)
        return;
    if (state_is_new || (job_is_new && (event == HOLD_EV_GONE || event == HOLD_EV_FOREIGN)))
        feed(holds, judge_check(holds, event));
}

void holds_rebooted(struct holds *holds)
{
    feed(holds, HOLD_EV_GONE);
}

static enum hold_event judge_pause(struct holds *holds, int result, const struct error *err)
{
    if (result == 0 || (result == -EALREADY && holds->facts.macro_seen))
        return HOLD_EV_PAUSE_DONE;
    if (result == -EPERM || result == -EALREADY)
        return HOLD_EV_FOREIGN;
    if (err)
        holds->reason = *err;
    return result == -EAGAIN ? HOLD_EV_PAUSE_REFUSED : HOLD_EV_PAUSE_LOST;
}

void holds_command_done(struct holds *holds, enum printer_command command, int result,
                        const struct error *err)
{
    switch (command) {
    case PRINTER_CMD_PAUSE:
        holds->pause_busy = false;
        feed(holds, judge_pause(holds, result, err));
        break;
    case PRINTER_CMD_PARK:
        on_parked(holds, result, err);
        break;
    case PRINTER_CMD_RESUME:
        if (result < 0)
            feed(holds, HOLD_EV_RESUME_FAILED);
        break;
    case PRINTER_CMD_FLUSH:
        holds->flush_busy = false;
        if (result == 0)
            feed(holds, HOLD_EV_FLUSHED);
        break;
    case PRINTER_CMD_GCODE:
    case PRINTER_CMD_COUNT:
        break;
    }
}

/* --- life --- */

static void on_state_timer(void *user)
{
    feed(user, HOLD_EV_TIMEOUT);
}

static void on_force_timer(void *user)
{
    struct holds *holds = user;
    struct error err;

    if (!hold_requests_wanted(&holds->requests))
        return;
    log_warn("hold.forced", "printer=%s after_ms=%lld", holds->config.settings->id,
             (long long)holds->config.settings->max_hold_ms);
    (void)error_set(&err, -ETIMEDOUT, "held for too long; the printer goes on");
    hold_requests_dispossess(&holds->requests);
    hold_requests_fail(&holds->requests, HOLD_PHASE_WAITING, &err);
    run_queue(holds);
}

struct holds *holds_new(const struct holds_config *config, const struct pause_record *open_pause)
{
    struct holds *holds = xcalloc(1, sizeof(*holds));

    *holds = (struct holds){.config = *config, .resumed_at_ms = INT64_MIN / 2};
    hold_requests_init(&holds->requests);
    holds->state_timer = timer_new(config->loop, on_state_timer, holds);
    holds->kick_timer = timer_new(config->loop, admit_new, holds);
    holds->force_timer = timer_new(config->loop, on_force_timer, holds);
    read_boot_id(holds);
    if (open_pause) {
        log_warn("hold.recover", "printer=%s layer=%d job=\"%s\"", config->settings->id,
                 open_pause->layer, open_pause->job_file);
        holds->state = HOLD_RECOVERING;
        hold_facts_recover(&holds->facts, open_pause);
    }
    return holds;
}

void holds_set_driver(struct holds *holds, void *driver_data)
{
    holds->driver = driver_data;
}

void holds_free(struct holds *holds)
{
    if (!holds)
        return;
    hold_requests_done(&holds->requests);
    if (holds->write)
        holds->write->owner = NULL;
    timer_free(holds->state_timer);
    timer_free(holds->kick_timer);
    timer_free(holds->force_timer);
    free(holds);
}

void holds_close(struct holds *holds)
{
    struct error err;

    holds->closing = true;
    (void)error_set(&err, -ECANCELED, "lapsed is stopping");
    hold_requests_fail(&holds->requests, HOLD_PHASE_NEW, &err);
    hold_requests_fail(&holds->requests, HOLD_PHASE_WAITING, &err);
    hold_requests_dispossess(&holds->requests);
    run_queue(holds);
}

bool holds_idle(const struct holds *holds)
{
    return holds->state == HOLD_IDLE;
}

bool holds_ours(const struct holds *holds)
{
    return hold_state_is_ours(holds->state);
}

bool holds_stopping(const struct holds *holds)
{
    return holds->state >= HOLD_PAUSING && holds->state <= HOLD_HELD;
}

enum printer_pace holds_pace(const struct holds *holds)
{
    switch (holds->state) {
    case HOLD_IDLE:
        return PRINTER_PACE_IDLE;
    case HOLD_UNSURE: /* may take minutes */
    case HOLD_RECOVERING:
        return PRINTER_PACE_PRINTING;
    default:
        return PRINTER_PACE_HOLD;
    }
}
