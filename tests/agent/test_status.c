/* SPDX-License-Identifier: MIT */
/* The status documents against the contract: users' templates read them, so every key is there in
 * every state, null when nothing is known. Real units, cameras and journal; a printer that is away,
 * and one at the simulator. */
#include "agent/publish/status.h"

#include "agent/base/clock.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "agent/verbs.h"
#include "tests/agent/printer_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEADLINE_MS = 20000 };

/* Port 1 is refused at once: the printer is away. */
static const char settings[] =
    "agent = { id = \"pi01\"; };\n"
    "printers = ( { id = \"away\"; url = \"http://127.0.0.1:1\"; poll_idle_ms = 250; } );\n"
    "cameras = ( { id = \"front\"; kind = \"pattern\"; width = 64; height = 64; fps = 100; },\n"
    "            { id = \"top\"; kind = \"pattern\"; width = 128; height = 64; fps = 100; } );\n"
    "units = ( { id = \"fixed\"; cameras = [\"front\", \"top\"]; trigger = \"command\";\n"
    "            fps = 29.97; standby = true; },\n"
    "          { id = \"bound\"; printer = \"away\"; cameras = [\"front\"];\n"
    "            trigger = [\"layer\", \"interval\"]; interval_s = 7.5; pause = true; } );\n";

enum { FIXED, BOUND, UNIT_COUNT };

struct world {
    char dir[64];
    struct config *config;
    struct loop *loop;
    struct http *http;
    struct journal *journal;
    struct frame_store *store;
    struct encode_queue *encoders;
    struct archive *archive;
    struct jobs *jobs;
    struct camera *cameras[2];
    struct printer *printer;
    struct units *units;
    int answers;
    enum ack_code answer;
};

/* --- the world --- */

static void ignore_event(struct unit *unit, const char *type, const cJSON *data, void *user)
{
    (void)unit, (void)type, (void)data, (void)user;
}

static void ignore_change(struct unit *unit, bool state, void *user)
{
    (void)unit, (void)state, (void)user;
}

static void ignore_picture(struct unit *unit, const struct unit_picture *picture, void *user)
{
    (void)unit, (void)picture, (void)user;
}

static void ignore_video(struct unit *unit, const cJSON *data, void *user)
{
    (void)unit, (void)data, (void)user;
}

static void ignore_camera(struct camera *camera, void *user)
{
    (void)camera, (void)user;
}

static void ignore_printer(struct printer *printer, const struct printer_event *event, void *user)
{
    (void)printer, (void)event, (void)user;
}

static void refuse_pause(const struct pause_record *record, pause_written_fn written,
                         void *written_user, void *user)
{
    (void)record, (void)written, (void)written_user, (void)user;
    fail_msg("nothing is to be paused here");
}

static void ignore_resume(const char *printer, void *user)
{
    (void)printer, (void)user;
}

static void ignore_job_event(const char *type, const cJSON *data, void *user)
{
    (void)type, (void)data, (void)user;
}

static void ignore_jobs(void *user)
{
    (void)user;
}

static void ignore_final(const char *unit, const char *type, const cJSON *data, void *user)
{
    (void)unit, (void)type, (void)data, (void)user;
}

static const struct unit_settings *no_settings(const char *unit, void *user)
{
    (void)unit, (void)user;
    return NULL;
}

static void load_settings(struct world *world)
{
    CLEANUP(free_p) char *file = path_join(world->dir, "lapsed.conf");

    assert_int_equal(
        path_write_durable(world->dir, "lapsed.conf", settings, strlen(settings), NULL), 0);
    assert_int_equal(chmod(file, 0600), 0);
    world->config = config_load(file, stderr);
    assert_non_null(world->config);
}

static void open_services(struct world *world)
{
    struct frame_store_config store = {.root_dir = world->dir};
    struct error err = {0};
    bool damaged;

    assert_int_equal(loop_new(&world->loop, &err), 0);
    assert_int_equal(journal_open(world->loop, world->dir, &world->journal, &damaged, &err), 0);
    assert_int_equal(frame_store_open(world->loop, &store, &world->store, &err), 0);
    world->http = http_new(world->loop);
    world->encoders = encode_queue_new(world->loop, &world->config->encode);
}

