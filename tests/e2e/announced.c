/* SPDX-License-Identifier: MIT */
#include "tests/e2e/announced.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>

enum { QUIET_MS = 1500 };

#define PRINTERS                                                                                   \
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; poll_idle_ms = 250; } "  \
    ");\n"
#define CAMERAS                                                                                    \
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; },\n"           \
    "            { id = \"top-left\"; kind = \"pattern\"; width = 64; height = 64; } );\n"
#define MK4                                                                                        \
    "{ id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ];\n"                                \
    "  trigger = \"interval\"; interval_s = 0.5; fps = 10.0; min_frames = 1; segment_frames = 4; " \
    "}"

const char announced_both_units[] = PRINTERS CAMERAS "units = ( " MK4 ",\n"
                                                     "{ id = \"side\"; printer = \"mk4\";\n"
                                                     "  cameras = [ \"front\", \"top-left\" ];\n"
                                                     "  trigger = \"command\"; } );\n";
const char announced_side_alone[] = PRINTERS CAMERAS "units = ( " MK4 ",\n"
                                                     "{ id = \"side\"; standby = true;\n"
                                                     "  cameras = [ \"front\", \"top-left\" ];\n"
                                                     "  trigger = \"command\"; } );\n";
const char announced_one_unit[] = PRINTERS CAMERAS "units = ( " MK4 " );\n";

static const char *const quick[] = {"--idle",  "--pause-ms",   "150", "--resume-ms",
                                    "150",     "--camera-fps", "20",  "--camera-size",
                                    "320x240", "--heat-ms",    "600", NULL};

struct rig *announced_begin(void **state, const char *group, const char *rest)
{
    CLEANUP(free_p) char *conf = xasprintf("%s%s", group, rest);
    struct rig *rig = rig_new(&(struct rig_options){.sim_args = quick, .conf = conf});

    *state = rig;
    return rig;
}

int announced_teardown(void **state)
{
    rig_free(*state);
    return 0;
}

void announced_restart(struct rig *rig, const char *group, const char *rest)
{
    CLEANUP(free_p)
    char *conf = xasprintf("agent = { id = \"pi01\"; data_dir = \"%%dir/data\"; "
                           "reserve_mb = 50.0; };\n"
                           "mqtt = { host = \"127.0.0.1\"; port = %%mqtt; };\n%s%s",
                           group, rest);

    assert_true(ended_well(rig_agent_signal(rig, SIGTERM)));
    conf_write(rig, conf);
    rig_agent_start(rig);
}

/* --- what stands at the broker --- */

static bool is_document(const struct rig_message *message)
{
    return str_starts_with(message->topic, "homeassistant/") &&
           str_ends_with(message->topic, "/config");
}

const char *standing(struct rig *rig, const char *topic)
{
    const struct rig_message *last = rig_last(rig, topic);

    return last ? last->payload : "";
}

bool stands(struct rig *rig, const char *topic)
{
    return *standing(rig, topic);
}

/* The last message of each topic: index of the message, or not the last. */
static bool is_last(struct rig *rig, size_t index)
{
    return rig_last(rig, rig_message(rig, index)->topic) == rig_message(rig, index);
}

size_t documents_since(struct rig *rig, size_t from)
{
    size_t count = 0;

    for (size_t i = from; i < rig_message_count(rig); i++)
        count += is_document(rig_message(rig, i));
    return count;
}

size_t documents_standing(struct rig *rig, const char *start)
{
    size_t count = 0;

    for (size_t i = 0; i < rig_message_count(rig); i++) {
        const struct rig_message *message = rig_message(rig, i);

        count += is_document(message) && message->len > 0 && is_last(rig, i) &&
                 str_starts_with(message->topic, start);
    }
    return count;
}

struct discovery_check *read_documents(struct rig *rig)
{
    struct discovery_check *check = check_new();

    for (size_t i = 0; i < rig_message_count(rig); i++) {
        const struct rig_message *message = rig_message(rig, i);

        if (is_document(message) && message->len > 0 && is_last(rig, i))
            check_document(check, message->topic, message->payload);
    }
    assert_string_equal(check_faults(check), "");
    return check;
}

/* The agent tells nothing before nothing has changed for a second. */
static bool is_quiet(struct rig *rig)
{
    int64_t last_at_ms = 0;

    for (size_t i = 0; i < rig_message_count(rig); i++)
        if (is_document(rig_message(rig, i)))
            last_at_ms = rig_message(rig, i)->at_mono_ms;
    return clock_mono_ms() - last_at_ms > QUIET_MS;
}

void announced_await(struct rig *rig)
{
    RIG_WAIT(rig, stands(rig, AGENT_DOC) && stands(rig, UNIT_DOC) && stands(rig, PRINTER_DOC));
    RIG_WAIT(rig, strstr(standing(rig, PRINTER_DOC), "temperature_bed"));
    RIG_WAIT(rig, is_quiet(rig));
}
