/* SPDX-License-Identifier: MIT */
/* pump: how libmosquitto 2.0 is held so that it does not bite.
 *
 * Measured (2.0.11, 2.0.21) and the reason for the shape of this file:
 * - connect blocks for DNS and TCP, and connect_async + loop_start never retries a first refusal:
 *   hence a thread, a blocking connect, and our own back-off.
 * - A handle keeps a queue of its own, and sends a stale retained value after a reconnect: hence a
 *   new handle for each connection, and never a publish on a handle that is not connected.
 * - mosquitto_loop() knows when TLS wants to read or write, an outside poll() does not: hence
 *   mosquitto_loop() and not loop_read/loop_write.
 * - The library locks callback_mutex around callbacks: they only copy into the inbox, a leaf lock.
 *   They leave errno 0, for an EAGAIN left there makes the library stop reading.
 * - A TLS peer that closes inside the handshake is not noticed: hence peer_is_gone().
 * - mosquitto_lib_cleanup() unloads OpenSSL's modules under libcurl: it is never called.
 *
 * Locks: handle_lock keeps the handle alive while the loop thread uses it; callbacks never take it.
 * The inbox and pump.lock are leaves. */
#include "mqtt/pump.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "mqtt/negotiation.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>

enum {
    LOOP_TIMEOUT_MS = 1000,
    ANSWER_TIMEOUT_MS = 15000, /* TLS handshake and CONNACK together */
    CLOSE_TIMEOUT_MS = 1500,
    JOIN_TIMEOUT_MS = 2000,
    BACK_OFF_MIN_MS = 200,
    BACK_OFF_MAX_MS = 60000,
    REFUSED_WAIT_MS = 60000, /* a person must act first; also after "session taken over" */
    STABLE_MS = 5000,        /* a link that lived so long starts the back-off anew */
    SHORT_LIFE_MS = 30000,
    SHORT_LIVES_MAX = 3,
    WILL_DELAY_S = 10,
    TCP_USER_TIMEOUT_MS = 20000,
    LOG_TEXT_MAX = 200,
};

enum { /* options byte of SUBSCRIBE */
       RETAIN_AS_PUBLISHED = 0x08,
       RETAIN_HANDLING_NEVER = 0x20,
};

enum quit { QUIT_NOT, QUIT_CLOSE, QUIT_NOW };

struct settings_copy {
    char *host, *user, *password, *client_id, *will_topic;
    char *ca_file, *cert_file, *key_file;
    int port, keepalive_s;
    bool tls, insecure_skip_hostname;
    int64_t session_expiry_s;
};

struct pump {
    struct settings_copy settings;
    struct inbox inbox;

    pthread_mutex_t lock; /* quit, finished, orphaned */
    pthread_cond_t changed;
    enum quit quit;
    bool finished, orphaned;
    pthread_t thread;

    pthread_mutex_t handle_lock;
    struct mosquitto *handle; /* NULL unless connected, or about to be */
    unsigned connection;      /* of handle */
    int protocol, max_qos;    /* of handle; 5 or 4 */

    /* pump thread only */
    struct negotiation negotiation;
    bool had_session; /* the broker may still hold our session */
    int failures;
    int short_lives; /* connections in a row that the broker accepted and soon closed */
};

/* One connection from its birth to its end; the user data of the callbacks. */
struct attempt {
    struct pump *pump;
    unsigned connection;
    int protocol;
    bool probe;
    bool accepted;
    int64_t accepted_at_ms;
    int connack;      /* 0, or a reason code ≥ 0x80 */
    int disconnected; /* the broker's DISCONNECT: a reason code ≥ 0x80, else 0 */
    bool rivalled;    /* it looks as if somebody else used our id */
    char log_text[LOG_TEXT_MAX];
};

static enum quit pump_quit(struct pump *pump)
{
    enum quit quit;

    pthread_mutex_lock(&pump->lock);
    quit = pump->quit;
    pthread_mutex_unlock(&pump->lock);
    return quit;
}

const char *pump_reason_text(int reason)
{
    return mosquitto_reason_string(reason);
}

/* --- callbacks, on the pump thread --- */

static int reason_of_connack(int protocol, int code)
{
    static const int of_v4[] = {
        0,
        MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION,
        MQTT_RC_CLIENTID_NOT_VALID,
        MQTT_RC_SERVER_UNAVAILABLE,
        MQTT_RC_BAD_USERNAME_OR_PASSWORD,
        MQTT_RC_NOT_AUTHORIZED,
    };

    if (protocol == 5)
        return code;
    return code >= 0 && code < (int)ARRAY_LEN(of_v4) ? of_v4[code] : MQTT_RC_UNSPECIFIED;
}