static struct track_services services_of(const struct world *world)
{
    return (struct track_services){.loop = world->loop,
                                   .journal = world->journal,
                                   .store = world->store,
                                   .encoders = world->encoders,
                                   .archive = world->archive};
}

static void open_jobs(struct world *world)
{
    static const struct jobs_events events = {ignore_job_event, ignore_jobs, ignore_final,
                                              no_settings};
    struct track_services services;

    world->archive = archive_new(world->loop, world->journal, world->store);
    services = services_of(world);
    world->jobs = jobs_new(&services, &events, world);
}

static void open_devices(struct world *world)
{
    static const struct printer_ledger ledger = {.open = refuse_pause, .close = ignore_resume};

    for (size_t i = 0; i < ARRAY_LEN(world->cameras); i++)
        world->cameras[i] =
            camera_new(world->loop, world->http, &world->config->cameras[i], ignore_camera, NULL);
    world->printer = printer_new(world->loop, world->http, &world->config->printers[0], &ledger,
                                 NULL, ignore_printer, NULL);
}

static void open_units(struct world *world)
{
    static const struct unit_callbacks callbacks = {ignore_event, ignore_change, ignore_picture,
                                                    ignore_video};

    world->units = units_new();
    for (int i = 0; i < UNIT_COUNT; i++) {
        struct unit_config config = {
            .services = services_of(world),
            .jobs = world->jobs,
            .config = world->config,
            .settings = &world->config->units[i],
            .printer = i == BOUND ? world->printer : NULL,
            .cameras = world->cameras,
        };
        units_add(world->units, unit_new(&config, &callbacks, world));
    }
}

static int set_up(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));

    snprintf(world->dir, sizeof(world->dir), "/tmp/lapsed-status-XXXXXX");
    if (!mkdtemp(world->dir))
        return -1;
    load_settings(world);
    open_services(world);
    open_jobs(world);
    open_devices(world);
    open_units(world);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    units_free(world->units);
    printer_free(world->printer);
    for (size_t i = 0; i < ARRAY_LEN(world->cameras); i++)
        camera_free(world->cameras[i]);
    jobs_free(world->jobs);
    encode_queue_free(world->encoders);
    http_free(world->http);
    frame_store_free(world->store);
    archive_free(world->archive);
    journal_close(world->journal);
    loop_free(world->loop);
    config_free(world->config);
    assert_int_equal(path_remove_tree(world->dir, NULL), 0);
    free(world);
    return 0;
}

/* --- doing --- */

static void on_answer(enum ack_code code, const char *message, const cJSON *result, void *user)
{
    struct world *world = user;

    (void)result;
    if (code != ACK_OK)
        print_error("answer %d: %s\n", code, message);
    world->answer = code;
    world->answers++;
}

static void command(struct world *world, int unit, enum session_event event)
{
    int64_t deadline_ms = clock_mono_ms() + DEADLINE_MS;
    int before = world->answers;

    unit_command(units_at(world->units, unit), event, on_answer, world);
    while (world->answers == before && clock_mono_ms() < deadline_ms)
        loop_run_once(world->loop);
    assert_int_equal(world->answers, before + 1);
    assert_int_equal(world->answer, ACK_OK);
}

static void wait_until_printer_fails(struct world *world)
{
    int64_t deadline_ms = clock_mono_ms() + DEADLINE_MS;

    while (printer_error(world->printer)->code == 0 && clock_mono_ms() < deadline_ms)
        loop_run_once(world->loop);
    assert_int_not_equal(printer_error(world->printer)->code, 0);
}

/* --- looking --- */

