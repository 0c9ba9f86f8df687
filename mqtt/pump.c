/* SPDX-License-Identifier: MIT */
/* pump: why a thread of our own. libmosquitto blocks in DNS and TCP, and what it offers instead
 * (connect_async + loop_start) never tries again when the very first connect is refused.
 *
 * pump.lock guards what both threads see; the loop thread holds it while it uses the connection,
 * the pump only to lend it and to take it back, and callbacks of the library never take it. */
#include "mqtt/pump.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "mqtt/back_off.h"
#include "mqtt/connection.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

enum {
    JOIN_TIMEOUT_MS = 2000,
    SETUP_WAIT_MS = 60000, /* a person must act first */
    STABLE_MS = 5000,      /* a link that lived so long starts the back-off anew */
    SHORT_LIFE_MS = 10000,
    SHORT_LIVES_MAX = 4,
};

enum quit { QUIT_NOT, QUIT_CLOSE, QUIT_NOW };

struct owned_text {
    char *host, *user, *password, *client_id, *will_topic, *ca_file, *cert_file, *key_file;
};

struct pump {
    struct owned_text text;
    struct connection_config config;
    struct inbox inbox;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum quit quit;
    bool finished, orphaned;
    struct connection *connection; /* NULL between two */
    unsigned number;               /* of it */

    /* pump thread only */
    struct negotiation negotiation;
    bool will_not_retained, will_qos_0; /* it takes no better one */
    bool had_session;                   /* the broker may still hold our session */
    int failures;
    int short_lives; /* connections in a row that the broker accepted and soon closed */
};

/* --- the thread --- */

static void push_down(struct pump *pump, unsigned number, const struct error *why, bool must_act)
{
    struct inbox_event *event = inbox_event_new(INBOX_DOWN, number, 0);

    event->why = xmemdup(why, sizeof(*why));
    event->must_act = must_act;
    inbox_push(&pump->inbox, event);
}

static void push_ending(struct pump *pump, unsigned number, const struct ending *ending)
{
    const struct ending_names names = {
        .host = pump->config.host,
        .port = pump->config.port,
        .user = pump->config.user,
        .client_id = pump->config.client_id,
    };
    struct error why = {0};

    ending_describe(ending, &names, &why);
    push_down(pump, number, &why, ending_must_act(ending));
}

static int64_t life_ms(const struct ending *ending)
{
    return ending->accepted_at_ms ? clock_mono_ms() - ending->accepted_at_ms : 0;
}

/* Only mosquitto 2.0.15 and newer say "session taken over", and nobody does on 3.1.1. A broker that
 * restarts closes connections, too, but it does not accept the next one at once. */
static void see_rival(struct pump *pump, struct ending *ending)
{
    bool short_life =
        ending->accepted_at_ms && ending->kind == ENDING_CLOSED && life_ms(ending) < SHORT_LIFE_MS;

    pump->short_lives = short_life ? pump->short_lives + 1 : 0;
    if (pump->short_lives >= SHORT_LIVES_MAX)
        ending->kind = ENDING_RIVALLED;
}

/* How long to stay away. */
static int64_t wait_after(struct pump *pump, const struct ending *ending)
{
    if (life_ms(ending) >= STABLE_MS)
        pump->failures = 0;
    pump->failures++;
    return ending_shortest_wait_ms(ending) +
           back_off_ms(pump->failures, ending_longest_wait_ms(ending));
}

static enum quit lend(struct pump *pump, struct connection *connection, unsigned number)
{
    enum quit quit;

    pthread_mutex_lock(&pump->lock);
    quit = pump->quit;
    pump->connection = connection;
    pump->number = number;
    pthread_mutex_unlock(&pump->lock);
    return quit;
}

/* On 3.1.1 a session that is not clean lives for ever, and with it every command that was sent
 * while we were away: there we always start clean. */
static struct connection_plan plan_next(struct pump *pump, unsigned number)
{
    int protocol = negotiation_protocol(&pump->negotiation, clock_mono_ms());

