/* SPDX-License-Identifier: MIT */
/* log: under systemd the journal adds the time and reads the "<n>" priority; elsewhere the line
 * carries both itself. A control character in a value would forge a second line, so it becomes '?'. */
#include "agent/base/log.h"

#include "agent/base/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static _Atomic int log_level = LOG_LEVEL_INFO;

static const struct {
    const char *name;
    int syslog_priority;
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_WARN] = {"warn", 4},
    [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

void log_set_level(enum log_level level)
{
    atomic_store(&log_level, (int)level);
}

static int write_prefix(char *line, size_t size, enum log_level level)
{
    char now[CLOCK_RFC3339_LEN];

    if (getenv("JOURNAL_STREAM"))
        return snprintf(line, size, "<%d>", levels[level].syslog_priority);
    clock_format_rfc3339(clock_wall_ms(), now);
    return snprintf(line, size, "%s %-5s ", now, levels[level].name);
}

void log_write(enum log_level level, const char *event, const char *fmt, ...)
{
    char line[1024];
    size_t len;
    va_list args;

    if ((int)level > atomic_load(&log_level))
        return;
    len = (size_t)write_prefix(line, sizeof(line), level);
    len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%s", event, fmt[0] ? " " : "");
    if (len < sizeof(line) - 1) {
        va_start(args, fmt);
        len += (size_t)vsnprintf(line + len, sizeof(line) - len, fmt, args);
        va_end(args);
    }
    len = MIN(len, sizeof(line) - 2);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[len++] = '\n';
    if (write(STDERR_FILENO, line, len) < 0)
        return; /* nowhere left to say it */
}
