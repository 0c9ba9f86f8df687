/* SPDX-License-Identifier: MIT */
/* printer: one printer, whatever its kind: what it is doing, and holding it still for a frame.
 *
 * printer.c turns the driver's views into events (job started, layer, job ended …) and owns the
 * hold: pause, park, and above all the release, which is a loop that ends only when the printer was
 * seen running again (or the pause is no longer ours). The rules are those of the printers page,
 * "never leave a printer paused": the intent is on disk before the pause is sent, only our own
 * pause is resumed, doubt means: leave it and say so.
 *
 * Units share a printer: it is paused with the first hold and resumed when the last is released.
 * Loop thread only. */
#ifndef AGENT_PRINTER_PRINTER_H
#define AGENT_PRINTER_PRINTER_H

#include "agent/base/conf.h"
#include "agent/base/http.h"
#include "agent/base/loop.h"

struct printer_settings {
    char *id;
    int kind;  /* index into printer_kinds */
    char *url; /* http://host[:port] */
    char *password;
    int64_t poll_idle_ms;     /* between requests when nothing prints */
    int64_t poll_printing_ms; /* between requests while a job runs */
    int64_t request_timeout_ms;
    int64_t
        pause_timeout_ms; /* to reach "paused"; then the frame goes without, and we keep watching */
    int64_t max_hold_ms;  /* a hold is released by force after this */
};
extern const char *const printer_kinds[];     /* "duet", NULL */
extern const struct conf_table printer_table; /* list "printers" */
void printer_settings_check(const struct printer_settings *settings, struct conf *conf,
                            size_t index);

enum printer_state {
    PRINTER_OFFLINE,
    PRINTER_IDLE,
    PRINTER_BUSY,
    PRINTER_PRINTING,
    PRINTER_PAUSING,
    PRINTER_PAUSED,
    PRINTER_RESUMING,
    PRINTER_CANCELLING,
    PRINTER_FINISHED, /* the job ended well and no other has begun */
    PRINTER_ERROR,
};
const char *printer_state_name(enum printer_state state); /* "offline" … as in the contract */

enum { PRINTER_HEATERS_MAX = 8, PRINTER_FILE_MAX = 512 };

struct printer_heater {
    char name[16]; /* "bed", "tool0" */
    double current, target;
};

/* What is known of the printer now. Numbers that are unknown are NAN or -1. */
struct printer_view {
    enum printer_state state;
    char native_state[32];
    bool simulating; /* a dry run: never capture, never pause */
    char firmware[64];
    int64_t up_time_s;

    char job_file[PRINTER_FILE_MAX]; /* base for the session's name; "" = none */
    int64_t job_size_bytes, job_position_bytes;
    int64_t job_elapsed_s, job_remaining_s;
    double job_progress_percent;
    int layer, layers; /* from 1; -1 unknown, layers 0 unknown */
    bool heating;      /* the job waits for temperatures */
    bool in_macro;     /* the job is inside a macro that cannot be paused */
    bool message_box;  /* waits for a person */

    double position_mm[3];
    bool homed[3];
    double min_mm[3], max_mm[3];
    struct printer_heater heaters[PRINTER_HEATERS_MAX];
    size_t heater_count;

    /* When the two parts that change fast were read; 0 = never. The state is the older of them when
     * only the job was asked for, and the other way round. */
    int64_t state_at_mono_us, job_at_mono_us;
};

enum printer_event_kind {
    PRINTER_EVENT_CHANGED,     /* something of the view changed (state, layer, temperatures …) */
    PRINTER_EVENT_JOB_STARTED, /* also at start-up when a job is found running */
    PRINTER_EVENT_LAYER,       /* a new layer began; at most once per real layer change */
    PRINTER_EVENT_JOB_PAUSED,  /* paused, and not by us: the job (M226) or a person */
    PRINTER_EVENT_JOB_ENDED,
    PRINTER_EVENT_ATTENTION, /* a person must look: text says why ("paused by somebody else …") */
};
enum printer_job_end { PRINTER_JOB_DONE, PRINTER_JOB_CANCELLED, PRINTER_JOB_LOST };
const char *printer_job_end_name(enum printer_job_end end); /* "done" "cancelled" "lost" */

struct printer_event {
    enum printer_event_kind kind;
    int layer;                /* LAYER */
    bool resumed_job;         /* JOB_STARTED: it was running when we first saw it */
    enum printer_job_end end; /* JOB_ENDED */
    const char *text;         /* ATTENTION */
    int64_t at_mono_us;       /* when it was learnt: capture must be later than this */
};

