/* SPDX-License-Identifier: MIT */
/* The agent is killed at random moments of prints that are paused and parked at every layer, and
 * restarted at once, again and again. Now and then a person pauses the printer in between.
 *
 * LAPSED_SEED repeats a run (its seed is printed), LAPSED_KILLS makes it longer (soak_kill9.sh).
 *
 * A person's pause is only made when it cannot be ours: after a kill when the journal knows no
 * pause, or when the agent has seen the printer run again after its own. In between nobody could
 * tell, not even a person. */
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/e2e/promise.h"
#include "tests/e2e/steps.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KILLS = 100, KILLS_PER_PRINT = 20, LONGEST_PAUSE_MS = 30000, ROUND_MS = 60000 };

static const char *const sim[] = {
    "--idle", "--layers",     "30",  "--layer-ms",    "600",     "--heat-ms",
    "0",      "--pause-ms",   "100", "--resume-ms",   "100",     "--move-mm-s",
    "1000",   "--camera-fps", "20",  "--camera-size", "320x240", NULL};

static const char conf[] =
    "printers = ( { id = \"mk4\"; kind = \"duet\"; url = \"http://%sim\"; poll_idle_ms = 250; } "
    ");\n"
    "cameras = ( { id = \"front\"; kind = \"mjpeg\"; url = \"http://%sim/stream\"; } );\n"
    "units = ( { id = \"mk4\"; printer = \"mk4\"; cameras = [ \"front\" ]; trigger = \"layer\";\n"
    "    pause = true; park = true; park_x_mm = 10.0; park_y_mm = 190.0;\n"
    "    park_feed_mm_min = 60000.0; min_frames = 1; fps = 5.0; segment_frames = 4; tail_frames = "
    "4; } );\n";

struct run {
    struct rig *rig;
    uint64_t random;
    int64_t kills_left, foreign_pauses, prints;
};

/* --- dice --- */

static int64_t from_environment(const char *name, int64_t fallback)
{
    const char *text = getenv(name);
    int64_t value;

    return text && str_to_int(text, &value) == 0 ? value : fallback;
}

/* splitmix64 */
static int64_t dice(struct run *run, int64_t sides)
{
    uint64_t z = run->random += 0x9e3779b97f4a7c15U;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return (int64_t)((z ^ (z >> 31)) % (uint64_t)sides);
}

/* Mostly while it starts or soon after, sometimes in the middle of its work. */
static int64_t dice_life_ms(struct run *run)
{
    return dice(run, 3) > 0 ? 50 + dice(run, 850) : 900 + dice(run, 1600);
}

/* --- killing --- */

static void live_and_die(struct run *run)
{
    rig_agent_spawn(run->rig);
    rig_linger(run->rig, dice_life_ms(run));
    rig_agent_signal(run->rig, SIGKILL);
    run->kills_left--;
}

static const char *pick_person(struct run *run)
{
    return dice(run, 4) > 0 ? "user" : "filament";
}

static bool person_pauses(struct run *run, const char *by)
{
    return sim_try(run->rig, str_equal(by, "user") ? "/sim/fault?what=user_pause"
                                                   : "/sim/fault?what=filament_runout");
}

/* The agent dies and comes back while somebody else's pause is on. */
static void outlive_foreign_pause(struct run *run, const char *by)
{
    run->foreign_pauses++;
    RIG_WAIT(run->rig, sim_is_paused_by(run->rig, by));
    for (int64_t i = dice(run, 3); i >= 0; i--) {
        live_and_die(run);
        if (!sim_is_paused_by(run->rig, by))
            fail_msg("the pause of somebody else (%s) was ended", by);
    }
    sim_do(run->rig, "/sim/command?do=resume");
    RIG_WAIT(run->rig, sim_is(run->rig, "processing"));
}

static void meddle_while_dead(struct run *run)
{
    const char *by = pick_person(run);

    if (!promise_pause_is_open(run->rig) && person_pauses(run, by))
        outlive_foreign_pause(run, by);
}

static bool is_settled_or_over(struct rig *rig, void *user)
{
    const size_t *frames = user;

    return rig_event_count(rig, "frame") > *frames || sim_is(rig, "idle");
}

/* A whole frame proves that nothing is left of the last life; then the person is quick. */
static void meddle_while_alive(struct run *run)
{
    struct rig *rig = run->rig;
    size_t frames = rig_event_count(rig, "frame");
    const char *by = pick_person(run);
    bool paused = false;

    rig_agent_spawn(rig);
    if (!rig_wait(rig, is_settled_or_over, &frames, ROUND_MS))
        fail_msg("no frame, and no end, in %d s", ROUND_MS / 1000);
    while (!paused && !sim_is(rig, "idle")) {
        rig_linger(rig, dice(run, 100));
        paused = person_pauses(run, by);
    }
    if (paused)
        rig_linger(rig, 1500); /* it has to see it to know that it is not its own */
    rig_agent_signal(rig, SIGKILL);
    run->kills_left--;
    if (paused)
        outlive_foreign_pause(run, by);
}

