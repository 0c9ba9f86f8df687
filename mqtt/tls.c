/* SPDX-License-Identifier: MIT */
/* tls: libmosquitto logs "certificate verify failed" and keeps the reason to itself; OpenSSL still
 * has it at that moment. What the broker has against us comes as an alert, whose name only is in
 * the log. */
#include "mqtt/tls.h"

#include "agent/base/clock.h"
#include "agent/base/str.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

enum { DAY_LEN = sizeof("2026-01-31") - 1 };

/* Parts of what OpenSSL or libmosquitto says, and what it means. */
static const struct {
    const char *part, *text;
} hints[] = {
    {"host name verification failed", "the broker's certificate is for another name than mqtt.host "
                                      "(host name verification failed): use the name in it"},
    {"alert certificate required",
     "the broker wants a certificate from us: set mqtt.cert_file and mqtt.key_file"},
    {"alert unknown ca", "the broker does not know the authority of our certificate "
                         "(mqtt.cert_file)"},
    {"alert certificate expired", "our certificate (mqtt.cert_file) has expired, says the broker"},
    {"alert certificate revoked", "our certificate (mqtt.cert_file) was revoked, says the broker"},
    {"alert bad certificate", "the broker does not accept our certificate (mqtt.cert_file)"},
    {"alert handshake failure", "the broker ended the handshake; it may want a certificate from us "
                                "(mqtt.cert_file), or knows no cipher of ours"},
    {"alert protocol version", "the broker speaks no TLS 1.2 or newer"},
    {"unsupported protocol", "the broker speaks no TLS 1.2 or newer"},
    {"wrong version number", "the broker does not speak TLS on this port; its TLS port is mostly "
                             "8883"},
    {"packet length too long", "the broker does not speak TLS on this port; its TLS port is mostly "
                               "8883"},
};

static void explain_clock(const char *what, char *ret_text, size_t size)
{
    char now[CLOCK_RFC3339_LEN];

    clock_format_rfc3339(clock_wall_ms(), now);
    snprintf(ret_text, size, "the broker's certificate %s (today is %.*s by this machine's clock)",
             what, DAY_LEN, now);
}

static void explain_verify(long result, char *ret_text, size_t size)
{
    switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        explain_clock("has expired: the broker needs a new one", ret_text, size);
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        explain_clock("is not valid yet", ret_text, size);
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        snprintf(ret_text, size,
                 "the broker's certificate is of an authority that we do not know "
                 "(certificate verify failed): set mqtt.ca_file to that authority's certificate");
        break;
    default:
        snprintf(ret_text, size, "certificate verify failed: %s",
                 X509_verify_cert_error_string(result));
    }
}

/* "OpenSSL Error[0]: error:0A000086:SSL routines::<reason>", "Error: <reason>" */
static const char *reason_of(const char *logged)
{
    const char *reason = strstr(logged, "::");

    if (reason)
        return reason + 2;
    return str_starts_with(logged, "Error: ") ? logged + strlen("Error: ") : logged;
}

void tls_explain(void *ssl, const char *logged, char *ret_text, size_t size)
{
    long result = ssl ? SSL_get_verify_result(ssl) : X509_V_OK;

    ret_text[0] = '\0';
    if (strstr(logged, "unexpected eof")) /* it just went away */
        return;
    for (size_t i = 0; i < ARRAY_LEN(hints); i++)
        if (strstr(logged, hints[i].part)) {
            snprintf(ret_text, size, "%s", hints[i].text);
            return;
        }
    if (result != X509_V_OK)
        explain_verify(result, ret_text, size);
    else
        snprintf(ret_text, size, "%s", reason_of(logged));
}

int tls_no_passphrase(char *buffer, int size, int for_writing, void *user)
{
    (void)buffer;
    (void)size;
    (void)for_writing;
    (void)user;
    return 0;
}