static void read_limits(const mosquitto_property *properties, struct attempt *attempt,
                        struct inbox_limits *limits, int *ret_max_qos)
{
    uint8_t retain = 1, max_qos = 2;
    uint16_t window = 0;
    uint32_t max_packet = 0;

    mosquitto_property_read_byte(properties, MQTT_PROP_RETAIN_AVAILABLE, &retain, false);
    mosquitto_property_read_byte(properties, MQTT_PROP_MAXIMUM_QOS, &max_qos, false);
    mosquitto_property_read_int16(properties, MQTT_PROP_RECEIVE_MAXIMUM, &window, false);
    mosquitto_property_read_int32(properties, MQTT_PROP_MAXIMUM_PACKET_SIZE, &max_packet, false);
    *limits = (struct inbox_limits){
        .protocol = attempt->protocol,
        .window = window,
        .max_packet_bytes = max_packet,
        .no_retain = retain == 0,
    };
    *ret_max_qos = max_qos;
}

static void on_connect(struct mosquitto *handle, void *user, int code, int flags,
                       const mosquitto_property *properties)
{
    struct attempt *attempt = user;
    struct inbox_event *event;

    (void)handle;
    (void)flags;
    attempt->connack = reason_of_connack(attempt->protocol, code);
    if (attempt->connack == 0 && !attempt->accepted) {
        attempt->accepted = true;
        attempt->accepted_at_ms = clock_mono_ms();
        event = inbox_event_new(INBOX_UP, attempt->connection, 0);
        read_limits(properties, attempt, &event->limits, &attempt->pump->max_qos);
        if (attempt->probe)
            inbox_event_free(event);
        else
            inbox_push(&attempt->pump->inbox, event);
    }
    errno = 0;
}

static void on_disconnect(struct mosquitto *handle, void *user, int code,
                          const mosquitto_property *properties)
{
    struct attempt *attempt = user;

    (void)handle;
    (void)properties;
    /* below 0x80 it is a MOSQ_ERR code, which mosquitto_loop() returns as well */
    if (code >= 0x80)
        attempt->disconnected = code;
    errno = 0;
}

static void on_message(struct mosquitto *handle, void *user,
                       const struct mosquitto_message *received,
                       const mosquitto_property *properties)
{
    struct attempt *attempt = user;
    CLEANUP(free_p) char *response_topic = NULL;
    CLEANUP(free_p) void *correlation = NULL;
    uint16_t correlation_len = 0;
    struct mqtt_message message = {
        .topic = received->topic,
        .payload = received->payload,
        .len = (size_t)received->payloadlen,
        .retained = received->retain,
    };

    (void)handle;
    mosquitto_property_read_string(properties, MQTT_PROP_RESPONSE_TOPIC, &response_topic, false);
    mosquitto_property_read_binary(properties, MQTT_PROP_CORRELATION_DATA, &correlation,
                                   &correlation_len, false);
    message.response_topic = response_topic;
    message.correlation = correlation;
    message.correlation_len = correlation ? correlation_len : 0;
    inbox_push_message(&attempt->pump->inbox, attempt->connection, &message);
    errno = 0;
}

static void on_publish(struct mosquitto *handle, void *user, int mid, int reason,
                       const mosquitto_property *properties)
{
    struct attempt *attempt = user;
    struct inbox_event *event = inbox_event_new(INBOX_ACK, attempt->connection, 0);

    (void)handle;
    (void)properties;
    event->mid = mid;
    event->reason = reason;
    inbox_push(&attempt->pump->inbox, event);
    errno = 0;
}

static void on_subscribe(struct mosquitto *handle, void *user, int mid, int count, const int *codes,
                         const mosquitto_property *properties)
{
    struct attempt *attempt = user;
    struct inbox_event *event =
        inbox_event_new(INBOX_SUBACK, attempt->connection, (size_t)MAX(count, 0));

    (void)handle;
    (void)properties;
    event->mid = mid;
    for (int i = 0; i < count; i++)
        event->data[event->code_count++] = (uint8_t)codes[i];
    inbox_push(&attempt->pump->inbox, event);
    errno = 0;
}

/* The reason of a TLS failure is in the library's log only: the first error line is kept. Lines
 * that come from the loop thread, in a publish, are of lower levels. */
static void on_log(struct mosquitto *handle, void *user, int level, const char *text)
{
    struct attempt *attempt = user;
    const char *reason;

    (void)handle;
    if (level != MOSQ_LOG_ERR || attempt->log_text[0])
        return;
    reason = strstr(text, "::"); /* "OpenSSL Error[0]: error:0A000086:SSL routines::<reason>" */
    if (reason)
        text = reason + 2;
    else if (str_starts_with(text, "Error: "))
        text += strlen("Error: ");
    snprintf(attempt->log_text, sizeof(attempt->log_text), "%s", text);
    errno = 0;
}

