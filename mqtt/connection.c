/* SPDX-License-Identifier: MIT */
/* connection: how libmosquitto 2.0 is held so that it does not bite.
 *
 * Measured (2.0.11, 2.0.21) and the reason for the shape of this file:
 * - A handle keeps a queue of its own, and sends a stale retained value after a reconnect: hence a
 *   new handle for each connection, and never a publish on one that is not connected.
 * - mosquitto_loop() knows when TLS wants to read or write, an outside poll() does not: hence
 *   mosquitto_loop() and not loop_read/loop_write.
 * - Callbacks run with the library's callback_mutex held: they only copy into the inbox, whose lock
 *   is a leaf. They leave errno 0, for an EAGAIN left there makes the library stop reading.
 * - mosquitto_lib_cleanup() unloads OpenSSL's modules under libcurl: it is never called. */
#include "mqtt/connection.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "mqtt/tls.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LOOP_TIMEOUT_MS = 1000,
    ANSWER_TIMEOUT_MS = 15000, /* TLS handshake and CONNACK together; then each SUBACK */
    CLOSE_TIMEOUT_MS = 1500,
    TCP_USER_TIMEOUT_MS = 20000,
};

/* options byte of SUBSCRIBE */
enum {
    RETAIN_AS_PUBLISHED = 0x08,
    RETAIN_HANDLING_NEVER = 0x20,
};

enum closing { OPEN, GOODBYE, ABANDON };

struct connection {
    const struct connection_config *config;
    struct connection_plan plan;
    struct inbox *inbox;
    struct mosquitto *handle;
    int max_qos; /* known before UP is pushed */

    pthread_mutex_t lock;
    enum closing closing;
    bool connected;          /* mosquitto_connect() is over */
    int open_subscribes;     /* sent and not answered */
    int64_t subscribe_at_ms; /* monotonic: when the last answer came, or the first was sent */

    /* pump thread only */
    int64_t accepted_at_ms;
    int connack;        /* 0, or a reason code ≥ 0x80 */
    int dismissed;      /* the broker's DISCONNECT: a reason code ≥ 0x80, else 0 */
    char log_text[200]; /* the first error that the library logged */
};

const char *connection_reason_text(int reason)
{
    return mosquitto_reason_string(reason);
}

/* --- callbacks, on the pump thread --- */

static int reason_of_connack(int protocol, int code)
{
    static const int of_v4[] = {
        0,
        REASON_UNSUPPORTED_VERSION,
        REASON_BAD_CLIENT_ID,
        REASON_SERVER_UNAVAILABLE,
        REASON_BAD_USER_OR_PASSWORD,
        REASON_NOT_AUTHORISED,
    };

    if (protocol == 5)
        return code;
    return code >= 0 && code < (int)ARRAY_LEN(of_v4) ? of_v4[code] : REASON_REFUSED;
}

static void read_limits(const mosquitto_property *properties, struct inbox_limits *limits,
                        int *ret_max_qos)
{
    uint8_t retain = 1, max_qos = 2;
    uint16_t window = 0;
    uint32_t max_packet = 0;

    mosquitto_property_read_byte(properties, MQTT_PROP_RETAIN_AVAILABLE, &retain, false);
    mosquitto_property_read_byte(properties, MQTT_PROP_MAXIMUM_QOS, &max_qos, false);
    mosquitto_property_read_int16(properties, MQTT_PROP_RECEIVE_MAXIMUM, &window, false);
    mosquitto_property_read_int32(properties, MQTT_PROP_MAXIMUM_PACKET_SIZE, &max_packet, false);
    limits->window = window;
    limits->max_packet_bytes = max_packet;
    limits->no_retain = retain == 0;
    *ret_max_qos = max_qos;
}

static void on_accepted(struct connection *connection, const mosquitto_property *properties)
{
    struct inbox_event *event;

    connection->accepted_at_ms = clock_mono_ms();
    if (connection->plan.probe)
        return;
    event = inbox_event_new(INBOX_UP, connection->plan.number, 0);
    event->limits.protocol = connection->plan.protocol;
    read_limits(properties, &event->limits, &connection->max_qos);
    inbox_push(connection->inbox, event);
}