    return (struct connection_plan){
        .number = number,
        .protocol = protocol,
        .clean = protocol != 5 || pump->config.session_expiry_s == 0 || !pump->had_session,
        .probe = negotiation_is_probe(&pump->negotiation),
        .will_not_retained = pump->will_not_retained,
        .will_qos_0 = pump->will_qos_0,
    };
}

static void run_lent(struct pump *pump, struct connection *connection,
                     const struct connection_plan *plan, struct ending *ret_ending)
{
    *ret_ending = (struct ending){.kind = ENDING_CLOSED};
    if (lend(pump, connection, plan->number) == QUIT_NOT)
        connection_run(connection, ret_ending);
    if (ret_ending->accepted_at_ms && !plan->probe)
        pump->had_session = plan->protocol == 5;
}

/* Whether the broker refused our will for what it can be asked to do without; each once. */
static bool lower_will(struct pump *pump, const struct ending *ending)
{
    bool *flag = NULL;

    if (ending->kind == ENDING_REFUSED && ending->code == REASON_NO_RETAIN)
        flag = &pump->will_not_retained;
    else if (ending->kind == ENDING_REFUSED && ending->code == REASON_NO_QOS)
        flag = &pump->will_qos_0;
    if (!flag || *flag)
        return false;
    *flag = true;
    return true;
}

/* One connection; returns how long to wait until the next one. */
static int64_t attempt(struct pump *pump, unsigned number)
{
    struct connection_plan plan = plan_next(pump, number);
    struct connection *connection;
    struct ending ending;
    struct error err;
    enum quit quit;
    bool again;

    if (connection_new(&pump->config, &plan, &pump->inbox, &connection, &err) < 0) {
        push_down(pump, number, &err, true);
        return SETUP_WAIT_MS;
    }
    run_lent(pump, connection, &plan, &ending);
    quit = lend(pump, NULL, 0);
    connection_free(connection);
    again = lower_will(pump, &ending);
    if (negotiation_result(&pump->negotiation, ending_outcome(&ending), clock_mono_ms()))
        again = true;
    if (again && quit == QUIT_NOT)
        return 0; /* a step of the negotiation is no failure to speak of */
    see_rival(pump, &ending);
    push_ending(pump, number, &ending);
    return wait_after(pump, &ending);
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
static bool wait_for_next(struct pump *pump, int64_t wait_ms)
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
    struct owned_text *text = &pump->text;

    inbox_done(&pump->inbox);
    pthread_cond_destroy(&pump->changed);
    pthread_mutex_destroy(&pump->lock);
    free_p(&text->host);
    free_p(&text->user);
    free_secret(text->password);
    free_p(&text->client_id);
    free_p(&text->will_topic);
    free_p(&text->ca_file);
    free_p(&text->cert_file);
    free_p(&text->key_file);
    free_p(&pump);
}

static void *pump_main(void *user)
{
    struct pump *pump = user;
    unsigned number = 0;
    int64_t wait_ms = 0;
    bool orphaned;

    while (wait_for_next(pump, wait_ms))
        wait_ms = attempt(pump, ++number);
    pthread_mutex_lock(&pump->lock);
    pump->finished = true;
    orphaned = pump->orphaned;
    pthread_cond_broadcast(&pump->changed);
    pthread_mutex_unlock(&pump->lock);
    if (orphaned)
        pump_destroy(pump);
    return NULL;
}

/* --- start and end --- */

/* A pump that is left behind in connect() must not read settings that are freed. */
static void copy_config(struct pump *pump, const struct pump_config *from)
{
    const struct mqtt_settings *settings = from->settings;
    struct owned_text *text = &pump->text;
    int64_t usual_port = settings->tls ? 8883 : 1883;

    replace_str(&text->host, settings->host);
    replace_str(&text->user, settings->user);
    replace_str(&text->password, settings->password);
    replace_str(&text->client_id, from->client_id);
    replace_str(&text->will_topic, from->will_topic);
    replace_str(&text->ca_file, settings->ca_file);
    replace_str(&text->cert_file, settings->cert_file);
    replace_str(&text->key_file, settings->key_file);
    pump->config = (struct connection_config){
        .host = text->host,
        .user = text->user,
        .password = text->password,
        .client_id = text->client_id,
        .will_topic = text->will_topic,
        .ca_file = text->ca_file,
        .cert_file = text->cert_file,
        .key_file = text->key_file,
        .port = (int)(settings->port ? settings->port : usual_port),
        .keepalive_s = (int)settings->keepalive_s,
        .tls = settings->tls,
        .insecure_skip_hostname = settings->insecure_skip_hostname,
        .session_expiry_s = from->session_expiry_s,
        .answer_timeout_ms = from->answer_timeout_ms,
    };
}

