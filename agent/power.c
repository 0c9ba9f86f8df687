/* SPDX-License-Identifier: MIT */
/* power: one look at a time; a look outlives its power when the worker is slower than the end. */
#include "agent/power.h"

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/process.h"
#include "agent/base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRMWARE_FILE "/sys/devices/platform/soc/soc:firmware/get_throttled"

enum {
    FILE_EVERY_MS = 3000,
    PROGRAM_EVERY_MS = 15000,
    PROGRAM_TIMEOUT_MS = 5000,
    TEXT_MAX = 64,
    LOW_MAX_MS = 10 * 60 * 1000,
};

const char *const power_words[] = {"undervoltage", "frequency_capped", "throttled",
                                   "soft_temperature_limit", NULL};

_Static_assert(ARRAY_LEN(power_words) == POWER_CONDITIONS + 1, "a word for each bit");

struct look { /* at the file, by a worker */
    struct power *power;
    char *file;
    char *text; /* NULL: it could not be read */
};

struct power {
    struct loop *loop;
    power_changed_fn on_changed;
    void *user;
    char *file, *program; /* one of them, or none */
    struct timer *timer;
    struct look *look;       /* under way */
    struct process *process; /* under way */
    int64_t bits;
    int64_t low_since_ms; /* monotonic; 0: it is not */
    bool told_low;
};

/* --- what it says --- */

int power_parse(const char *text, int64_t *ret_bits)
{
    static const char name[] = "throttled=";
    unsigned long long bits;
    char *end;

    if (str_starts_with(text, name))
        text += strlen(name);
    if (str_starts_with(text, "0x"))
        text += strlen("0x");
    if (strspn(text, "0123456789abcdefABCDEF") == 0)
        return -EBADMSG;
    errno = 0;
    bits = strtoull(text, &end, 16);
    if (errno || bits > UINT32_MAX || end[strspn(end, " \r\n")])
        return -EBADMSG;
    *ret_bits = (int64_t)bits;
    return 0;
}

static void log_news(const struct power *power, bool was_low, bool is_low)
{
    if (!was_low && is_low)
        log_warn("power.undervoltage",
                 "bits=0x%llx message=\"the supply is too weak; videos wait until it is not\"",
                 (unsigned long long)power->bits);
    if (was_low && !is_low)
        log_info("power.videos_go_on", "bits=0x%llx", (unsigned long long)power->bits);
}

static void take(struct power *power, const char *text)
{
    int64_t before = power->bits;
    bool low;

    if (!text || power_parse(text, &power->bits) < 0)
        power->bits = -1;
    low = power->bits >= 0 && (power->bits & POWER_UNDERVOLTAGE);
    if (!low)
        power->low_since_ms = 0;
    else if (power->low_since_ms == 0)
        power->low_since_ms = clock_mono_ms();
    low = power_is_low(power);
    if (power->bits == before && low == power->told_low)
        return;
    log_news(power, power->told_low, low);
    power->told_low = low;
    power->on_changed(power->user);
}

/* --- how it is asked --- */

static void read_file(void *user)
{
    struct look *look = user;

    if (path_read_file(look->file, TEXT_MAX, &look->text, NULL, NULL) < 0)
        look->text = NULL;
}

static void on_read(void *user)
{
    struct look *look = user;

    if (look->power) {
        look->power->look = NULL;
        take(look->power, look->text);
    }
    free(look->file);
    free(look->text);
    free(look);
}

static void look_at_file(struct power *power)
{
    power->look = xcalloc(1, sizeof(*power->look));
    power->look->power = power;
    power->look->file = xstrdup(power->file);
    loop_work(power->loop, read_file, on_read, power->look);
}

static void on_answer(const struct process_result *result, void *user)
{
    struct power *power = user;
    CLEANUP(free_p) char *text = NULL;

    power->process = NULL;
    if (result->exit_code == 0 && result->stdout_data)
        text = xstrndup((const char *)result->stdout_data, result->stdout_len);
    take(power, text);
}

static void ask_program(struct power *power)
{
    const char *const argv[] = {power->program, "get_throttled", NULL};
    const struct process_config config = {
        .argv = argv, .stdout_max_bytes = TEXT_MAX, .timeout_ms = PROGRAM_TIMEOUT_MS};

    if (process_start(power->loop, &config, on_answer, power, &power->process, NULL) < 0)
        take(power, NULL);
}

static void on_timer(void *user)
{
    struct power *power = user;

    if (power->look || power->process)
        return;
    if (power->file)
        look_at_file(power);
    else
        ask_program(power);
}

/* --- life --- */

struct power *power_new(struct loop *loop, const char *file, power_changed_fn on_changed,
                        void *user)
{
    struct power *power = xcalloc(1, sizeof(*power));
    struct error err;

    power->loop = loop;
    power->on_changed = on_changed;
    power->user = user;
    power->bits = -1;
    power->timer = timer_new(loop, on_timer, power);
    if (file || access(FIRMWARE_FILE, R_OK) == 0)
        power->file = xstrdup(file ? file : FIRMWARE_FILE);
    else if (process_find_program("vcgencmd", &power->program, &err) < 0)
        return power;
    on_timer(power);
    timer_start_repeat(power->timer, power->file ? FILE_EVERY_MS : PROGRAM_EVERY_MS);
    return power;
}

void power_free(struct power *power)
{
    if (!power)
        return;
    if (power->look)
        power->look->power = NULL;
    process_free(power->process);
    timer_free(power->timer);
    free(power->file);
    free(power->program);
    free(power);
}

int64_t power_bits(const struct power *power)
{
    return power->bits;
}

bool power_is_low(const struct power *power)
{
    return power->low_since_ms > 0 && clock_mono_ms() - power->low_since_ms < LOW_MAX_MS;
}
