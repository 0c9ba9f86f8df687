/* SPDX-License-Identifier: MIT */
/* script_server: an HTTP server on the test's own loop whose every byte the test decides. */
#ifndef TESTS_CAPTURE_SCRIPT_SERVER_H
#define TESTS_CAPTURE_SCRIPT_SERVER_H

#include "agent/base/loop.h"

struct script_server;
struct script_peer; /* one connection */

/* A request came whole: its text up to and with the empty line. */
typedef void (*script_request_fn)(struct script_peer *peer, const char *request, void *user);
/* The client has gone; the peer is freed after this. Not after peer_close(). */
typedef void (*script_gone_fn)(struct script_peer *peer, void *user);

struct script_server *script_server_new(struct loop *loop, script_request_fn on_request,
                                        script_gone_fn on_gone, void *user);
void script_server_free(struct script_server *server);
int script_server_port(const struct script_server *server);

void peer_send(struct script_peer *peer, const void *data, size_t len);
void peer_send_text(struct script_peer *peer, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A whole answer with Content-Length. */
void peer_answer(struct script_peer *peer, int status, const char *type, const void *data,
                 size_t len);
/* Sends what is left and hangs up; the peer is gone for the test. */
void peer_close(struct script_peer *peer);

#endif