static struct pump *pump_new(const struct pump_config *config, struct wake *wake)
{
    static const int versions[] = {0, 5, 4};
    struct pump *pump = xcalloc(1, sizeof(*pump));
    pthread_condattr_t monotonic;

    copy_config(pump, config);
    pump->had_session = config->resume_session;
    inbox_init(&pump->inbox, wake, config->inbox_max_messages);
    negotiation_init(&pump->negotiation, versions[config->settings->protocol]);
    pthread_mutex_init(&pump->lock, NULL);
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
    struct pump *pump = pump_new(config, wake);
    int rc = create_thread(pump);

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
    if (pump->connection)
        connection_close(pump->connection, quit == QUIT_NOW);
    pthread_cond_broadcast(&pump->changed);
    pthread_mutex_unlock(&pump->lock);
}

void pump_close(struct pump *pump)
{
    set_quit(pump, QUIT_CLOSE);
}

/* Whether the thread is at its end; if it is not in time, it will clean up behind itself. */
static bool wait_until_finished(struct pump *pump)
{
    struct timespec deadline = deadline_after(JOIN_TIMEOUT_MS);
    bool finished;

    pthread_mutex_lock(&pump->lock);
    while (!pump->finished)
        if (pthread_cond_timedwait(&pump->changed, &pump->lock, &deadline) == ETIMEDOUT)
            break;
    finished = pump->finished;
    pump->orphaned = !finished;
    if (!finished)
        pthread_detach(pump->thread);
    pthread_mutex_unlock(&pump->lock);
    return finished;
}

void pump_free(struct pump *pump)
{
    if (!pump)
        return;
    inbox_close(&pump->inbox);
    set_quit(pump, QUIT_NOW);
    if (wait_until_finished(pump)) {
        pthread_join(pump->thread, NULL);
        pump_destroy(pump);
    }
}

struct inbox *pump_inbox(struct pump *pump)
{
    return &pump->inbox;
}

/* --- handing over --- */

/* With pump.lock held: the connection, when it is the one that is meant. */
static struct connection *meant(const struct pump *pump, unsigned number)
{
    return pump->number == number ? pump->connection : NULL;
}

int pump_publish(struct pump *pump, unsigned connection, const struct outbox_message *message,
                 int *ret_mid, struct error *err)
{
    struct connection *to;
    int rc;

    pthread_mutex_lock(&pump->lock);
    to = meant(pump, connection);
    rc = to ? connection_publish(to, message, ret_mid, err)
            : error_set(err, -ENOTCONN, "publish %s: not connected", message->topic);
    pthread_mutex_unlock(&pump->lock);
    return rc;
}

int pump_subscribe(struct pump *pump, unsigned connection, char *const *filters, size_t count,
                   bool with_retained, int *ret_mid, struct error *err)
{
    struct connection *to;
    int rc;

    pthread_mutex_lock(&pump->lock);
    to = meant(pump, connection);
    rc = to ? connection_subscribe(to, filters, count, with_retained, ret_mid, err)
            : error_set(err, -ENOTCONN, "subscribe: not connected");
    pthread_mutex_unlock(&pump->lock);
    return rc;
}

void pump_unsubscribe(struct pump *pump, unsigned connection, const char *filter)
{
    struct connection *to;

    pthread_mutex_lock(&pump->lock);
    to = meant(pump, connection);
    if (to)
        connection_unsubscribe(to, filter);
    pthread_mutex_unlock(&pump->lock);
}