/* Every path is there, null or not; the words of paths are separated by blanks. */
static void has_keys(const cJSON *json, const char *paths)
{
    CLEANUP(free_p) char *all = xstrdup(paths);
    CLEANUP(free_p) char *text = json_print(json);

    for (char *at = all, *path; (path = strsep(&at, " "));)
        if (*path && !json_get(json, path))
            fail_msg("no %s in %s", path, text);
}

static void says_null(const cJSON *json, const char *path)
{
    if (!json_is_null(json_get(json, path)))
        fail_msg("%s should be null", path);
}

static void says_string(const cJSON *json, const char *path, const char *value)
{
    assert_non_null(json_get_string(json, path));
    assert_string_equal(json_get_string(json, path), value);
}

static void says_int(const cJSON *json, const char *path, int64_t value)
{
    int64_t found;

    if (!json_get_int(json, path, &found))
        fail_msg("%s is no whole number", path);
    assert_int_equal(found, value);
}

static void says_number(const cJSON *json, const char *path, const char *text)
{
    CLEANUP(free_p) char *found = json_print(json_get(json, path));

    assert_string_equal(found, text);
}

static void says_bool(const cJSON *json, const char *path, bool value)
{
    bool found;

    if (!json_get_bool(json, path, &found))
        fail_msg("%s is neither true nor false", path);
    assert_int_equal(found, value);
}

/* --- unit --- */

static const char unit_keys[] =
    "unit state since settings settings.armed settings.trigger settings.interval_s settings.fps "
    "settings.park session printer cameras cameras[0].id cameras[0].connected cameras[0].frames "
    "build build.state build.progress error";
static const char session_keys[] =
    "session.id session.job session.started session.frames session.missed session.bytes "
    "session.last_frame_at session.video_s session.encoded_frames";

static void a_unit_in_standby_has_every_key(void **state)
{
    struct world *world = *state;
    CLEANUP(json_free_p) cJSON *json = status_unit(units_at(world->units, FIXED));

    has_keys(json, unit_keys);
    says_string(json, "unit", "fixed");
    says_string(json, "state", "standby");
    says_bool(json, "settings.armed", false);
    says_string(json, "settings.trigger[0]", "command");
    says_number(json, "settings.fps", "29.97");
    says_null(json, "session");
    says_null(json, "printer");
    says_string(json, "cameras[1].id", "top");
    says_int(json, "cameras[1].frames", 0);
    says_string(json, "build.state", "idle");
    says_null(json, "build.progress");
    says_null(json, "error");
}

static void a_unit_that_waits_shows_a_printer_that_is_away(void **state)
{
    struct world *world = *state;
    CLEANUP(json_free_p) cJSON *json = NULL;

    wait_until_printer_fails(world);
    json = status_unit(units_at(world->units, BOUND));
    has_keys(json, unit_keys);
    says_string(json, "state", "waiting");
    says_bool(json, "settings.armed", true);
    assert_int_equal(json_size(json_get(json, "settings.trigger")), 2);
    says_string(json, "settings.trigger[1]", "interval");
    says_number(json, "settings.interval_s", "7.5");
    has_keys(json, "printer.id printer.state printer.progress printer.layer printer.layers");
    says_string(json, "printer.id", "away");
    says_string(json, "printer.state", "offline");
    says_null(json, "printer.progress");
    says_null(json, "printer.layer");
    says_null(json, "printer.layers");
}

static void a_session_without_a_frame_has_every_key(void **state)
{
    struct world *world = *state;
    CLEANUP(json_free_p) cJSON *json = NULL;

    command(world, FIXED, SESSION_CMD_START);
    json = status_unit(units_at(world->units, FIXED));
    has_keys(json, unit_keys);
    has_keys(json, session_keys);
    says_string(json, "state", "capturing");
    says_null(json, "session.job");
    says_int(json, "session.frames", 0);
    says_int(json, "session.bytes", 0);
    says_null(json, "session.last_frame_at");
    says_int(json, "session.encoded_frames", 0);
}

static void arm(struct world *world, const char *text, enum ack_code expected)
{
    struct error err = {0};

    assert_int_equal(unit_set(units_at(world->units, FIXED), "armed", text, &err), expected);
}

