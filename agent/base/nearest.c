/* SPDX-License-Identifier: MIT */
#include "agent/base/nearest.h"

#include <stdint.h>
#include <string.h>

enum { WORD_MAX = 48 }; /* longer words get no suggestion */

/* Optimal string alignment: insertions, deletions, changes and swapped neighbours. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1], a_len = strlen(a), b_len = strlen(b);

    if (a_len > WORD_MAX || b_len > WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t change = above[j - 1] + (a[i - 1] != b[j - 1]);

            row[j] = MIN(change, MIN(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = MIN(row[j], above2[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

struct nearest nearest_init(const char *word)
{
    return (struct nearest){.word = word, .distance = MAX((size_t)1, strlen(word) / 3) + 1};
}

void nearest_try(struct nearest *nearest, const char *candidate)
{
    size_t distance = edit_distance(nearest->word, candidate);

    if (distance < nearest->distance) {
        nearest->distance = distance;
        nearest->best = candidate;
    }
}
