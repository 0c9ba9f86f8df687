/* SPDX-License-Identifier: MIT */
/* tls: why a TLS connection failed, in words that say what to do; the only door to OpenSSL, which
 * libmosquitto brings along. */
#ifndef MQTT_TLS_H
#define MQTT_TLS_H

#include "agent/base/common.h"

/* ssl: OpenSSL's connection, NULL = none yet. logged: the library's line about it. "": it was not
 * TLS that failed. */
void tls_explain(void *ssl, const char *logged, char *ret_text, size_t size);

/* For a key file with a passphrase: OpenSSL would ask for it on the terminal and wait. */
int tls_no_passphrase(char *buffer, int size, int for_writing, void *user);

#endif
