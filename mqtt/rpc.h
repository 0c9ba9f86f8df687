/* SPDX-License-Identifier: MIT */
/* rpc: JSON-RPC 2.0, strict: reading a request or a batch, writing the response. Pure.
 *
 * Stricter than the specification where that protects the caller: parameters by name only, no
 * unknown or duplicate member, an id that can be echoed exactly. */
#ifndef MQTT_RPC_H
#define MQTT_RPC_H

#include "mqtt/envelope.h"

enum {
    RPC_MAX_BYTES = ENVELOPE_MAX_BYTES,
    RPC_MAX_DEPTH = ENVELOPE_MAX_DEPTH,
    RPC_BATCH_MAX = 16,
    RPC_RESPONSE_MAX_BYTES = 64 * 1024,
};

struct rpc_request {
    const cJSON *id;     /* NULL: a notification, that is never answered */
    const char *method;  /* NULL when the request is not valid */
    const cJSON *params; /* an object, NULL = none */
    enum ack_code code;  /* not ACK_OK: to be refused with this; err says why */
    struct error err;
};

struct rpc_call {
    bool batch; /* the response is an array */
    size_t count;
    struct rpc_request requests[RPC_BATCH_MAX];
    cJSON *json; /* owns what the requests point to */
};

/* Failure: the whole payload is answered with one error and the id null. */
enum ack_code rpc_parse(const uint8_t *payload, size_t len, struct rpc_call *ret,
                        struct error *err) MUST_CHECK;
void rpc_call_done(struct rpc_call *call);

/* One response; id NULL = null. data: further members of error.data, an object or NULL, copied. The
 * caller frees. */
cJSON *rpc_result(const cJSON *id, const cJSON *result) MUST_CHECK;
cJSON *rpc_error(const cJSON *id, enum ack_code code, const char *message,
                 const cJSON *data) MUST_CHECK;

/* The text of one response, or with batch of all of them in an array; NULL elements are left out.
 * One that does not fit into max_bytes any more becomes the error "too_large". The caller frees. */
char *rpc_print(cJSON *const *responses, size_t count, bool batch, size_t max_bytes) MUST_CHECK;

#endif
