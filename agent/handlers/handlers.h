/* SPDX-License-Identifier: MIT */
/* handlers: what each verb does, whoever asked: a command topic, JSON-RPC or a fleet topic. One
 * row of table.c for each; a file for each room. Loop thread only. */
#ifndef AGENT_HANDLERS_H
#define AGENT_HANDLERS_H

#include "agent/config.h"
#include "agent/devices.h"
#include "agent/light/lights.h"
#include "agent/unit/runtime_units.h"
#include "agent/unit/units.h"
#include "agent/verbs.h"

struct handler_rooms { /* what commands act upon; borrowed, for the life of the agent */
    struct loop *loop;
    const struct config *config;
    struct units *units;
    struct devices *devices;
    struct lights *lights;
    struct runtime_units *runtime;
    struct jobs *jobs;
    struct journal *journal;
    struct archive *archive;

    void (*on_shutdown)(void *user);
    size_t (*on_purge)(void *user); /* how many topics were cleared */
    /* The document of a status topic, as publish_build_fn. */
    cJSON *(*document)(enum topic_kind kind, const char *id, void *user);
    /* Reads the configuration again; result gets what changed. */
    enum ack_code (*on_reload)(cJSON *result, struct error *err, void *user);
    void (*on_camera_picture)(const char *camera, struct picture *picture, void *user);
    void (*on_video_gone)(const char *unit, void *user); /* its newest final one was deleted */
    void *user;
};

/* One request, already checked against its row. Its owner keeps it until it is answered. */
struct call {
    const struct handler_rooms *rooms;
    enum verb_id verb;
    const char *target; /* unit or camera; "" for the agent */
    const cJSON *args;  /* an object or NULL; lives as long as the call */
    /* Exactly once, perhaps from inside the handler; the call may be gone afterwards. result: an
     * object or array, borrowed; NULL = {}. */
    answer_fn answer;
    void *user;
    /* Set by a handler that answers later: withdraws the work, and no answer comes. */
    void (*cancel)(struct call *call);
    void *work; /* the handler's own */
};

typedef void (*handler_fn)(struct call *call);
extern const handler_fn handlers[VERB_COUNT];

/* Calls the handler of its verb. */
void call_start(struct call *call);
/* Its owner gives up; no answer comes any more. */
void call_cancel(struct call *call);

/* --- for handlers --- */
/* The unit that is the target; NULL: it was answered that there is none. */
struct unit *call_find_unit(struct call *call);
struct camera *call_find_camera(struct call *call); /* as call_find_unit() */
void call_answer(struct call *call, enum ack_code code, const char *message, const cJSON *result);
/* call_answer(ACK_OK, NULL, result) that takes the result over. */
void call_succeed(struct call *call, cJSON *result);

/* Lists: args as verb_list_args. The result is {"items":[…],"next_cursor":"…" or null}. */
struct list_page {
    size_t limit;
    const char *cursor; /* NULL = from the beginning */
};
struct list_page call_page(const struct call *call);
/* Takes items (an array) over; next_cursor NULL = that was all. */
void call_succeed_page(struct call *call, cJSON *items, const char *next_cursor);
/* The page of a list that is in memory; item() gives the one of an index. A cursor that is none of
 * ours is refused. */
typedef cJSON *(*list_item_fn)(const struct call *call, size_t index);
void call_succeed_list(struct call *call, size_t count, list_item_fn item);
/* The document of a status topic. */
void call_succeed_document(struct call *call, enum topic_kind kind, const char *id);

void handle_rpc_discover(struct call *call);
void handle_agent_info(struct call *call);
void handle_agent_status(struct call *call);
void handle_agent_reload(struct call *call);
void handle_camera_list(struct call *call);
void handle_camera_probe(struct call *call);
void handle_light_switch(struct call *call); /* on and off */
void handle_light_list(struct call *call);
void handle_printer_list(struct call *call);
void handle_printer_status(struct call *call);
void handle_unit_list(struct call *call);
void handle_unit_status(struct call *call);
void handle_agent_ping(struct call *call);
void handle_agent_finish(struct call *call);
void handle_agent_shutdown(struct call *call);
void handle_agent_purge_retained(struct call *call);
void handle_camera_snapshot(struct call *call);
void handle_camera_gphoto2(struct call *call);
void handle_unit_event(struct call *call); /* every verb that is an event of the session */
void handle_unit_set(struct call *call);
void handle_unit_start(struct call *call);
void handle_unit_end(struct call *call); /* finish and abort */
void handle_unit_create(struct call *call);
void handle_session_list(struct call *call);
void handle_session_get(struct call *call);
void handle_session_delete(struct call *call);
void handle_video_list(struct call *call);
void handle_video_delete(struct call *call);
void handle_job_list(struct call *call);
void handle_job_get(struct call *call);
void handle_job_add(struct call *call); /* and video.build */
void handle_unit_rebuild(struct call *call);
void handle_job_command(struct call *call);
void handle_job_move(struct call *call);

#endif
