/* SPDX-License-Identifier: MIT */
/* certificates: an authority and what it signs, made by openssl for one test. */
#ifndef TESTS_MQTT_CERTIFICATES_H
#define TESTS_MQTT_CERTIFICATES_H

#include "agent/base/common.h"

struct certificate {
    const char *common_name;
    const char *san;             /* "IP:127.0.0.1", "DNS:broker.example"; NULL = none */
    int64_t begins_s, expires_s; /* from now; both 0: valid, for two days */
};

/* dir/name.pem and dir/name.key; returns the path of the certificate, which the caller frees. */
char *certificate_authority(const char *dir, const char *name) MUST_CHECK;
/* dir/name.pem and dir/name.key, signed by that authority. */
void certificate_make(const char *dir, const char *authority, const char *name,
                      const struct certificate *wanted);

#endif