static void on_connect(struct mosquitto *handle, void *user, int code, int flags,
                       const mosquitto_property *properties)
{
    struct connection *connection = user;

    (void)handle;
    (void)flags;
    connection->connack = reason_of_connack(connection->plan.protocol, code);
    if (connection->connack == 0 && !connection->accepted_at_ms)
        on_accepted(connection, properties);
    errno = 0;
}

static void on_disconnect(struct mosquitto *handle, void *user, int code,
                          const mosquitto_property *properties)
{
    struct connection *connection = user;

    (void)handle;
    (void)properties;
    /* below 0x80 it is a MOSQ_ERR code, which mosquitto_loop() returns as well */
    if (code >= REASON_REFUSED)
        connection->dismissed = code;
    errno = 0;
}

static void on_message(struct mosquitto *handle, void *user,
                       const struct mosquitto_message *received,
                       const mosquitto_property *properties)
{
    struct connection *connection = user;
    CLEANUP(free_p) char *response_topic = NULL;
    CLEANUP(free_p) void *correlation = NULL;
    uint16_t correlation_len = 0;
    uint32_t expiry_s;
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
    message.expires = mosquitto_property_read_int32(properties, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL,
                                                    &expiry_s, false) != NULL;
    message.response_topic = response_topic;
    message.correlation = correlation;
    message.correlation_len = correlation ? correlation_len : 0;
    inbox_push_message(connection->inbox, connection->plan.number, &message);
    errno = 0;
}

static void on_publish(struct mosquitto *handle, void *user, int mid, int reason,
                       const mosquitto_property *properties)
{
    struct connection *connection = user;
    struct inbox_event *event = inbox_event_new(INBOX_ACK, connection->plan.number, 0);

    (void)handle;
    (void)properties;
    event->mid = mid;
    event->reason = reason;
    inbox_push(connection->inbox, event);
    errno = 0;
}

static void note_subscribes(struct connection *connection, int change)
{
    pthread_mutex_lock(&connection->lock);
    if (change < 0 || connection->open_subscribes == 0)
        connection->subscribe_at_ms = clock_mono_ms();
    connection->open_subscribes += change;
    pthread_mutex_unlock(&connection->lock);
}

static void on_subscribe(struct mosquitto *handle, void *user, int mid, int count, const int *codes,
                         const mosquitto_property *properties)
{
    struct connection *connection = user;
    struct inbox_event *event =
        inbox_event_new(INBOX_SUBACK, connection->plan.number, (size_t)MAX(count, 0));

    (void)handle;
    (void)properties;
    event->mid = mid;
    for (int i = 0; i < count; i++)
        event->data[event->code_count++] = (uint8_t)codes[i];
    note_subscribes(connection, -1);
    inbox_push(connection->inbox, event);
    errno = 0;
}

/* The reason of a TLS failure is in the library's log only: the first error line is kept. Lines
 * that come from the loop thread, in a publish, are of lower levels. */
static void on_log(struct mosquitto *handle, void *user, int level, const char *text)
{
    struct connection *connection = user;

    if (level == MOSQ_LOG_ERR && !connection->log_text[0])
        tls_explain(mosquitto_ssl_get(handle), text, connection->log_text,
                    sizeof(connection->log_text));
    errno = 0;
}

/* --- a new handle --- */

