/* SPDX-License-Identifier: MIT */
/* request: one question to the agent, from its admission to its one answer, whoever asked: a
 * command topic, JSON-RPC or a fleet topic. Here stands once what holds for all of them: how often,
 * how many at once, the same id twice, too late, not for a fleet. Loop thread only. */
#ifndef AGENT_REQUEST_H
#define AGENT_REQUEST_H

#include "agent/handlers/handlers.h"
#include "agent/journal/journal.h"

enum {
    REQUESTS_AT_ONCE = 16,
    REQUESTS_BURST = 10,
    REQUESTS_REFILL_MS = 500, /* one request each */
};

struct requests;

struct requests_config { /* borrowed */
    struct journal *journal;
    const struct handler_rooms *rooms;
    const char *agent;
    const struct conf_strings *fleet_verbs; /* methods; empty = every VERB_FLEET */
    bool trust_clock;                       /* "expires" counts though no time server is seen */
    bool offline_queue; /* the broker keeps requests while we are away: they need an expiry */
    void (*tell)(const char *ack, void *user);
    void *user;
};

struct requests *requests_new(const struct requests_config *config) MUST_CHECK;
/* What an earlier life of the agent was killed in: whoever asked hears that now (tell), and whoever
 * asks again with that id, too. */
void requests_answer_interrupted(struct requests *requests);
/* Answers what is pending and everything that still comes with "shutting_down"; the units and
 * cameras may go afterwards. */
void requests_stop(struct requests *requests);
void requests_free(struct requests *requests); /* stops them; NULL is fine */
int64_t requests_refused(const struct requests *requests);

/* Whether a request would be admitted now. */
bool requests_ready(struct requests *requests);
/* A message that asks something came. ACK_OK: go on. ACK_RATE_LIMITED: refuse it; *ret_silently: it
 * is one of so many that an answer would be a flood, too. */
enum ack_code requests_admit(struct requests *requests, bool *ret_silently) MUST_CHECK;

struct request_asked { /* borrowed for the call, but for args */
    enum verb_id verb; /* VERB_COUNT: label is no verb */
    enum topic_scope scope;
    const char *target;     /* unit or camera; "" = the agent, or each unit (fleet) */
    const char *label;      /* as acknowledgements name it: "snapshot", "set/fps" */
    bool fleet;             /* asked of many agents at once */
    const char *args_path;  /* of them in what came: "args" */
    cJSON *args;            /* taken over; NULL = none */
    const char *id;         /* "" = none: it is never taken for a repetition */
    uint64_t hash;          /* of what must be the same when the id is */
    int64_t expires_at;     /* wall ms; 0 = not said */
    bool expires_at_broker; /* the broker drops it when it is late */
};

struct request_answer {
    enum ack_code code;
    const char *message; /* of a failure */
    const cJSON *result; /* NULL = none */
    const char *note;    /* what was not as asked, though it was done; NULL = nothing */
    const char *ack;     /* all of it as the final acknowledgement */
    bool dup;            /* it was done and answered before */
};

struct request_asker {
    void (*accepted)(const char *ack, void *user); /* NULL: does not want to know */
    /* Exactly once, perhaps from inside the call. All is valid during the call only. */
    void (*final)(const struct request_answer *answer, void *user);
};

void request_start(struct requests *requests, const struct request_asked *asked,
                   const struct request_asker *asker, void *user);
/* What the asker itself found wrong is answered in the same way. */
void request_refuse(struct requests *requests, const struct request_asked *asked,
                    enum ack_code code, const char *message, const struct request_asker *asker,
                    void *user);

/* Whether a method may be asked of many agents at once. */
bool request_is_fleet(const struct conf_strings *fleet_verbs, enum verb_id verb);

#endif
