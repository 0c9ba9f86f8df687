/* SPDX-License-Identifier: MIT */
/* ending: each text names the broker and, where a person can do something, what. */
#include "mqtt/ending.h"

#include <errno.h>
#include <string.h>

enum {
    NO_WAIT_MS = 60000,    /* it said no: a person must act first */
    BUSY_WAIT_MS = 60000,  /* it does not answer, or not well: perhaps we are too many */
    ABSENT_WAIT_MS = 4500, /* nobody there whom we could bother: back within 5 s of its return */
};

static int describe_refusal(const struct ending *ending, const struct ending_names *names,
                            struct error *err)
{
    const char *user = names->user ? names->user : "(none)";

    switch (ending->code) {
    case REASON_BAD_USER_OR_PASSWORD:
        return error_set(err, -EACCES,
                         "broker %s:%d refused user '%s': wrong user name or password", names->host,
                         names->port, user);
    case REASON_NOT_AUTHORISED:
        return error_set(err, -EPERM,
                         "broker %s:%d does not let user '%s' in: not authorised "
                         "(check user, password and the broker's rules)",
                         names->host, names->port, user);
    case REASON_BAD_CLIENT_ID:
        return error_set(err, -EINVAL, "broker %s:%d refused the client id '%s'", names->host,
                         names->port, names->client_id);
    case REASON_BANNED:
        return error_set(err, -EPERM, "broker %s:%d has banned us", names->host, names->port);
    default:
        return error_set(err, -ECONNREFUSED, "broker %s:%d refused the connection: %s", names->host,
                         names->port, ending->detail);
    }
}

static int describe_dismissal(const struct ending *ending, const struct ending_names *names,
                              struct error *err)
{
    if (ending->code == REASON_TAKEN_OVER)
        return error_set(err, -EALREADY,
                         "another agent uses this id: broker %s:%d gave '%s' to another connection",
                         names->host, names->port, names->client_id);
    return error_set(err, -ECONNRESET, "broker %s:%d closed the connection: %s", names->host,
                     names->port, ending->detail);
}

static int describe_system(const struct ending *ending, const struct ending_names *names,
                           struct error *err)
{
    const char *text = strerrordesc_np(ending->code);

    return error_set(err, -ending->code, "broker %s:%d: %s", names->host, names->port,
                     text ? text : "unknown error");
}

int ending_describe(const struct ending *ending, const struct ending_names *names,
                    struct error *err)
{
    const char *host = names->host;
    int port = names->port;

    switch (ending->kind) {
    case ENDING_CLOSED:
        return error_set(err, -ECONNRESET, "broker %s:%d closed the connection%s%s", host, port,
                         ending->accepted_at_ms ? "" : " before accepting us",
                         ending->accepted_at_ms ? "" : ending->detail);
    case ENDING_SYSTEM:
        return describe_system(ending, names, err);
    case ENDING_NO_HOST:
        return error_set(err, -EHOSTUNREACH, "cannot find the broker '%s': %s", host,
                         ending->detail);
    case ENDING_SILENT:
        return error_set(err, -ETIMEDOUT, "broker %s:%d does not answer", host, port);
    case ENDING_NOT_MQTT:
        return error_set(err, -EPROTO, "broker %s:%d sent what is not MQTT", host, port);
    case ENDING_TLS:
        return error_set(err, -EPROTO, "broker %s:%d: TLS: %s", host, port, ending->detail);
    case ENDING_REFUSED:
        return describe_refusal(ending, names, err);
    case ENDING_DISMISSED:
        return describe_dismissal(ending, names, err);
    case ENDING_RIVALLED:
        return error_set(err, -EALREADY,
                         "broker %s:%d accepts us and soon closes the connection, again and again: "
                         "another agent uses this id ('%s'), or the broker has a fault",
                         host, port, names->client_id);
    default:
        return error_set(err, -EIO, "broker %s:%d: %s", host, port, ending->detail);
    }
}

bool ending_must_act(const struct ending *ending)
{
    if (ending->kind == ENDING_RIVALLED || ending->kind == ENDING_TLS)
        return true;
    if (ending->kind == ENDING_DISMISSED)
        return ending->code == REASON_TAKEN_OVER;
    if (ending->kind != ENDING_REFUSED)
        return false;
    return ending->code == REASON_BAD_CLIENT_ID || ending->code == REASON_BAD_USER_OR_PASSWORD ||
           ending->code == REASON_NOT_AUTHORISED || ending->code == REASON_BANNED ||
           ending->code == REASON_BAD_AUTHENTICATION_METHOD;
}

/* A handshake that failed may succeed as soon as the clock is set; it is not asked for so long. */
int64_t ending_shortest_wait_ms(const struct ending *ending)
{
    return ending_must_act(ending) && ending->kind != ENDING_TLS ? NO_WAIT_MS : 0;
}

int64_t ending_longest_wait_ms(const struct ending *ending)
{
    bool absent = ending->kind == ENDING_SYSTEM || ending->kind == ENDING_NO_HOST ||
                  ending->kind == ENDING_CLOSED;

    return absent ? ABSENT_WAIT_MS : BUSY_WAIT_MS;
}

enum negotiation_outcome ending_outcome(const struct ending *ending)
{
    if (ending->accepted_at_ms)
        return ATTEMPT_ACCEPTED;
    if (ending->kind == ENDING_REFUSED && ending->code == REASON_UNSUPPORTED_VERSION)
        return ATTEMPT_VERSION_REFUSED;
    if (ending->kind == ENDING_CLOSED || ending->kind == ENDING_NOT_MQTT)
        return ATTEMPT_BROKEN;
    return ATTEMPT_FAILED;
}