static int set_tls(struct mosquitto *handle, const struct connection_config *config)
{
    int rc = MOSQ_ERR_SUCCESS;

    if (!config->ca_file)
        rc = mosquitto_int_option(handle, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
    /* the library takes a client certificate only together with some authority */
    if (rc == MOSQ_ERR_SUCCESS && (config->ca_file || config->cert_file))
        rc = mosquitto_tls_set(handle, config->ca_file, config->ca_file ? NULL : "/etc/ssl/certs",
                               config->cert_file, config->key_file, tls_no_passphrase);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_tls_opts_set(handle, 1, "tlsv1.2", NULL); /* 1.2 or newer, verified */
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_tls_insecure_set(handle, config->insecure_skip_hostname);
    return rc;
}

static int set_will(struct mosquitto *handle, const struct connection_config *config,
                    const struct connection_plan *plan)
{
    mosquitto_property *properties = NULL;
    int rc = MOSQ_ERR_SUCCESS;

    if (!config->will_topic)
        return rc;
    if (plan->protocol == 5 && config->session_expiry_s > CONNECTION_WILL_DELAY_S)
        rc = mosquitto_property_add_int32(&properties, MQTT_PROP_WILL_DELAY_INTERVAL,
                                          CONNECTION_WILL_DELAY_S);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_will_set_v5(handle, config->will_topic, strlen("offline"), "offline",
                                   !plan->will_qos_0, !plan->will_not_retained, properties);
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

static int set_options(struct mosquitto *handle, const struct connection_config *config,
                       const struct connection_plan *plan)
{
    int version = plan->protocol == 5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311;
    int rc = mosquitto_threaded_set(handle, true);

    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_int_option(handle, MOSQ_OPT_PROTOCOL_VERSION, version);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_int_option(handle, MOSQ_OPT_TCP_NODELAY, 1);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_int_option(handle, MOSQ_OPT_RECEIVE_MAXIMUM, CONNECTION_RECEIVE_MAX);
    if (rc == MOSQ_ERR_SUCCESS && config->user)
        rc = mosquitto_username_pw_set(handle, config->user, config->password);
    if (rc == MOSQ_ERR_SUCCESS && config->tls)
        rc = set_tls(handle, config);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = set_will(handle, config, plan);
    return rc;
}

static int new_failed(const struct connection_config *config, int rc, struct error *err)
{
    const char *const files[] = {config->ca_file, config->cert_file, config->key_file};

    for (size_t i = 0; config->tls && i < ARRAY_LEN(files); i++)
        if (files[i] && access(files[i], R_OK) < 0)
            return error_set(err, -EINVAL, "TLS: cannot read %s: %s", files[i],
                             strerrordesc_np(errno));
    return error_set(err, -EINVAL, "cannot set up the MQTT client '%s': %s", config->client_id,
                     mosquitto_strerror(rc));
}

int connection_new(const struct connection_config *config, const struct connection_plan *plan,
                   struct inbox *inbox, struct connection **ret_connection, struct error *err)
{
    struct connection *connection = xcalloc(1, sizeof(*connection));
    int rc;

    mosquitto_lib_init();
    connection->config = config;
    connection->plan = *plan;
    connection->inbox = inbox;
    pthread_mutex_init(&connection->lock, NULL);
    connection->handle = mosquitto_new(config->client_id, plan->clean, connection);
    rc = connection->handle ? set_options(connection->handle, config, plan) : MOSQ_ERR_INVAL;
    if (rc != MOSQ_ERR_SUCCESS) {
        connection_free(connection);
        return new_failed(config, rc, err);
    }
    set_callbacks(connection->handle);
    *ret_connection = connection;
    return 0;
}

void connection_free(struct connection *connection)
{
    if (!connection)
        return;
    mosquitto_destroy(connection->handle); /* NULL is fine */
    pthread_mutex_destroy(&connection->lock);
    free_p(&connection);
}

/* --- connecting --- */

static int connect_properties(const struct connection_config *config, mosquitto_property **ret)
{
    int rc = mosquitto_property_add_int32(ret, MQTT_PROP_MAXIMUM_PACKET_SIZE,
                                          CONNECTION_MAX_PACKET_BYTES);

    if (rc == MOSQ_ERR_SUCCESS && config->session_expiry_s > 0)
        rc = mosquitto_property_add_int32(ret, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                          (uint32_t)config->session_expiry_s);
    return rc;
}

static int connect_handle(struct mosquitto *handle, const struct connection_config *config,
                          int protocol)
{
    mosquitto_property *properties = NULL;
    int rc = MOSQ_ERR_SUCCESS, saved_errno;

    if (protocol == 5)
        rc = connect_properties(config, &properties);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_connect_bind_v5(handle, config->host, config->port, config->keepalive_s,
                                       NULL, properties);
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

/* mosquitto leaves Nagle's algorithm on: the second small packet to us waits until we acknowledge
 * the first, which Linux likes to do 40 ms later. The kernel forgets this wish, so it is said again
 * after each round. Measured: command to acknowledgement 44 ms without, 0.2 ms with it. */
static void acknowledge_at_once(struct mosquitto *handle)
{
    int yes = 1;

    setsockopt(mosquitto_socket(handle), IPPROTO_TCP, TCP_QUICKACK, &yes, sizeof(yes));
}

/* --- the life of a connection --- */

static enum closing read_closing(struct connection *connection)
{
    enum closing closing;

    pthread_mutex_lock(&connection->lock);
    closing = connection->closing;
    pthread_mutex_unlock(&connection->lock);
    return closing;
}

static void mark_connected(struct connection *connection)
{
    pthread_mutex_lock(&connection->lock);
    connection->connected = true;
    pthread_mutex_unlock(&connection->lock);
}

/* The pump sleeps in select(): the DISCONNECT that is queued here is what wakes it. On 3.1.1 there
 * is none that keeps the will: for that the pump wakes by itself, within a second. */
void connection_close(struct connection *connection, bool with_will)
{
    bool was_open;

    pthread_mutex_lock(&connection->lock);
    was_open = connection->closing == OPEN;
    connection->closing = with_will ? ABANDON : MAX(connection->closing, GOODBYE);
    if (was_open && connection->connected && (!with_will || connection->plan.protocol == 5))
        mosquitto_disconnect_v5(connection->handle,
                                with_will ? MQTT_RC_DISCONNECT_WITH_WILL_MSG : 0, NULL);
    pthread_mutex_unlock(&connection->lock);
}

static int64_t answer_timeout_ms(const struct connection *connection)
{
    int64_t wanted = connection->config->answer_timeout_ms;

    return wanted ? wanted : ANSWER_TIMEOUT_MS;
}

/* We are up only when the broker has taken our subscriptions. */
static bool subscribe_is_overdue(struct connection *connection)
{
    bool overdue;

    pthread_mutex_lock(&connection->lock);
    overdue = connection->open_subscribes > 0 &&
              clock_mono_ms() - connection->subscribe_at_ms > answer_timeout_ms(connection);
    pthread_mutex_unlock(&connection->lock);
    return overdue;
}

/* Whether the connection is to be run on; ret_rc: why not. */
static bool keep_running(struct connection *connection, int64_t started_at_ms, int *ret_rc)
{
    if (mosquitto_socket(connection->handle) < 0)
        *ret_rc = MOSQ_ERR_CONN_LOST; /* the broker's DISCONNECT, or ours */
    else if (subscribe_is_overdue(connection))
        *ret_rc = MOSQ_ERR_KEEPALIVE;
    else if (connection->accepted_at_ms)
        return true;
    else if (clock_mono_ms() - started_at_ms > answer_timeout_ms(connection))
        *ret_rc = MOSQ_ERR_KEEPALIVE;
    else
        return true;
    return false;
}

/* False when it is time to go; a goodbye has a moment to be written. */
static bool wants_on(struct connection *connection, int64_t *goodbye_at_ms)
{
    enum closing closing;

    if (connection->plan.probe && connection->accepted_at_ms)
        connection_close(connection, false);
    closing = read_closing(connection);
    if (closing == OPEN)
        return true;
    if (closing == ABANDON || !connection->accepted_at_ms)
        return false;
    if (*goodbye_at_ms == 0)
        *goodbye_at_ms = clock_mono_ms();
    return clock_mono_ms() - *goodbye_at_ms < CLOSE_TIMEOUT_MS;
}

/* Returns a MOSQ_ERR code, errno with it. */
static int run_connected(struct connection *connection)
{
    int64_t started_at_ms = clock_mono_ms(), goodbye_at_ms = 0;
    int rc = MOSQ_ERR_CONN_LOST;

    while (wants_on(connection, &goodbye_at_ms)) {
        errno = 0;
        rc = mosquitto_loop(connection->handle, LOOP_TIMEOUT_MS, 1);
        if (rc != MOSQ_ERR_SUCCESS || !keep_running(connection, started_at_ms, &rc))
            break;
        acknowledge_at_once(connection->handle);
    }
    return rc;
}

/* --- why it ended --- */

static void set_ending(struct ending *ending, enum ending_kind kind, int code, const char *detail)
{
    ending->kind = kind;
    ending->code = code;
    snprintf(ending->detail, sizeof(ending->detail), "%s", detail ? detail : "");
}

/* With TLS 1.3 the broker says what it has against our certificate after the handshake, and closes:
 * mostly that is still read. */
static void end_by_close(const struct connection *connection, struct ending *ending)
{
    const struct connection_config *config = connection->config;

    if (config->tls && connection->log_text[0] && !connection->accepted_at_ms)
        set_ending(ending, ENDING_TLS, 0, connection->log_text);
    else
        set_ending(ending, ENDING_CLOSED, 0,
                   config->tls && !config->cert_file
                       ? " (does it want a certificate from us? mqtt.cert_file)"
                       : NULL);
}

static void end_by_errno(const struct connection *connection, int code, struct ending *ending)
{
    if (connection->config->tls && connection->log_text[0])
        set_ending(ending, ENDING_TLS, 0, connection->log_text);
    else if (code <= 0 || code == EAGAIN) /* something in the library has overwritten it */
        end_by_close(connection, ending);
    else
        set_ending(ending, ENDING_SYSTEM, code, NULL);
}

static void end_by_library(const struct connection *connection, int rc, int code,
                           struct ending *ending)
{
    switch (rc) {
    case MOSQ_ERR_SUCCESS:
    case MOSQ_ERR_CONN_LOST:
    case MOSQ_ERR_NO_CONN:
        end_by_close(connection, ending);
        break;
    case MOSQ_ERR_ERRNO:
        end_by_errno(connection, code, ending);
        break;
    case MOSQ_ERR_EAI:
        set_ending(ending, ENDING_NO_HOST, 0, gai_strerror(code));
        break;
    case MOSQ_ERR_KEEPALIVE:
        set_ending(ending, ENDING_SILENT, 0, NULL);
        break;
    case MOSQ_ERR_PROTOCOL:
    case MOSQ_ERR_MALFORMED_PACKET:
        set_ending(ending, ENDING_NOT_MQTT, 0, NULL);
        break;
    case MOSQ_ERR_TLS:
        set_ending(ending, ENDING_TLS, 0,
                   connection->log_text[0] ? connection->log_text : "the handshake failed");
        break;
    default:
        set_ending(ending, ENDING_INTERNAL, 0, mosquitto_strerror(rc));
    }
}

void connection_run(struct connection *connection, struct ending *ret_ending)
{
    int rc = connect_handle(connection->handle, connection->config, connection->plan.protocol);
    int code = errno;

    if (rc == MOSQ_ERR_SUCCESS) {
        limit_tcp(connection->handle);
        mark_connected(connection);
        rc = run_connected(connection);
        code = errno;
    }
    *ret_ending = (struct ending){.accepted_at_ms = connection->accepted_at_ms};
    if (connection->connack)
        set_ending(ret_ending, ENDING_REFUSED, connection->connack,
                   connection_reason_text(connection->connack));
    else if (connection->dismissed)
        set_ending(ret_ending, ENDING_DISMISSED, connection->dismissed,
                   connection_reason_text(connection->dismissed));
    else
        end_by_library(connection, rc, code, ret_ending);
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
    if (rc == MOSQ_ERR_SUCCESS && message->content != MQTT_JPEG)
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

int connection_publish(struct connection *connection, const struct outbox_message *message,
                       int *ret_mid, struct error *err)
{
    mosquitto_property *properties = NULL;
    int rc = MOSQ_ERR_SUCCESS;

    if (message->len > MQTT_MAX_PAYLOAD)
        rc = MOSQ_ERR_PAYLOAD_SIZE;
    else if (connection->plan.protocol == 5)
        rc = publish_properties(message, &properties);
    if (rc == MOSQ_ERR_SUCCESS)
        rc = mosquitto_publish_v5(connection->handle, ret_mid, message->topic, (int)message->len,
                                  message->payload, MIN(message->qos, connection->max_qos),
                                  message->retained || message->keep, properties);
    mosquitto_property_free_all(&properties);
    return library_error(rc, "publish", message->topic, err);
}

int connection_subscribe(struct connection *connection, char *const *filters, size_t count,
                         bool with_retained, int *ret_mid, struct error *err)
{
    int options = with_retained ? RETAIN_AS_PUBLISHED : RETAIN_AS_PUBLISHED | RETAIN_HANDLING_NEVER;
    int rc;

    note_subscribes(connection, 1); /* before it is sent: the answer comes on the other thread */
    rc = mosquitto_subscribe_multiple(connection->handle, ret_mid, (int)count, filters, 1, options,
                                      NULL);
    if (rc != MOSQ_ERR_SUCCESS)
        note_subscribes(connection, -1);
    return library_error(rc, "subscribe", filters[0], err);
}

void connection_unsubscribe(struct connection *connection, const char *filter)
{
    mosquitto_unsubscribe(connection->handle, NULL, filter);
}
