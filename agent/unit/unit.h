/* SPDX-License-Identifier: MIT */
/* unit: one timelapse pipeline. It hears triggers, printer and commands, asks session_next() what
 * they mean now, and does it: shots, session, videos. Loop thread only. */
#ifndef AGENT_UNIT_H
#define AGENT_UNIT_H

#include "agent/jobs/jobs.h"
#include "agent/unit/session.h"
#include "agent/unit/shot_queue.h"

struct unit;

/* A picture fit for showing: a frame of a session (seq > 0) or one taken only to be seen. */
struct unit_picture {
    const char *camera;
    const char *session; /* NULL: of no session */
    int64_t seq;         /* 0: of no session */
    int layer;           /* -1 unknown */
    int64_t captured_at; /* wall ms */
    struct picture *picture;
};

struct unit_callbacks {
    /* Something happened ("frame", "video_ready" …); data is an object, borrowed. */
    void (*on_event)(struct unit *unit, const char *type, const cJSON *data, void *user);
    /* state: the state changed; else only what the status shows. */
    void (*on_changed)(struct unit *unit, bool state, void *user);
    void (*on_picture)(struct unit *unit, const struct unit_picture *picture, void *user);
    /* The final video of one camera; data as for the event. */
    void (*on_video)(struct unit *unit, const cJSON *data, void *user);
};

/* Of a unit that a command made. */
struct unit_origin {
    const cJSON *args; /* its arguments */
    int64_t made_at;   /* wall ms */
};

struct unit_config {
    struct track_services services;
    struct jobs *jobs;
    struct lights *lights; /* NULL: none */
    const struct config *config;
    struct unit_settings *settings;   /* set/<key> changes it */
    struct printer *printer;          /* NULL: none */
    struct camera **cameras;          /* in the order of the settings; the array is copied */
    const struct unit_origin *origin; /* NULL: of the configuration */
};

/* Takes up an open session of the journal, or begins as its settings say. Blocks shortly. */
struct unit *unit_new(const struct unit_config *config, const struct unit_callbacks *callbacks,
                      void *user) MUST_CHECK;
/* Leaves an open session to be taken up again. NULL is fine. */
void unit_free(struct unit *unit);

/* The answer comes exactly once, perhaps from inside the call. SESSION_CMD_… only. */
void unit_command(struct unit *unit, enum session_event command, answer_fn answer, void *user);
/* The answer of a command that has nothing to do: the state. */
void unit_answer(struct unit *unit, answer_fn answer, void *user);
/* One setting from bare text; also "armed": OFF finishes an open session and then goes to standby,
 * whatever the settings say. */
enum ack_code unit_set(struct unit *unit, const char *key, const char *text,
                       struct error *err) MUST_CHECK;

/* What may change at run time (CONF_RELOAD), all at once. */
int unit_reload(struct unit *unit, const struct unit_settings *fresh, struct error *err) MUST_CHECK;
/* Puts other numbers, switches and words in place of its settings, checked already. overrides:
 * those that stand for one session only, borrowed; NULL: none. */
void unit_replace_settings(struct unit *unit, const struct unit_settings *settings,
                           const cJSON *overrides);

/* The job queue speaks of the final video of an earlier session. */
void unit_on_late_video(struct unit *unit, const char *type, const cJSON *data);
void unit_on_printer(struct unit *unit, const struct printer_event *event);
/* A message on its trigger_topic. */
void unit_on_message(struct unit *unit, const char *payload, size_t len, int64_t at_mono_us);

/* --- looks, for the status topics --- */
struct unit_build {   /* the video that is being made */
    char id[64];      /* job id; "" = none */
    const char *kind; /* "final", "preview" */
    double progress;  /* 0..1 */
};
const char *unit_id(const struct unit *unit);
const struct unit_settings *unit_get_settings(const struct unit *unit);
enum session_state unit_state(const struct unit *unit);
bool unit_armed(const struct unit *unit);                    /* it captures, or will */
int64_t unit_state_since(const struct unit *unit);           /* wall ms */
const struct session *unit_session(const struct unit *unit); /* NULL = none */
const struct unit_build *unit_get_build(const struct unit *unit);
const struct unit_origin *unit_get_origin(const struct unit *unit); /* NULL: of the configuration */
const cJSON *unit_overrides(const struct unit *unit);               /* NULL = none */
struct printer *unit_printer(const struct unit *unit);              /* NULL = none */
struct camera *unit_camera(const struct unit *unit, size_t index);
/* What troubles it now, code 0 = nothing; since: wall ms. */
const struct error *unit_error(const struct unit *unit, int64_t *ret_since);

#endif
