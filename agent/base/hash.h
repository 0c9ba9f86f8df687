/* SPDX-License-Identifier: MIT */
/* hash: FNV-1a, 64 bits: tells whether two texts are the same; no protection against people. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "agent/base/common.h"

#define HASH_INIT 0xcbf29ce484222325u

/* hash: HASH_INIT, or that of what stands before. */
static inline uint64_t hash_bytes(uint64_t hash, const void *data, size_t len)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

#endif