static void a_switch_arms_a_unit_and_finishes_its_session(void **state)
{
    struct world *world = *state;
    const struct unit *unit = units_at(world->units, FIXED);
    CLEANUP(json_free_p) cJSON *json = NULL;

    arm(world, "OFF", ACK_OK);
    assert_int_equal(unit_state(unit), SESSION_STANDBY);
    arm(world, "maybe", ACK_BAD_PARAMS);
    arm(world, "ON", ACK_OK);
    arm(world, "ON", ACK_OK);
    assert_int_equal(unit_state(unit), SESSION_CAPTURING);
    command(world, FIXED, SESSION_CMD_SNAPSHOT);
    arm(world, "OFF", ACK_OK);
    json = status_unit(unit);
    says_string(json, "state", "building");
    says_bool(json, "settings.armed", false);
}

static void a_unit_that_waits_can_be_switched_off(void **state)
{
    struct world *world = *state;
    struct unit *unit = units_at(world->units, BOUND);
    struct error err = {0};

    assert_int_equal(unit_set(unit, "armed", "OFF", &err), ACK_OK);
    assert_int_equal(unit_state(unit), SESSION_STANDBY);
    assert_int_equal(unit_set(unit, "armed", "ON", &err), ACK_OK);
    assert_int_equal(unit_state(unit), SESSION_WAITING);
}

static void frames_are_counted_per_camera_and_together(void **state)
{
    struct world *world = *state;
    CLEANUP(json_free_p) cJSON *json = NULL;
    int64_t bytes;

    command(world, FIXED, SESSION_CMD_START);
    command(world, FIXED, SESSION_CMD_SNAPSHOT);
    command(world, FIXED, SESSION_CMD_PAUSE);
    json = status_unit(units_at(world->units, FIXED));
    has_keys(json, unit_keys);
    says_string(json, "state", "paused");
    says_int(json, "session.frames", 2);
    says_int(json, "session.missed", 0);
    says_int(json, "cameras[0].frames", 1);
    says_int(json, "cameras[1].frames", 1);
    says_bool(json, "cameras[0].connected", true);
    assert_true(json_get_int(json, "session.bytes", &bytes) && bytes > 0);
    assert_non_null(json_get_string(json, "session.last_frame_at"));
    says_null(json, "error");
}

/* --- jobs --- */

static void without_a_build_there_are_no_jobs(void **state)
{
    struct world *world = *state;
    CLEANUP(json_free_p) cJSON *json = jobs_report(world->jobs);

    assert_true(json_is_array(json));
    assert_int_equal(json_size(json), 0);
}

static void a_video_being_built_is_a_job_and_a_build(void **state)
{
    struct world *world = *state;
    CLEANUP(json_free_p) cJSON *jobs = NULL;
    CLEANUP(json_free_p) cJSON *unit = NULL;

    command(world, FIXED, SESSION_CMD_START);
    command(world, FIXED, SESSION_CMD_SNAPSHOT);
    command(world, FIXED, SESSION_CMD_FINISH);
    jobs = jobs_report(world->jobs);
    unit = status_unit(units_at(world->units, FIXED));
    assert_int_equal(json_size(jobs), 1);
    has_keys(jobs, "[0].id [0].kind [0].unit [0].state [0].progress [0].eta_s [0].error");
    says_string(jobs, "[0].unit", "fixed");
    says_string(jobs, "[0].kind", "final");
    says_null(jobs, "[0].eta_s");
    says_string(unit, "state", "building");
    says_string(unit, "build.state", "running");
    says_string(unit, "build.job", json_get_string(jobs, "[0].id"));
    says_int(unit, "build.progress", 0);
}

/* --- printer --- */

static const char printer_keys[] =
    "printer kind state native_state job job.file job.progress job.layer job.layers job.elapsed_s "
    "job.remaining_s temperatures position position.x position.y position.z firmware paused_by_us "
    "error";

