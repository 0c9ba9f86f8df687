/* SPDX-License-Identifier: MIT */
/* settings: the group "mqtt" of the configuration. */
#include "agent/base/str.h"
#include "mqtt/client.h"
#include "mqtt/topic.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static const char *const protocols[] = {"auto", "5", "3.1.1", NULL};
enum { PROTOCOL_311 = 2 }; /* in protocols */

#define FIELD(member) .key = #member, .offset = offsetof(struct mqtt_settings, member)

static const struct conf_field fields[] = {
    {FIELD(host), .type = CONF_STRING, .fallback = "127.0.0.1", .max = 255,
     .help = "Name or address of the broker."},
    {FIELD(port), .type = CONF_INT, .fallback = "0", .min = 0, .max = 65535,
     .help = "TCP port of the broker; 0 is 1883, or 8883 with TLS."},
    {FIELD(protocol), .type = CONF_ENUM, .fallback = "auto", .choices = protocols,
     .help = "Version of MQTT; auto tries 5 and then 3.1.1."},
    {FIELD(user), .type = CONF_STRING, .max = 255,
     .help = "User name at the broker; the shipped ACL expects the id of the agent."},
    {FIELD(password), .type = CONF_SECRET, .help = "Password at the broker."},
    {FIELD(prefix), .type = CONF_STRING, .fallback = "timelapse", .max = 263,
     .help = "First level or levels of all our topics."},
    {FIELD(keepalive_s), .type = CONF_INT, .fallback = "30", .min = 5, .max = 3600, .unit = "s",
     .help = "After this silence the broker is asked whether it is still there."},
    {FIELD(tls), .type = CONF_BOOL, .fallback = "false",
     .help = "Encrypt the connection (TLS 1.2 or newer) and verify the broker's certificate."},
    {FIELD(ca_file), .type = CONF_PATH,
     .help =
         "Certificate authority that signed the broker's certificate; the system's when absent."},
    {FIELD(cert_file), .type = CONF_PATH,
     .help = "Our own certificate, when the broker wants one."},
    {FIELD(key_file), .type = CONF_PATH,
     .help = "The private key of cert_file, without a passphrase; nobody else may read it."},
    {FIELD(insecure_skip_hostname), .type = CONF_BOOL, .fallback = "false",
     .help = "Accept a certificate that was made for another host name."},
    {FIELD(max_events), .type = CONF_INT, .fallback = "50000", .min = 10, .max = 1000000,
     .help = "Events and acknowledgements kept on disk while the broker is away (16 MiB at most); "
             "the oldest go first."},
    {FIELD(offline_queue_s), .type = CONF_INT, .fallback = "0", .max = 30 * 24 * 3600, .unit = "s",
     .help = "How long the broker keeps commands while this agent is away (MQTT 5); each must "
             "then carry an expiry. 0: only 60 s, over a short loss of the connection."},
    {FIELD(response_topic_allow), .type = CONF_STRINGS,
     .help = "Topic filters of further Response Topics that may be answered to, beside those "
             "below our own prefix."},
};

const struct conf_table mqtt_table = {
    .name = "mqtt",
    .fields = fields,
    .field_count = ARRAY_LEN(fields),
    .help = "The connection to the broker.",
};

static void check_readable(struct conf *conf, const char *key, const char *path)
{
    if (path && access(path, R_OK) < 0)
        conf_problem(conf, &mqtt_table, 0, key, "cannot read %s: %s", path, strerrordesc_np(errno));
}

static void check_tls(const struct mqtt_settings *settings, struct conf *conf)
{
    struct error err;

    if (!settings->tls && (settings->ca_file || settings->cert_file || settings->key_file ||
                           settings->insecure_skip_hostname))
        conf_problem(conf, &mqtt_table, 0, "tls", "tls is off, but there are settings for it");
    if (!settings->cert_file != !settings->key_file)
        conf_problem(conf, &mqtt_table, 0, settings->cert_file ? "cert_file" : "key_file",
                     "cert_file and key_file belong together");
    check_readable(conf, "ca_file", settings->ca_file);
    check_readable(conf, "cert_file", settings->cert_file);
    if (settings->cert_file && settings->key_file &&
        conf_check_secret_file(settings->key_file, &err) < 0)
        conf_problem(conf, &mqtt_table, 0, "key_file", "%s", err.text);
}

void mqtt_settings_check(const struct mqtt_settings *settings, struct conf *conf)
{
    if (!settings->host || !*settings->host)
        conf_problem(conf, &mqtt_table, 0, "host", "host must not be empty");
    if (!settings->prefix || !topic_prefix_valid(settings->prefix))
        conf_problem(conf, &mqtt_table, 0, "prefix",
                     "prefix must be one to eight levels of letters, digits, '_' and '-'");
    if (settings->password && !settings->user)
        conf_problem(conf, &mqtt_table, 0, "password", "password needs a user");
    for (size_t i = 0; i < settings->response_topic_allow.count; i++)
        if (!topic_filter_valid(settings->response_topic_allow.items[i]))
            conf_problem(conf, &mqtt_table, 0, "response_topic_allow",
                         "response_topic_allow: '%s' is no topic filter",
                         settings->response_topic_allow.items[i]);
    if (settings->offline_queue_s > 0 && settings->protocol == PROTOCOL_311)
        conf_problem(conf, &mqtt_table, 0, "offline_queue_s",
                     "offline_queue_s needs MQTT 5: set protocol to \"auto\" or \"5\"");
    check_tls(settings, conf);
}
