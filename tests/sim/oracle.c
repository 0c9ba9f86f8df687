/* SPDX-License-Identifier: MIT */
/* oracle: stdio's buffer, flushed by the simulator's tick, keeps the log out of the timing. */
#include "tests/sim/oracle.h"

#include "agent/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct oracle {
    FILE *file;
};

int oracle_open(const char *path, struct oracle **ret_oracle, struct error *err)
{
    FILE *file = path ? fopen(path, "w+e") : tmpfile();
    struct oracle *oracle;

    if (!file)
        return error_set(err, -errno, "cannot write the log %s: %s", path ? path : "(temporary)",
                         strerror(errno));
    oracle = xcalloc(1, sizeof(*oracle));
    oracle->file = file;
    *ret_oracle = oracle;
    return 0;
}

void oracle_close(struct oracle *oracle)
{
    if (!oracle)
        return;
    fclose(oracle->file);
    free(oracle);
}

cJSON *oracle_line(int64_t at_us, const char *event)
{
    cJSON *line = json_object();

    json_add_number(line, "t_ms", (double)at_us / 1000, 3);
    json_add_string(line, "event", event);
    return line;
}

void oracle_add(struct oracle *oracle, cJSON *line)
{
    CLEANUP(free_p) char *text = json_print(line);

    fputs(text, oracle->file);
    fputc('\n', oracle->file);
    json_free(line);
}

void oracle_flush(struct oracle *oracle)
{
    fflush(oracle->file);
}

char *oracle_read(struct oracle *oracle, size_t *ret_len)
{
    long size;
    char *text;
    ssize_t got;

    fflush(oracle->file);
    size = ftell(oracle->file);
    text = xmalloc((size_t)MAX(size, 0) + 1);
    got = pread(fileno(oracle->file), text, (size_t)MAX(size, 0), 0);
    *ret_len = (size_t)MAX(got, 0);
    text[*ret_len] = '\0';
    return text;
}
