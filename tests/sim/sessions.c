/* SPDX-License-Identifier: MIT */
/* sessions: the firmware's table with its trap left in: see sessions_authorise(). */
#include "tests/sim/sessions.h"

#include "agent/base/str.h"

#include <errno.h>
#include <string.h>

void sessions_init(struct sessions *s, const char *password, bool keys, uint64_t seed)
{
    *s = (struct sessions){.password = password, .keys = keys, .random = seed * 2 + 1};
}

void sessions_forget_all(struct sessions *s)
{
    memset(s->slots, 0, sizeof(s->slots));
}

void sessions_expire(struct sessions *s, int64_t now_us)
{
    for (int i = 0; i < SESSIONS_MAX; i++) {
        if (now_us - s->slots[i].last_us > SESSIONS_TIMEOUT_MS * INT64_C(1000))
            s->slots[i].used = false;
    }
}

int sessions_count(const struct sessions *s)
{
    int count = 0;

    for (int i = 0; i < SESSIONS_MAX; i++)
        count += s->slots[i].used;
    return count;
}

static struct session *find(struct sessions *s, uint32_t key, uint32_t address)
{
    for (int i = 0; i < SESSIONS_MAX; i++) {
        struct session *slot = &s->slots[i];

        if (slot->used && slot->key == key && (key != 0 || slot->address == address))
            return slot;
    }
    return NULL;
}

static struct session *find_client(struct sessions *s, const struct session_client *client)
{
    return find(s, s->keys && client->has_key ? client->key : 0, client->address);
}

static struct session *take_slot(struct sessions *s, uint32_t key, uint32_t address, int64_t now_us)
{
    for (int i = 0; i < SESSIONS_MAX; i++) {
        if (s->slots[i].used)
            continue;
        s->slots[i] =
            (struct session){.used = true, .key = key, .address = address, .last_us = now_us};
        return &s->slots[i];
    }
    return NULL;
}

static uint32_t new_key(struct sessions *s)
{
    s->random = s->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(s->random >> 32) | 1;
}

static bool needs_password(const struct sessions *s)
{
    return s->password && s->password[0] && !str_equal(s->password, "reprap");
}

int sessions_connect(struct sessions *s, const struct session_client *client, const char *password,
                     bool wants_key, int64_t now_us, uint32_t *ret_key)
{
    uint32_t key = s->keys && wants_key ? new_key(s) : 0;
    struct session *slot;

    sessions_expire(s, now_us);
    if (needs_password(s) && !str_equal(s->password, password))
        return -EACCES;
    slot = find(s, key, client->address);
    if (!slot)
        slot = take_slot(s, key, client->address, now_us);
    if (!slot)
        return -EUSERS;
    slot->last_us = now_us;
    *ret_key = key;
    return 0;
}

bool sessions_authorise(struct sessions *s, const struct session_client *client, int64_t now_us)
{
    bool stale_key = s->keys && client->has_key;
    struct session *slot;

    sessions_expire(s, now_us);
    slot = find_client(s, client);
    if (slot) {
        slot->last_us = now_us;
        return true;
    }
    if (needs_password(s))
        return false;
    return take_slot(s, 0, client->address, now_us) && !stale_key;
}

bool sessions_disconnect(struct sessions *s, const struct session_client *client)
{
    struct session *slot = find_client(s, client);

    if (!slot)
        return false;
    slot->used = false;
    return true;
}