static void torment(struct run *run)
{
    int64_t stop_at = run->kills_left - KILLS_PER_PRINT;

    while (run->kills_left > 0 && run->kills_left > stop_at && !sim_is(run->rig, "idle")) {
        live_and_die(run);
        if (dice(run, 8) == 0 && !sim_is(run->rig, "idle"))
            meddle_while_dead(run);
        if (dice(run, 12) == 0 && !sim_is(run->rig, "idle"))
            meddle_while_alive(run);
    }
}

/* --- a print --- */

struct settling {
    size_t from;
};

static bool print_is_over(struct rig *rig, void *user)
{
    (void)user;
    return sim_is(rig, "idle");
}

static bool unit_waits(struct rig *rig, void *user)
{
    const struct settling *settling = user;

    return said_since(rig, settling->from, "unit/mk4/state", "waiting");
}

static void await(struct run *run, rig_predicate_fn predicate, void *user, const char *what)
{
    if (!rig_wait(run->rig, predicate, user, ROUND_MS))
        fail_msg("%s: not within %d s", what, ROUND_MS / 1000);
}

/* The agent may live now, until all is done. */
static void await_peace(struct run *run)
{
    struct settling settling;

    rig_agent_spawn(run->rig);
    await(run, print_is_over, NULL, "the end of the print");
    for (int64_t i = dice(run, 3); i > 0 && run->kills_left > 0; i--) {
        rig_agent_signal(run->rig, SIGKILL); /* while it makes the video */
        live_and_die(run);
        rig_agent_spawn(run->rig);
    }
    rig_agent_signal(run->rig, SIGKILL);
    settling.from = rig_message_count(run->rig);
    rig_agent_start(run->rig);
    await(run, unit_waits, &settling, "the end of the session");
    rig_agent_signal(run->rig, SIGKILL);
}

static void print_once(struct run *run)
{
    CLEANUP(free_p)
    char *start = xasprintf("/sim/command?do=start&job=print%lld.gcode", (long long)++run->prints);

    sim_do(run->rig, start);
    torment(run);
    await_peace(run);
    promise_printer_is_free(run->rig, LONGEST_PAUSE_MS);
}

/* --- what must be left --- */

/* Each session has one video, whether or not its end could be told. */
static void expect_a_video_of_each_session(struct rig *rig)
{
    CLEANUP(free_p)
    char *pattern = xasprintf("%s/data/media/pi01/mk4/*/frames", rig_dir(rig));
    glob_t sessions = {0};

    assert_int_equal(glob(pattern, 0, NULL, &sessions), 0);
    for (size_t i = 0; i < sessions.gl_pathc; i++) {
        CLEANUP(free_p) char *frames = xasprintf("%s/*.jpg", sessions.gl_pathv[i]);
        CLEANUP(free_p) char *videos = xasprintf("%s/../*.mp4", sessions.gl_pathv[i]);
        glob_t files = {0};

        if (glob(frames, 0, NULL, &files) == 0) {
            globfree(&files);
            if (glob(videos, 0, NULL, &files) != 0 || files.gl_pathc != 1)
                fail_msg("%s: not one video", videos);
            CLEANUP(free_p) char *path = xstrdup(files.gl_pathv[0]);
            promise_video_file(rig, path, "front");
        }
        globfree(&files);
    }
    globfree(&sessions);
}

static void test_killed_at_any_moment_nothing_is_lost(void **state)
{
    struct run run = {.kills_left = from_environment("LAPSED_KILLS", KILLS)};
    int64_t seed = from_environment("LAPSED_SEED", clock_wall_ms() % 1000000);
    int64_t wanted = run.kills_left;
    size_t frames;

    print_message("LAPSED_SEED=%lld LAPSED_KILLS=%lld\n", (long long)seed, (long long)wanted);
    run.random = (uint64_t)seed;
    run.rig = rig_new(&(struct rig_options){.sim_args = sim, .conf = conf, .no_agent = true});
    *state = run.rig;
    while (run.kills_left > 0)
        print_once(&run);
    frames = promise_frames(run.rig);
    promise_videos(run.rig);
    promise_journal(run.rig);
    expect_a_video_of_each_session(run.rig);
    print_message("%lld kills, %lld prints, %zu frames, %lld pauses by others\n",
                  (long long)(wanted - run.kills_left), (long long)run.prints, frames,
                  (long long)run.foreign_pauses);
    assert_true(frames > 0);
    rig_pass(run.rig);
}

static int teardown(void **state)
{
    rig_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_killed_at_any_moment_nothing_is_lost, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
