/* SPDX-License-Identifier: MIT */
/* envelope: what a command payload says, and the acknowledgement that answers it. Pure. */
#ifndef MQTT_ENVELOPE_H
#define MQTT_ENVELOPE_H

#include "agent/base/json.h"

enum { ENVELOPE_MAX_BYTES = 16 * 1024, ENVELOPE_MAX_DEPTH = 16, ENVELOPE_ID_MAX = 64 };

/* The error codes of the contract, shared by acknowledgements and JSON-RPC. */
enum ack_code {
    ACK_OK = 0,
    ACK_PARSE = -32700,
    ACK_INVALID_REQUEST = -32600,
    ACK_UNKNOWN_VERB = -32601,
    ACK_BAD_PARAMS = -32602,
    ACK_INTERNAL = -32603,
    ACK_BUSY = -32000,
    ACK_UNKNOWN_TARGET = -32001,
    ACK_WRONG_STATE = -32002,
    ACK_EXPIRED = -32003,
    ACK_ID_REUSED = -32004,
    ACK_RETAINED = -32005,
    ACK_PRINTER_UNREACHABLE = -32006,
    ACK_CAMERA_FAILED = -32007,
    ACK_STORAGE_FULL = -32008,
    ACK_ENCODER_FAILED = -32009,
    ACK_FORBIDDEN = -32010,
    ACK_TOO_LARGE = -32011,
    ACK_RATE_LIMITED = -32012,
    ACK_SHUTTING_DOWN = -32013,
    ACK_TIMEOUT = -32014,
    ACK_CANCELLED = -32015,
    ACK_UNSUPPORTED = -32016,
    ACK_CLOCK = -32017,
};
/* "camera_failed" …; "ok" for ACK_OK. */
const char *ack_code_name(enum ack_code code);
/* All of them, ACK_OK first; false: there are no more. */
bool ack_code_at(size_t index, enum ack_code *ret_code);

struct envelope {
    char id[ENVELOPE_ID_MAX + 1]; /* "" = none given */
    cJSON *args;                  /* an object or NULL; of set: member "value" holds the value */
    int64_t expires_at;           /* wall ms; 0 = never */
};

/* Command: empty, PRESS/ON/1/true (any case), or {"id","args":{},"expires":"RFC 3339" or unix s}.
 * Failure gives the ack code; err names the JSON path; ret->id is filled when it could be read. */
enum ack_code envelope_parse_command(const uint8_t *payload, size_t len, struct envelope *ret,
                                     struct error *err) MUST_CHECK;
/* As envelope_parse_command(); but without "args" every other member is one of them: {"fps":30}. */
enum ack_code envelope_parse_bare(const uint8_t *payload, size_t len, struct envelope *ret,
                                  struct error *err) MUST_CHECK;
/* set/<key>: a bare scalar text, or {"id","value"}. */
enum ack_code envelope_parse_set(const uint8_t *payload, size_t len, struct envelope *ret,
                                 struct error *err) MUST_CHECK;
/* JSON-RPC: "command_id" and "expires" are taken out of the parameters, the others are args. params
 * NULL = none; ret is to be freed whatever comes back. */
enum ack_code envelope_parse_params(const cJSON *params, struct envelope *ret,
                                    struct error *err) MUST_CHECK;
void envelope_done(struct envelope *envelope);

struct ack {
    const char *id; /* "" becomes null */
    const char *agent;
    const char *unit; /* NULL when none; the camera for a camera command goes into camera */
    const char *camera;
    const char *cmd; /* the verb; "set/fps" for a setting */
    bool final;      /* else accepted */
    enum ack_code code;
    const char *message; /* for a failure */
    const cJSON *result; /* an object or NULL; copied */
    const char *note;    /* what was not as asked, though it was done; NULL = nothing */
    bool dup;
};
/* JSON of the contract with the present time; the caller frees. */
char *ack_print(const struct ack *ack) MUST_CHECK;

#endif