/* --- the pause ledger: what must be on disk --- */
struct pause_record {
    char printer[64];
    char job_file[PRINTER_FILE_MAX];
    int64_t job_position_bytes;
    int layer;
    int64_t intent_at; /* wall ms */
    char boot_id[40];  /* of the machine */
};
typedef void (*pause_written_fn)(int result, void *user);
struct printer_ledger {
    /* Makes the record durable, then written comes, later; the pause is sent only after result 0.
     */
    void (*open)(const struct pause_record *record, pause_written_fn written, void *written_user,
                 void *user);
    /* The pause is over; lost on a crash is harmless. */
    void (*close)(const char *printer, void *user);
    void *user;
};

struct printer;
typedef void (*printer_event_fn)(struct printer *printer, const struct printer_event *event,
                                 void *user);

/* settings, http and ledger->user are borrowed. open_pause: the ledger's record that was open when
 * we started, NULL = none; it is settled (resumed when ours and unchanged) before anything else. */
struct printer *printer_new(struct loop *loop, struct http *http,
                            const struct printer_settings *settings,
                            const struct printer_ledger *ledger,
                            const struct pause_record *open_pause, printer_event_fn on_event,
                            void *user) MUST_CHECK;
/* Does not wait; see printer_stop(). */
void printer_free(struct printer *printer);

typedef void (*printer_stopped_fn)(void *user);
/* Takes no new holds, releases those that are; done comes once, when no pause of ours is left or
 * after limit_ms (the ledger stays open then), also when the session is closed. */
void printer_stop(struct printer *printer, int64_t limit_ms, printer_stopped_fn done, void *user);

const char *printer_id(const struct printer *printer);
const char *printer_kind(const struct printer *printer);
const struct printer_view *printer_get_view(const struct printer *printer);
bool printer_paused_by_us(const struct printer *printer);
/* Last failure to talk to it; code 0 = none. Valid until the next event. */
const struct error *printer_error(const struct printer *printer);
/* Requests and bytes since the start, for the bench and the status. */
struct printer_traffic {
    int64_t requests, bytes_sent, bytes_received;
};
void printer_get_traffic(const struct printer *printer, struct printer_traffic *ret_traffic);

/* --- the operator's own G-code, such as that of a lamp at the printer --- */
enum { PRINTER_GCODE_MAX = 128 }; /* bytes */
struct printer_gcode;
/* result 0: the printer has dealt with it; -EAGAIN: certainly not; else there is no telling. */
typedef void (*printer_gcode_fn)(int result, const struct error *err, void *user);
/* Lines with '\n' between them. done comes exactly once, later. */
struct printer_gcode *printer_send_gcode(struct printer *printer, const char *gcode,
                                         printer_gcode_fn done, void *user) MUST_CHECK;
void printer_gcode_cancel(struct printer_gcode *gcode); /* done comes no more; NULL is fine */

/* --- the hold --- */
struct hold_request {
    bool adopt_job_pause; /* trigger "pause": the job paused itself (M226), we only park and resume
                           */
    bool move;            /* park at x_mm, y_mm */
    double x_mm, y_mm;
    double feed_mm_min;
    int64_t settle_ms; /* rest after the head stands */
    int from_layer;    /* never pause below this layer */
};
struct printer_hold;
/* result 0: the printer is paused, parked (parked tells whether the move was proved) and has
 * settled; held_at_mono_us: a picture must be captured after this moment. Else it is not held, and
 * the frame may be taken without: -EAGAIN (must not pause now: heating, layer, message box …),
 * -ETIMEDOUT, -EHOSTUNREACH, -EPERM (paused by somebody else), -ECANCELED (job gone); err in words.
 */
typedef void (*printer_held_fn)(int result, bool parked, int64_t held_at_mono_us,
                                const struct error *err, void *user);

/* on_held comes exactly once, later, unless released before. Two holds with different parks: the
 * second waits for its own move after the first (one after the other). */
struct printer_hold *printer_hold(struct printer *printer, const struct hold_request *request,
                                  printer_held_fn on_held, void *user) MUST_CHECK;
/* Gives it back (always, also after a failed hold); the printer goes on printing when it was the
 * last one. Never blocks, never gives up. */
void printer_release(struct printer_hold *hold);

#endif
