/* SPDX-License-Identifier: MIT */
/* sessions: the HTTP sessions of a Duet: eight slots, 8 s, by key or by address; pure. */
#ifndef SIM_SESSIONS_H
#define SIM_SESSIONS_H

#include "agent/base/common.h"

enum { SESSIONS_MAX = 8, SESSIONS_TIMEOUT_MS = 8000 };

struct session {
    bool used;
    uint32_t key;     /* 0: bound to the address */
    uint32_t address; /* IPv4 */
    int64_t last_us;
};

struct sessions {
    struct session slots[SESSIONS_MAX];
    const char *password; /* NULL or "": none is needed */
    bool keys;            /* firmware 3.5 and up */
    uint64_t random;
};

void sessions_init(struct sessions *sessions, const char *password, bool keys, uint64_t seed);
void sessions_expire(struct sessions *sessions, int64_t now_us);
void sessions_forget_all(struct sessions *sessions);
int sessions_count(const struct sessions *sessions);

/* Who asks: the key of X-Session-Key (0 = no such header) and the address. */
struct session_client {
    uint32_t key;
    bool has_key;
    uint32_t address;
};

/* rr_connect. -EACCES: wrong password; -EUSERS: no slot. *ret_key is 0 unless wants_key. */
int sessions_connect(struct sessions *sessions, const struct session_client *client,
                     const char *password, bool wants_key, int64_t now_us,
                     uint32_t *ret_key) MUST_CHECK;
/* May the request be answered? Renews the session. Without a password an unknown address gets a
 * session of its own; a stale key is refused and takes a slot all the same (as the firmware does).
 */
bool sessions_authorise(struct sessions *sessions, const struct session_client *client,
                        int64_t now_us);
/* False: there was no such session. */
bool sessions_disconnect(struct sessions *sessions, const struct session_client *client);

#endif