static void a_printer_that_is_away_has_every_key(void **state)
{
    struct world *world = *state;
    CLEANUP(json_free_p) cJSON *json = NULL;

    wait_until_printer_fails(world);
    json = status_printer(world->printer);
    has_keys(json, printer_keys);
    says_string(json, "printer", "away");
    says_string(json, "kind", "duet");
    says_string(json, "state", "offline");
    says_null(json, "job.file");
    says_null(json, "job.progress");
    says_null(json, "job.layer");
    says_null(json, "job.layers");
    says_null(json, "job.elapsed_s");
    says_null(json, "job.remaining_s");
    says_null(json, "position.x");
    says_null(json, "firmware");
    says_bool(json, "paused_by_us", false);
    has_keys(json, "error.code error.message error.since");
    assert_true(strlen(json_get_string(json, "error.message")) > 0);
}

static void has_calm_heaters(const cJSON *heaters)
{
    assert_true(json_size(heaters) > 0);
    for (const cJSON *heater = json_first(heaters); heater; heater = json_next(heater)) {
        double current, target;

        assert_true(json_get_number(heater, "current", &current));
        assert_true(json_get_number(heater, "target", &target));
        assert_true(fabs(fmod(current, 0.5)) < 1e-9);
    }
}

static void a_printer_that_prints_shows_its_job(void **state)
{
    struct rig rig = {0};
    CLEANUP(json_free_p) cJSON *json = NULL;
    double value;
    int64_t layer;

    (void)state;
    rig_begin(&rig, RIG_ARGS(RIG_LONG_JOB));
    json = status_printer(rig.printer);
    has_keys(json, printer_keys);
    says_string(json, "state", "printing");
    assert_non_null(json_get_string(json, "native_state"));
    assert_true(str_ends_with(json_get_string(json, "job.file"), ".gcode"));
    assert_true(json_get_number(json, "job.progress", &value) && value >= 0 && value <= 100);
    assert_true(json_get_int(json, "job.layer", &layer) && layer >= 1);
    says_int(json, "job.layers", 200);
    assert_true(json_get_number(json, "position.z", &value));
    assert_non_null(json_get_string(json, "firmware"));
    has_calm_heaters(json_get(json, "temperatures"));
    says_null(json, "error");
    rig_stop(&rig);
}

/* --- camera --- */

static const char camera_keys[] =
    "camera kind connected size last_frame_at latency_ms failures error";

static void a_camera_before_its_first_picture_has_every_key(void **state)
{
    struct world *world = *state;
    CLEANUP(json_free_p) cJSON *json = status_camera(world->cameras[1]);

    has_keys(json, camera_keys);
    says_string(json, "camera", "top");
    says_string(json, "kind", "pattern");
    says_null(json, "size");
    says_null(json, "last_frame_at");
    says_null(json, "latency_ms");
    says_int(json, "failures", 0);
    says_null(json, "error");
}

static void a_camera_shows_its_last_picture(void **state)
{
    struct world *world = *state;
    CLEANUP(json_free_p) cJSON *json = NULL;
    int64_t latency_ms;

    command(world, FIXED, SESSION_CMD_SNAPSHOT);
    json = status_camera(world->cameras[1]);
    has_keys(json, camera_keys);
    says_bool(json, "connected", true);
    says_int(json, "size.width", 128);
    says_int(json, "size.height", 64);
    assert_non_null(json_get_string(json, "last_frame_at"));
    assert_true(json_get_int(json, "latency_ms", &latency_ms) && latency_ms >= 0);
}

/* --- agent --- */

static const struct error no_error;

static struct status_agent look_at(const struct world *world, const struct mqtt_link *link)
{
    return (struct status_agent){
        .config = world->config,
        .units = world->units,
        .started_at = 1700000000000,
        .loop_lag_ms = 3,
        .disk_free_bytes = -1,
        .power_bits = -1,
        .link = link,
        .error = &no_error,
    };
}

