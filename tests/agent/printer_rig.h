/* SPDX-License-Identifier: MIT */
/* printer_rig: a printer of ours at a real simulator, for tests. Everything that happens is kept:
 * events, the ledger's opens and closes; the simulator's own log is the other witness. */
#ifndef TESTS_AGENT_PRINTER_RIG_H
#define TESTS_AGENT_PRINTER_RIG_H

#include "agent/base/json.h"
#include "agent/base/process.h"
#include "agent/printer/printer.h"

#define RIG_ARGS(...)                                                                              \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }
/* A job long enough for every story, with quick pauses and moves. */
#define RIG_LONG_JOB                                                                               \
    "--layers", "200", "--layer-ms", "1500", "--heat-ms", "100", "--pause-ms", "120",              \
        "--resume-ms", "120", "--move-mm-s", "2000"

enum { RIG_EVENTS_MAX = 512, RIG_ARGS_MAX = 24 };

struct rig_ledger {
    struct loop *loop;
    struct timer *timer;
    struct pause_record record;
    pause_written_fn written;
    void *written_user;
    int result;       /* what the next writes give */
    int64_t delay_ms; /* and when */
    bool open;
    int opens, closes;
};

struct rig {
    struct loop *loop;
    struct http *http;
    struct process *sim;
    char sim_line[128];
    int port;
    char id[8], *url;
    struct printer_settings settings;
    struct rig_ledger ledger;
    struct printer *printer;
    struct printer_event events[RIG_EVENTS_MAX]; /* without CHANGED; text is not kept … */
    char attention[256];                         /* … but here, the last one's */
    int event_count, changes;
    bool stopped, sim_ended;
};

/* Starts the simulator with these arguments (NULL-terminated) and waits until it listens. */
void rig_start(struct rig *rig, const char *const *args);
void rig_stop(struct rig *rig);
/* On the port that it had. */
void rig_restart_sim(struct rig *rig, const char *const *args);
void rig_kill_sim(struct rig *rig);

/* The printer; open_pause as in printer_new(). */
void rig_open(struct rig *rig, const struct pause_record *open_pause);
/* As a crash would: no release, no disconnect. */
void rig_crash(struct rig *rig);

typedef bool (*rig_check_fn)(struct rig *rig, void *user);
/* Runs the loop until it is true; fails the test after deadline_ms. */
void rig_wait(struct rig *rig, rig_check_fn check, void *user, int64_t deadline_ms,
              const char *what);
void rig_run_for(struct rig *rig, int64_t ms);

/* "/sim/fault?what=drop&count=3". */
void rig_ask(struct rig *rig, const char *target);
/* The simulator's state; json_free(). */
cJSON *rig_state(struct rig *rig) MUST_CHECK;
int64_t rig_state_int(struct rig *rig, const char *key);
bool rig_sim_is(struct rig *rig, const char *status);
/* How many lines of the simulator's log have all three texts; NULL fits all. */
int rig_count_log(struct rig *rig, const char *a, const char *b, const char *c);

int rig_count(const struct rig *rig, enum printer_event_kind kind);
const struct printer_event *rig_last(const struct rig *rig, enum printer_event_kind kind);

void rig_wait_event(struct rig *rig, enum printer_event_kind kind, int count, int64_t deadline_ms);
void rig_wait_layer(struct rig *rig, int layer, int64_t deadline_ms);
void rig_wait_state(struct rig *rig, enum printer_state state, int64_t deadline_ms);
/* The simulator's own status. */
void rig_wait_sim(struct rig *rig, const char *status, int64_t deadline_ms);
void rig_wait_ledger(struct rig *rig, bool open, int64_t deadline_ms);

/* One hold and what came of it. */
struct rig_hold {
    struct rig *rig;
    struct printer_hold *hold;
    bool told;
    int result;
    bool parked;
    int64_t held_at_us, asked_at_us;
    struct error err;
};
void rig_hold(struct rig *rig, struct rig_hold *hold, const struct hold_request *request);
void rig_wait_told(struct rig *rig, struct rig_hold *hold, int64_t deadline_ms);
/* … and held. */
void rig_wait_held(struct rig *rig, struct rig_hold *hold);
void rig_release(struct rig_hold *hold);

extern const struct hold_request rig_plain, rig_corner, rig_other_corner;

/* Simulator, printer, first layer. */
void rig_begin(struct rig *rig, const char *const *args);
/* The printer runs, nothing of ours is left, no M24 ever started a file; then stops all. */
void rig_end_running(struct rig *rig);
/* It stays paused, we do nothing about it and own nothing; then stops all. */
void rig_end_paused(struct rig *rig);
/* Lines of G-code that were carried out. */
int rig_count_gcode(struct rig *rig, const char *code);

#endif
