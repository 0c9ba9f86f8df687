/* SPDX-License-Identifier: MIT */
/* http_request: the head of a request, taken apart; pure. */
#ifndef SIM_HTTP_REQUEST_H
#define SIM_HTTP_REQUEST_H

#include "agent/base/common.h"

struct http_request {
    char method[8];
    char path[256];
    char query[2048];     /* raw; "" when there is none */
    char session_key[24]; /* X-Session-Key; "" when there is none */
    uint32_t address;     /* of the peer, IPv4 in host order */
    size_t head_bytes;    /* request line and headers */
    int header_count;
};

/* Reads request line and headers up to the empty line; address and head_bytes are left alone.
 * False: it is no HTTP, or a part of it is too long. */
bool http_request_parse(const char *head, struct http_request *request, size_t *ret_body_len);

#endif