static void the_agent_has_every_key_before_it_knows_anything(void **state)
{
    struct mqtt_link link = {0};
    struct status_agent look = look_at(*state, &link);
    CLEANUP(json_free_p) cJSON *json = status_agent(&look);

    has_keys(json, "agent disk disk.path disk.free_bytes memory memory.resident_kib load "
                   "loop_lag_ms jobs.running jobs.queued power mqtt mqtt.protocol mqtt.reconnects "
                   "mqtt.waiting_events "
                   "mqtt.dropped_events refused_commands error");
    says_null(json, "disk.free_bytes");
    says_null(json, "power");
    says_null(json, "mqtt.protocol");
    says_null(json, "error");
    says_int(json, "loop_lag_ms", 3);
}

static void the_agent_says_what_troubles_it_and_since_when(void **state)
{
    struct mqtt_link link = {.up = true, .protocol = 4, .reconnects = 2};
    struct error trouble = {.code = -EACCES, .text = "broker ACL forbids x"};
    struct status_agent look = look_at(*state, &link);
    CLEANUP(json_free_p) cJSON *json = NULL;

    look.disk_free_bytes = 5000000000;
    look.error = &trouble;
    look.error_since = 1700000000123;
    json = status_agent(&look);
    says_int(json, "disk.free_bytes", 5000000000);
    says_string(json, "mqtt.protocol", "3.1.1");
    says_int(json, "mqtt.reconnects", 2);
    says_int(json, "error.code", -EACCES);
    says_string(json, "error.message", "broker ACL forbids x");
    says_string(json, "error.since", "2023-11-14T22:13:20.123Z");
}

static void the_agent_says_what_its_supply_is_like(void **state)
{
    struct mqtt_link link = {0};
    struct status_agent look = look_at(*state, &link);
    CLEANUP(json_free_p) cJSON *json = NULL;

    look.power_bits = 0x50005;
    look.videos_wait = true;
    json = status_agent(&look);
    says_string(json, "power.now[0]", "undervoltage");
    says_string(json, "power.now[1]", "throttled");
    assert_null(json_get(json, "power.now[2]"));
    says_string(json, "power.since_boot[1]", "throttled");
    says_bool(json, "power.videos_wait", true);
}

static void info_lists_everything_that_can_be_talked_to(void **state)
{
    struct mqtt_link link = {0};
    struct status_agent look = look_at(*state, &link);
    CLEANUP(json_free_p) cJSON *json = status_info(&look);

    has_keys(json, "contract version agent started hostname units printers cameras groups "
                   "methods limits limits.payload_bytes");
    says_string(json, "contract", "1.0");
    says_string(json, "agent", "pi01");
    assert_int_equal(json_size(json_get(json, "units")), 2);
    says_string(json, "units[1]", "bound");
    says_string(json, "printers[0]", "away");
    says_string(json, "cameras[1]", "top");
    assert_int_equal(json_size(json_get(json, "methods")), VERB_COUNT);
    says_string(json, "methods[0]", "unit.start");
    says_string(json, "started", "2023-11-14T22:13:20.000Z");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_unit_in_standby_has_every_key),
        TEST(a_unit_that_waits_shows_a_printer_that_is_away),
        TEST(a_session_without_a_frame_has_every_key),
        TEST(a_switch_arms_a_unit_and_finishes_its_session),
        TEST(a_unit_that_waits_can_be_switched_off),
        TEST(frames_are_counted_per_camera_and_together),
        TEST(without_a_build_there_are_no_jobs),
        TEST(a_video_being_built_is_a_job_and_a_build),
        TEST(a_printer_that_is_away_has_every_key),
        cmocka_unit_test(a_printer_that_prints_shows_its_job),
        TEST(a_camera_before_its_first_picture_has_every_key),
        TEST(a_camera_shows_its_last_picture),
        TEST(the_agent_has_every_key_before_it_knows_anything),
        TEST(the_agent_says_what_troubles_it_and_since_when),
        TEST(the_agent_says_what_its_supply_is_like),
        TEST(info_lists_everything_that_can_be_talked_to),
    };

    log_set_level(LOG_LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