/* --- a new handle --- */

static int set_tls(struct mosquitto *handle, const struct settings_copy *settings)
{
    int rc = MOSQ_ERR_SUCCESS;

    if (!settings->ca_file)
        rc = mosquitto_int_option(handle, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
    /* the library takes a client certificate only together with some authority */
    if (rc == MOSQ_ERR_SUCCESS && (settings->ca_file || settings->cert_file))
        rc = mosquitto_tls_set(handle, settings->ca_file,
                               settings->ca_file ? NULL : "/etc/ssl/certs", settings->cert_file,
                               settings->key_file, NULL);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_tls_opts_set(handle, 1, "tlsv1.2", NULL); /* 1.2 or newer, verified */
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_tls_insecure_set(handle, settings->insecure_skip_hostname);
    return rc;
}

static int set_will(struct mosquitto *handle, const struct settings_copy *settings, int protocol)
{
    mosquitto_property *properties = NULL;
    int rc = MOSQ_ERR_SUCCESS;

    if (!settings->will_topic)
        return rc;
    if (protocol == 5 && settings->session_expiry_s > WILL_DELAY_S)
        rc = mosquitto_property_add_int32(&properties, MQTT_PROP_WILL_DELAY_INTERVAL, WILL_DELAY_S);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_will_set_v5(handle, settings->will_topic, strlen("offline"), "offline", 1,
                                   true, properties);
    if (rc != MOSQ_ERR_SUCCESS)
        mosquitto_property_free_all(&properties); /* else the handle owns them */
    return rc;
}

static void set_callbacks(struct mosquitto *handle)
{
    mosquitto_connect_v5_callback_set(handle, on_connect);
    mosquitto_disconnect_v5_callback_set(handle, on_disconnect);
    mosquitto_message_v5_callback_set(handle, on_message);
    mosquitto_publish_v5_callback_set(handle, on_publish);
    mosquitto_subscribe_v5_callback_set(handle, on_subscribe);
    mosquitto_log_callback_set(handle, on_log);
}

static int set_options(struct mosquitto *handle, const struct settings_copy *settings, int protocol)
{
    int version = protocol == 5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311;
    int rc = mosquitto_threaded_set(handle, true);

    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_int_option(handle, MOSQ_OPT_PROTOCOL_VERSION, version);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_int_option(handle, MOSQ_OPT_TCP_NODELAY, 1);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_int_option(handle, MOSQ_OPT_RECEIVE_MAXIMUM, PUMP_RECEIVE_MAX);
    if (rc == MOSQ_ERR_SUCCESS && settings->user)
        rc = mosquitto_username_pw_set(handle, settings->user, settings->password);
    if (rc == MOSQ_ERR_SUCCESS && settings->tls)
        rc = set_tls(handle, settings);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = set_will(handle, settings, protocol);
    return rc;
}

/* On 3.1.1 a session that is not clean lives for ever, and with it every command that was sent
 * while we were away: there we always start clean. */
static struct mosquitto *make_handle(struct attempt *attempt, struct error *err)
{
    struct pump *pump = attempt->pump;
    bool clean =
        attempt->protocol != 5 || pump->settings.session_expiry_s == 0 || !pump->had_session;
    struct mosquitto *handle = mosquitto_new(pump->settings.client_id, clean, attempt);
    int rc;

    if (!handle) {
        error_set(err, -errno, "cannot make an MQTT client '%s': %s", pump->settings.client_id,
                  strerrordesc_np(errno));
        return NULL;
    }
    set_callbacks(handle);
    rc = set_options(handle, &pump->settings, attempt->protocol);
    if (rc != MOSQ_ERR_SUCCESS) {
        error_set(err, -EINVAL, "cannot set up the MQTT client: %s%s", mosquitto_strerror(rc),
                  pump->settings.tls ? " (are the TLS files readable?)" : "");
        mosquitto_destroy(handle);
        return NULL;
    }
    return handle;
}

static int connect_properties(const struct settings_copy *settings, mosquitto_property **ret)
{
    int rc =
        mosquitto_property_add_int32(ret, MQTT_PROP_MAXIMUM_PACKET_SIZE, PUMP_MAX_PACKET_BYTES);

    if (rc == MOSQ_ERR_SUCCESS && settings->session_expiry_s > 0)
        rc = mosquitto_property_add_int32(ret, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                          (uint32_t)settings->session_expiry_s);
    return rc;
}

static int connect_handle(struct mosquitto *handle, const struct settings_copy *settings,
                          int protocol)
{
    mosquitto_property *properties = NULL;
    int rc = MOSQ_ERR_SUCCESS, saved_errno;

    if (protocol == 5)
        rc = connect_properties(settings, &properties);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_connect_bind_v5(handle, settings->host, settings->port,
                                       settings->keepalive_s, NULL, properties);
    saved_errno = errno;
    mosquitto_property_free_all(&properties);
    errno = saved_errno;
    return rc;
}

/* Unacknowledged bytes to a broker that lost its power would else wait for 15 minutes. */
static void limit_tcp(struct mosquitto *handle)
{
    int timeout_ms = TCP_USER_TIMEOUT_MS;

    setsockopt(mosquitto_socket(handle), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms,
               sizeof(timeout_ms));
}

/* --- the life of a connection --- */

static void lend_handle(struct attempt *attempt, struct mosquitto *handle)
{
    struct pump *pump = attempt->pump;

    pthread_mutex_lock(&pump->handle_lock);
    pump->handle = handle;
    pump->connection = attempt->connection;
    pump->protocol = attempt->protocol;
    pthread_mutex_unlock(&pump->handle_lock);
}

/* After this the loop thread does not use the handle any more. */
static void withdraw_handle(struct pump *pump)
{
    pthread_mutex_lock(&pump->handle_lock);
    pump->handle = NULL;
    pthread_mutex_unlock(&pump->handle_lock);
}

static bool peer_is_gone(struct mosquitto *handle)
{
    int fd = mosquitto_socket(handle);
    char byte;
    ssize_t n = fd >= 0 ? recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) : 1;

    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

/* Whether the connection is to be run on; ret_rc: why not. */
static bool keep_running(struct attempt *attempt, struct mosquitto *handle, int64_t started_at_ms,
                         int *ret_rc)
{
    if (mosquitto_socket(handle) < 0) {
        *ret_rc = MOSQ_ERR_CONN_LOST; /* the broker's DISCONNECT, or ours */
        return false;
    }
    if (attempt->accepted)
        return true;
    if (peer_is_gone(handle))
        *ret_rc = MOSQ_ERR_CONN_LOST;
    else if (clock_mono_ms() - started_at_ms > ANSWER_TIMEOUT_MS)
        *ret_rc = MOSQ_ERR_KEEPALIVE;
    else
        return true;
    return false;
}

/* Sends DISCONNECT once, when that is wanted; returns false when the wait for it is over. */
static bool run_goodbye(struct attempt *attempt, struct mosquitto *handle, int64_t *goodbye_at_ms)
{
    enum quit quit = pump_quit(attempt->pump);

    if (quit == QUIT_NOW)
        return false;
    if (quit == QUIT_NOT && !(attempt->probe && attempt->accepted))
        return true;
    if (*goodbye_at_ms == 0) {
        *goodbye_at_ms = clock_mono_ms();
        mosquitto_disconnect(handle);
    }
    return attempt->accepted && clock_mono_ms() - *goodbye_at_ms < CLOSE_TIMEOUT_MS;
}

/* Returns a MOSQ_ERR code, errno with it. */
static int run_connection(struct attempt *attempt, struct mosquitto *handle)
{
    int64_t started_at_ms = clock_mono_ms(), goodbye_at_ms = 0;
    int rc = MOSQ_ERR_SUCCESS;

    while (run_goodbye(attempt, handle, &goodbye_at_ms)) {
        errno = 0;
        rc = mosquitto_loop(handle, LOOP_TIMEOUT_MS, 1);
        if (rc != MOSQ_ERR_SUCCESS || !keep_running(attempt, handle, started_at_ms, &rc))
            break;
    }
    return rc;
}

/* --- why it ended --- */

static int describe_errno(const struct pump *pump, const struct attempt *attempt, int code,
                          struct error *err)
{
    const char *text;

    if (pump->settings.tls && attempt->log_text[0])
        return error_set(err, -EPROTO, "broker %s:%d: TLS: %s", pump->settings.host,
                         pump->settings.port, attempt->log_text);
    if (code <= 0 || code == EAGAIN) /* something in the library has overwritten it */
        code = ECONNRESET;
    text = strerrordesc_np(code);
    return error_set(err, -code, "broker %s:%d: %s", pump->settings.host, pump->settings.port,
                     text ? text : "unknown error");
}

static int describe_refusal(const struct pump *pump, const struct attempt *attempt,
                            struct error *err)
{
    const char *user = pump->settings.user ? pump->settings.user : "(none)";

    switch (attempt->connack) {
    case MQTT_RC_BAD_USERNAME_OR_PASSWORD:
        return error_set(err, -EACCES,
                         "broker %s:%d refused user '%s': wrong user name or password",
                         pump->settings.host, pump->settings.port, user);
    case MQTT_RC_NOT_AUTHORIZED:
        return error_set(err, -EPERM,
                         "broker %s:%d does not let user '%s' in: not authorised "
                         "(check user, password and the broker's rules)",
                         pump->settings.host, pump->settings.port, user);
    case MQTT_RC_CLIENTID_NOT_VALID:
        return error_set(err, -EINVAL, "broker %s:%d refused the client id '%s'",
                         pump->settings.host, pump->settings.port, pump->settings.client_id);
    case MQTT_RC_BANNED:
        return error_set(err, -EPERM, "broker %s:%d has banned us", pump->settings.host,
                         pump->settings.port);
    default:
        return error_set(err, -ECONNREFUSED, "broker %s:%d refused the connection: %s",
                         pump->settings.host, pump->settings.port,
                         pump_reason_text(attempt->connack));
    }
}

static int describe_loss(const struct pump *pump, const struct attempt *attempt, int rc,
                         struct error *err)
{
    const char *host = pump->settings.host;
    int port = pump->settings.port;

    switch (rc) {
    case MOSQ_ERR_KEEPALIVE:
        return error_set(err, -ETIMEDOUT, "broker %s:%d does not answer", host, port);
    case MOSQ_ERR_CONN_LOST:
    case MOSQ_ERR_NO_CONN:
        return error_set(err, -ECONNRESET, "broker %s:%d closed the connection%s", host, port,
                         attempt->accepted ? "" : " before accepting us");
    case MOSQ_ERR_PROTOCOL:
    case MOSQ_ERR_MALFORMED_PACKET:
        return error_set(err, -EPROTO, "broker %s:%d sent what is not MQTT", host, port);
    case MOSQ_ERR_TLS:
        return error_set(err, -EPROTO, "broker %s:%d: TLS: %s", host, port,
                         attempt->log_text[0] ? attempt->log_text : "the handshake failed");
    default:
        return error_set(err, -EIO, "broker %s:%d: %s", host, port, mosquitto_strerror(rc));
    }
}

static int describe_end(const struct pump *pump, const struct attempt *attempt, int rc, int code,
                        struct error *err)
{
    if (attempt->connack != 0)
        return describe_refusal(pump, attempt, err);
    if (attempt->disconnected == MQTT_RC_SESSION_TAKEN_OVER)
        return error_set(err, -EALREADY,
                         "another agent uses this id: the broker gave '%s' to another connection",
                         pump->settings.client_id);
    if (attempt->rivalled)
        return error_set(err, -EALREADY,
                         "broker %s:%d accepts us and soon closes the connection, again and again: "
                         "another agent uses this id ('%s'), or the broker has a fault",
                         pump->settings.host, pump->settings.port, pump->settings.client_id);
    if (attempt->disconnected != 0)
        return error_set(err, -ECONNRESET, "broker %s:%d closed the connection: %s",
                         pump->settings.host, pump->settings.port,
                         pump_reason_text(attempt->disconnected));
    if (rc == MOSQ_ERR_EAI)
        return error_set(err, -EHOSTUNREACH, "cannot find the broker '%s': %s", pump->settings.host,
                         gai_strerror(code));
    if (rc == MOSQ_ERR_ERRNO)
        return describe_errno(pump, attempt, code, err);
    return describe_loss(pump, attempt, rc, err);
}

/* A refusal of this kind does not go away by trying again. */
static bool must_act(const struct attempt *attempt)
{
    switch (attempt->connack) {
    case MQTT_RC_CLIENTID_NOT_VALID:
    case MQTT_RC_BAD_USERNAME_OR_PASSWORD:
    case MQTT_RC_NOT_AUTHORIZED:
    case MQTT_RC_BANNED:
    case MQTT_RC_BAD_AUTHENTICATION_METHOD:
        return true;
    default:
        return attempt->disconnected == MQTT_RC_SESSION_TAKEN_OVER || attempt->rivalled;
    }
}

static enum negotiation_outcome outcome_of(const struct attempt *attempt, int rc)
{
    if (attempt->accepted)
        return ATTEMPT_ACCEPTED;
    if (attempt->connack == MQTT_RC_UNSUPPORTED_PROTOCOL_VERSION)
        return ATTEMPT_VERSION_REFUSED;
    if (attempt->connack == 0 &&
        (rc == MOSQ_ERR_PROTOCOL || rc == MOSQ_ERR_MALFORMED_PACKET || rc == MOSQ_ERR_CONN_LOST))
        return ATTEMPT_BROKEN;
    return ATTEMPT_FAILED;
}

/* --- the thread --- */

static void push_down(struct attempt *attempt, int rc, int code)
{
    struct inbox_event *event = inbox_event_new(INBOX_DOWN, attempt->connection, 0);

    event->why = xcalloc(1, sizeof(*event->why));
    describe_end(attempt->pump, attempt, rc, code, event->why);
    event->must_act = must_act(attempt);
    inbox_push(&attempt->pump->inbox, event);
}

static void push_setup_failure(struct attempt *attempt, const struct error *why)
{
    struct inbox_event *event = inbox_event_new(INBOX_DOWN, attempt->connection, 0);

    event->why = xmemdup(why, sizeof(*why));
    event->must_act = true;
    inbox_push(&attempt->pump->inbox, event);
}

/* Full jitter: a hundred agents that lost one broker must not come back in one second. */
static int64_t back_off_ms(int failures)
{
    int64_t limit_ms = BACK_OFF_MIN_MS;
    uint32_t random = 0;

    for (int i = 0; i < failures && limit_ms < BACK_OFF_MAX_MS; i++)
        limit_ms *= 2;
    limit_ms = MIN(limit_ms, (int64_t)BACK_OFF_MAX_MS);
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
        random = (uint32_t)clock_mono_us();
    return BACK_OFF_MIN_MS + random % (limit_ms - BACK_OFF_MIN_MS + 1);
}

/* Only mosquitto 2.0.15 and newer say "session taken over", and nobody does on 3.1.1. A broker that
 * restarts closes connections, too, but it does not accept the next one at once. */
static bool looks_rivalled(struct pump *pump, const struct attempt *attempt, int rc)
{
    bool short_life = attempt->accepted && rc == MOSQ_ERR_CONN_LOST && attempt->disconnected == 0 &&
                      clock_mono_ms() - attempt->accepted_at_ms < SHORT_LIFE_MS;

    pump->short_lives = short_life ? pump->short_lives + 1 : 0;
    return pump->short_lives >= SHORT_LIVES_MAX;
}

/* How long to stay away after this attempt. */
static int64_t wait_after(struct pump *pump, const struct attempt *attempt)
{
    if (attempt->accepted && clock_mono_ms() - attempt->accepted_at_ms >= STABLE_MS)
        pump->failures = 0;
    pump->failures++;
    return must_act(attempt) ? REFUSED_WAIT_MS + back_off_ms(pump->failures)
                             : back_off_ms(pump->failures);
}

static int run_handle(struct attempt *attempt, struct mosquitto *handle)
{
    struct pump *pump = attempt->pump;
    int rc = connect_handle(handle, &pump->settings, attempt->protocol), saved_errno;

    if (rc != MOSQ_ERR_SUCCESS)
        return rc;
    limit_tcp(handle);
    lend_handle(attempt, handle);
    rc = run_connection(attempt, handle);
    saved_errno = errno;
    withdraw_handle(pump);
    if (attempt->accepted && !attempt->probe)
        pump->had_session = attempt->protocol == 5;
    errno = saved_errno;
    return rc;
}

/* Returns how long to wait until the next one. */
static int64_t pump_attempt(struct pump *pump, unsigned connection)
{
    struct attempt attempt = {
        .pump = pump,
        .connection = connection,
        .protocol = negotiation_protocol(&pump->negotiation, clock_mono_ms()),
        .probe = negotiation_is_probe(&pump->negotiation),
    };
    struct error err = {0};
    struct mosquitto *handle = make_handle(&attempt, &err);
    int rc, code;

    if (!handle) {
        push_setup_failure(&attempt, &err);
        return REFUSED_WAIT_MS;
    }
    rc = run_handle(&attempt, handle);
    code = errno;
    mosquitto_destroy(handle);
    if (negotiation_result(&pump->negotiation, outcome_of(&attempt, rc), clock_mono_ms()) &&
        pump_quit(pump) == QUIT_NOT)
        return 0; /* a step of the negotiation is no failure to speak of */
    attempt.rivalled = looks_rivalled(pump, &attempt, rc);
    push_down(&attempt, rc, code);
    return wait_after(pump, &attempt);
}

static struct timespec deadline_after(int64_t wait_ms)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(wait_ms / 1000);
    at.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* Returns false when it is time to quit. */
static bool pump_wait(struct pump *pump, int64_t wait_ms)
{
    struct timespec deadline = deadline_after(wait_ms);
    bool go_on;

    pthread_mutex_lock(&pump->lock);
    while (pump->quit == QUIT_NOT)
        if (pthread_cond_timedwait(&pump->changed, &pump->lock, &deadline) == ETIMEDOUT)
            break;
    go_on = pump->quit == QUIT_NOT;
    pthread_mutex_unlock(&pump->lock);
    return go_on;
}

static void pump_destroy(struct pump *pump)
{
    struct settings_copy *settings = &pump->settings;

    inbox_done(&pump->inbox);
    pthread_cond_destroy(&pump->changed);
    pthread_mutex_destroy(&pump->lock);
    pthread_mutex_destroy(&pump->handle_lock);
    free_p(&settings->host);
    free_p(&settings->user);
    free_secret(settings->password);
    free_p(&settings->client_id);
    free_p(&settings->will_topic);
    free_p(&settings->ca_file);
    free_p(&settings->cert_file);
    free_p(&settings->key_file);
    free_p(&pump);
}

static void *pump_main(void *user)
{
    struct pump *pump = user;
    unsigned connection = 0;
    int64_t wait_ms = 0;
    bool orphaned;

    while (pump_wait(pump, wait_ms))
        wait_ms = pump_attempt(pump, ++connection);
    pthread_mutex_lock(&pump->lock);
    pump->finished = true;
    orphaned = pump->orphaned;
    pthread_cond_broadcast(&pump->changed);
    pthread_mutex_unlock(&pump->lock);
    if (orphaned)
        pump_destroy(pump);
    return NULL;
}

/* --- start and end, on the loop thread --- */

static void copy_settings(struct settings_copy *copy, const struct pump_config *config)
{
    const struct mqtt_settings *from = config->settings;
    int64_t usual_port = from->tls ? 8883 : 1883;

    replace_str(&copy->host, from->host);
    replace_str(&copy->user, from->user);
    replace_str(&copy->password, from->password);
    replace_str(&copy->client_id, config->client_id);
    replace_str(&copy->will_topic, config->will_topic);
    replace_str(&copy->ca_file, from->ca_file);
    replace_str(&copy->cert_file, from->cert_file);
    replace_str(&copy->key_file, from->key_file);
    copy->port = (int)(from->port ? from->port : usual_port);
    copy->keepalive_s = (int)from->keepalive_s;
    copy->tls = from->tls;
    copy->insecure_skip_hostname = from->insecure_skip_hostname;
    copy->session_expiry_s = config->session_expiry_s;
}

static struct pump *pump_new(const struct pump_config *config, struct wake *wake)
{
    static const int versions[] = {0, 5, 4};
    struct pump *pump = xcalloc(1, sizeof(*pump));
    pthread_condattr_t monotonic;

    copy_settings(&pump->settings, config);
    inbox_init(&pump->inbox, wake);
    negotiation_init(&pump->negotiation, versions[config->settings->protocol]);
    pthread_mutex_init(&pump->lock, NULL);
    pthread_mutex_init(&pump->handle_lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&pump->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return pump;
}

/* Signals belong to the loop thread; with SIGPIPE blocked, OpenSSL's write() to a dead peer is just
 * an error, whatever the library makes of that signal. */
static int create_thread(struct pump *pump)
{
    sigset_t all, before;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&pump->thread, NULL, pump_main, pump);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}

int pump_start(const struct pump_config *config, struct wake *wake, struct pump **ret_pump,
               struct error *err)
{
    struct pump *pump;
    int rc;

    mosquitto_lib_init();
    pump = pump_new(config, wake);
    rc = create_thread(pump);
    if (rc < 0) {
        pump_destroy(pump);
        return error_set(err, rc, "cannot start the MQTT thread: %s", strerrordesc_np(-rc));
    }
    pthread_setname_np(pump->thread, "mqtt");
    *ret_pump = pump;
    return 0;
}

static void set_quit(struct pump *pump, enum quit quit)
{
    pthread_mutex_lock(&pump->lock);
    pump->quit = quit;
    pthread_cond_broadcast(&pump->changed);
    pthread_mutex_unlock(&pump->lock);
}

/* The pump sleeps in select(): the DISCONNECT that is queued here is what wakes it. On 3.1.1 there
 * is none that keeps the will: for that the pump wakes by itself, within a second. */
static void queue_disconnect(struct pump *pump, int reason)
{
    pthread_mutex_lock(&pump->handle_lock);
    if (pump->handle && (reason == 0 || pump->protocol == 5))
        mosquitto_disconnect_v5(pump->handle, reason, NULL);
    pthread_mutex_unlock(&pump->handle_lock);
}

void pump_close(struct pump *pump)
{
    set_quit(pump, QUIT_CLOSE);
    queue_disconnect(pump, 0);
}

void pump_free(struct pump *pump)
{
    struct timespec deadline = deadline_after(JOIN_TIMEOUT_MS);
    enum quit quit_before;
    bool finished;

    if (!pump)
        return;
    inbox_close(&pump->inbox);
    quit_before = pump_quit(pump);
    set_quit(pump, QUIT_NOW);
    if (quit_before == QUIT_NOT)
        queue_disconnect(pump, MQTT_RC_DISCONNECT_WITH_WILL_MSG);
    pthread_mutex_lock(&pump->lock);
    while (!pump->finished)
        if (pthread_cond_timedwait(&pump->changed, &pump->lock, &deadline) == ETIMEDOUT)
            break;
    finished = pump->finished;
    if (!finished) {
        pump->orphaned = true;
        pthread_detach(pump->thread);
    }
    pthread_mutex_unlock(&pump->lock);
    if (finished) {
        pthread_join(pump->thread, NULL);
        pump_destroy(pump);
    }
}

struct inbox *pump_inbox(struct pump *pump)
{
    return &pump->inbox;
}

/* --- handing over, on the loop thread --- */

static int add_content(mosquitto_property **properties, const struct outbox_message *message)
{
    int rc;

    if (message->content == MQTT_TEXT || message->len == 0)
        return MOSQ_ERR_SUCCESS;
    rc = mosquitto_property_add_string(properties, MQTT_PROP_CONTENT_TYPE,
                                       message->content == MQTT_JPEG ? "image/jpeg"
                                                                     : "application/json");
    if (rc == MOSQ_ERR_SUCCESS && message->content == MQTT_JSON)
        rc = mosquitto_property_add_byte(properties, MQTT_PROP_PAYLOAD_FORMAT_INDICATOR, 1);
    return rc;
}

static int publish_properties(const struct outbox_message *message, mosquitto_property **ret)
{
    int rc = add_content(ret, message);

    if (rc == MOSQ_ERR_SUCCESS && message->expiry_s > 0)
        rc = mosquitto_property_add_int32(ret, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL,
                                          (uint32_t)message->expiry_s);
    if (rc == MOSQ_ERR_SUCCESS && message->response_topic)
        rc = mosquitto_property_add_string(ret, MQTT_PROP_RESPONSE_TOPIC, message->response_topic);
    if (rc == MOSQ_ERR_SUCCESS && message->correlation)
        rc = mosquitto_property_add_binary(ret, MQTT_PROP_CORRELATION_DATA, message->correlation,
                                           (uint16_t)message->correlation_len);
    return rc;
}

static int library_error(int rc, const char *what, const char *topic, struct error *err)
{
    switch (rc) {
    case MOSQ_ERR_SUCCESS:
        return 0;
    case MOSQ_ERR_NO_CONN:
    case MOSQ_ERR_CONN_LOST:
        return error_set(err, -ENOTCONN, "%s %s: not connected", what, topic);
    case MOSQ_ERR_OVERSIZE_PACKET:
    case MOSQ_ERR_PAYLOAD_SIZE:
        return error_set(err, -EMSGSIZE, "%s %s: larger than the broker takes", what, topic);
    default:
        return error_set(err, -EINVAL, "%s %s: %s", what, topic, mosquitto_strerror(rc));
    }
}

/* Takes handle_lock when the handle is the one meant; release_handle() then. */
static struct mosquitto *borrow_handle(struct pump *pump, unsigned connection)
{
    pthread_mutex_lock(&pump->handle_lock);
    if (pump->handle && pump->connection == connection)
        return pump->handle;
    pthread_mutex_unlock(&pump->handle_lock);
    return NULL;
}

static void release_handle(struct pump *pump)
{
    pthread_mutex_unlock(&pump->handle_lock);
}

int pump_publish(struct pump *pump, unsigned connection, const struct outbox_message *message,
                 int *ret_mid, struct error *err)
{
    struct mosquitto *handle = borrow_handle(pump, connection);
    mosquitto_property *properties = NULL;
    int rc = MOSQ_ERR_SUCCESS;

    if (!handle)
        return error_set(err, -ENOTCONN, "publish %s: not connected", message->topic);
    if (message->len > MQTT_MAX_PAYLOAD)
        rc = MOSQ_ERR_PAYLOAD_SIZE;
    else if (pump->protocol == 5)
        rc = publish_properties(message, &properties);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_publish_v5(handle, ret_mid, message->topic, (int)message->len,
                                  message->payload, MIN(message->qos, pump->max_qos),
                                  message->retained, properties);
    release_handle(pump);
    mosquitto_property_free_all(&properties);
    return library_error(rc, "publish", message->topic, err);
}

int pump_subscribe(struct pump *pump, unsigned connection, char *const *filters, size_t count,
                   bool with_retained, int *ret_mid, struct error *err)
{
    struct mosquitto *handle = borrow_handle(pump, connection);
    int options = with_retained ? RETAIN_AS_PUBLISHED : RETAIN_AS_PUBLISHED | RETAIN_HANDLING_NEVER;
    int rc;

    if (!handle)
        return error_set(err, -ENOTCONN, "subscribe: not connected");
    rc = mosquitto_subscribe_multiple(handle, ret_mid, (int)count, filters, 1, options, NULL);
    release_handle(pump);
    return library_error(rc, "subscribe", filters[0], err);
}

void pump_unsubscribe(struct pump *pump, unsigned connection, const char *filter)
{
    struct mosquitto *handle = borrow_handle(pump, connection);

    if (!handle)
        return;
    mosquitto_unsubscribe(handle, NULL, filter);
    release_handle(pump);
}
