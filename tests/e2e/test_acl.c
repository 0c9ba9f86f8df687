/* SPDX-License-Identifier: MIT */
/* Who may say and hear what: the shipped rules and configuration, in a real broker with TLS. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/mqtt/broker.h"
#include "tests/mqtt/certificates.h"
#include "tests/mqtt/rig.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { OUTPUT_MAX_BYTES = 1024 * 1024 };

/* Users, in the order of the columns below. */
static const char *const users[] = {"pi01",    "pi02",          "viewer", "operator",
                                    "nodered", "homeassistant", "root"};
enum { ROOT = 6, SUBJECTS = ROOT };

#define OUT "r", "r", "r", "r"
#define IN  "", "w", "w", "w"

/* What each may do: r and w. The topics are those of pi01. */
static const struct row {
    const char *topic;
    const char *rights[SUBJECTS];
} matrix[] = {
    {"timelapse/v1/pi01/availability", {"w", "", OUT}},
    {"timelapse/v1/pi01/info", {"w", "", OUT}},
    {"timelapse/v1/pi01/status", {"w", "", OUT}},
    {"timelapse/v1/pi01/jobs", {"w", "", OUT}},
    {"timelapse/v1/pi01/event", {"w", "", OUT}},
    {"timelapse/v1/pi01/ack", {"w", "", OUT}},
    {"timelapse/v1/pi01/printer/mk4/availability", {"w", "", OUT}},
    {"timelapse/v1/pi01/printer/mk4/state", {"w", "", OUT}},
    {"timelapse/v1/pi01/printer/mk4/status", {"w", "", OUT}},
    {"timelapse/v1/pi01/camera/front/status", {"w", "", OUT}},
    {"timelapse/v1/pi01/image/front/last", {"w", "", OUT}},
    {"timelapse/v1/pi01/image/front/last/meta", {"w", "", OUT}},
    {"timelapse/v1/pi01/unit/mk4/availability", {"w", "", OUT}},
    {"timelapse/v1/pi01/unit/mk4/state", {"w", "", OUT}},
    {"timelapse/v1/pi01/unit/mk4/status", {"w", "", OUT}},
    {"timelapse/v1/pi01/unit/mk4/video", {"w", "", OUT}},
    {"timelapse/v1/pi01/unit/mk4/event", {"w", "", OUT}},
    {"timelapse/v1/pi01/cmd/ping", {"r", "", IN}},
    {"timelapse/v1/pi01/unit/mk4/cmd/start", {"r", "", IN}},
    {"timelapse/v1/pi01/unit/mk4/set/fps", {"r", "", IN}},
    {"timelapse/v1/pi01/camera/front/cmd/snapshot", {"r", "", IN}},
    {"timelapse/v1/pi01/camera/front/cmd/gphoto2", {"r", "", "", "w", "w", ""}},
    {"timelapse/v1/pi01/rpc/operator", {"r", "", "", "w", "", ""}},
    {"timelapse/v1/pi01/rpc/nodered", {"r", "", "", "", "w", ""}},
    {"timelapse/v1/pi01/rpc/pi01", {"r", "", "", "", "", ""}},
    {"timelapse/v1/pi01/reply/operator", {"w", "", "", "r", "", ""}},
    {"timelapse/v1/pi01/reply/nodered", {"w", "", "", "", "r", ""}},
    {"timelapse/v1/_all/cmd/ping", {"r", "r", "r", "rw", "rw", "rw"}},
    {"timelapse/v1/_all/rpc/operator", {"r", "r", "r", "rw", "r", "r"}},
    {"timelapse/v1/_group/shop/cmd/ping", {"r", "r", "r", "rw", "rw", "r"}},
    {"timelapse/v1/_group/shop/rpc/operator", {"r", "r", "r", "rw", "r", "r"}},
    {"homeassistant/device/pi01/lapsed_mk4/config", {"rw", "", "", "", "", "rw"}},
    {"homeassistant/sensor/pi01/lapsed_mk4-state/config", {"rw", "", "", "", "", "rw"}},
    {"homeassistant/status", {"r", "r", "r", "r", "r", "rw"}},
    {"timelapse/v1/pi01/unexpected", {"", "", "", "", "", ""}},
    {"timelapse/v1/pi01/unit/mk4/cmd/start/more", {"", "", "", "", "", ""}},
    {"timelapse/v2/pi01/status", {"", "", "", "", "", ""}},
    {"somewhere/else", {"", "", "", "", "", ""}},
};

/* With each agent named: viewers are no agents, and pi02 is not in the group. */
static const struct row strict_matrix[] = {
    {"timelapse/v1/pi01/status", {"w", "", OUT}},
    {"timelapse/v1/viewer/status", {"", "", OUT}},
    {"timelapse/v1/pi01/unit/mk4/cmd/start", {"r", "", IN}},
    {"timelapse/v1/_all/cmd/ping", {"r", "r", "", "w", "w", "w"}},
    {"timelapse/v1/_group/shop/cmd/ping", {"r", "", "", "w", "w", ""}},
    {"homeassistant/device/pi01/lapsed_mk4/config", {"rw", "", "", "", "", "rw"}},
    {"homeassistant/status", {"r", "r", "", "", "", "rw"}},
};

struct fixture {
    struct rig rig;
    struct broker *broker;
    struct peer peers[ARRAY_LEN(users)];
    char *ca;
    int port, web_port;
};

/* --- setting it up --- */

static char *read_text(const char *path)
{
    char *text = NULL;
    struct error err;

    if (path_read_file(path, OUTPUT_MAX_BYTES, &text, NULL, &err) < 0)
        fail_msg("%s", err.text);
    return text;
}

static char *shipped(const char *name)
{
    CLEANUP(free_p) char *path = xasprintf("%s/%s", CONF_DIR, name);

    return read_text(path);
}

static void replace_all(char **text, const char *from, const char *to)
{
    char *at;

    while ((at = strstr(*text, from))) {
        char *next = xasprintf("%.*s%s%s", (int)(at - *text), *text, to, at + strlen(from));

        free(*text);
        *text = next;
    }
}

/* The shipped configuration, with its directory and ports moved. */
static char *server_conf(const struct fixture *f, const char *dir)
{
    char *text = shipped("server.conf");
    CLEANUP(free_p) char *port = xasprintf("listener %d 127.0.0.1", f->port);
    CLEANUP(free_p) char *web_port = xasprintf("listener %d 127.0.0.1", f->web_port);

    replace_all(&text, "/etc/mosquitto/lapsed", dir);
    replace_all(&text, "listener 8883", port);
    replace_all(&text, "listener 8884", web_port);
    return text;
}

static void add_password(const char *dir, const char *user)
{
    CLEANUP(free_p) char *file = path_join(dir, "passwords");
    CLEANUP(free_p) char *password = xasprintf("secret of %s", user);

    broker_add_user(file, user, password);
}

/* lapsectl with these words; its output. */
static char *run_ctl(const struct fixture *f, const char *const *words)
{
    CLEANUP(free_p) char *out = path_join(broker_dir(f->broker), "out");
    const char *argv[24] = {CTL_PROGRAM};
    pid_t child = fork();
    int status;

    for (size_t i = 0; words[i]; i++)
        argv[i + 1] = words[i];
    if (child == 0) {
        int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        dup2(fd, STDOUT_FILENO);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    return read_text(out);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    const char *dir;

    rig_init(&f->rig);
    f->port = broker_free_port();
    f->web_port = broker_free_port();
    f->broker = broker_new_bare(f->port);
    dir = broker_dir(f->broker);
    f->ca = certificate_authority(dir, "ca");
    certificate_make(dir, "ca", "broker",
                     &(struct certificate){.san = "IP:127.0.0.1", .common_name = "broker"});
    broker_write_file(f->broker, "passwords", "");
    for (size_t i = 0; i < ARRAY_LEN(users); i++)
        add_password(dir, users[i]);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(users); i++)
        peer_done(&f->peers[i]);
    broker_free(f->broker);
    rig_done(&f->rig);
    free_p(&f->ca);
    free_p(&f);
    return 0;
}

static void start_broker(struct fixture *f, const char *acl)
{
    CLEANUP(free_p) char *conf = server_conf(f, broker_dir(f->broker));
    CLEANUP(free_p) char *with_root = xasprintf("%s\nuser root\ntopic readwrite #\n", acl);
    CLEANUP(free_p) char *as_root = xasprintf("user root\n%s", conf);

    broker_write_file(f->broker, "acl", with_root);
    broker_write_file(f->broker, "mosquitto.conf", as_root);
    broker_start(f->broker);
}

static struct peer *start_peer(struct fixture *f, size_t user)
{
    struct peer *peer = &f->peers[user];
    CLEANUP(free_p) char *id = xasprintf("client-%s", users[user]);

    peer_init(peer, f->port);
    peer->inbox_max_messages = NOTE_MAX;
    peer->settings.tls = true;
    peer->settings.ca_file = xstrdup(f->ca);
    peer->settings.user = xstrdup(users[user]);
    peer->settings.password = xasprintf("secret of %s", users[user]);
    peer_start(peer, &f->rig, id, NULL, 0);
    mqtt_subscribe(peer->client, "#", true);
    RIG_WAIT(&f->rig, peer->ups == 1);
    return peer;
}

/* --- the check --- */

/* One says everything, then a last word that the other must hear; ret_heard: of each row. */
static void say_all(struct fixture *f, struct peer *from, struct peer *to, const struct row *rows,
                    size_t count, const char *last_topic, bool *ret_heard)
{
    static int round;
    CLEANUP(free_p) char *text = xasprintf("{\"round\":%d}", ++round);
    CLEANUP(free_p) char *last = xasprintf("{\"last\":%d}", round);

    for (size_t i = 0; i < count; i++)
        mqtt_publish_event(from->client, rows[i].topic, text);
    mqtt_publish_event(from->client, last_topic, last);
    RIG_WAIT(&f->rig, peer_has(to, last_topic, last));
    for (size_t i = 0; i < count; i++) {
        ret_heard[i] = false;
        for (size_t n = 0; n < to->note_count; n++)
            if (str_equal(to->notes[n].topic, rows[i].topic) &&
                str_equal(to->notes[n].payload, text))
                ret_heard[i] = true;
    }
}

static int judge(const char *user, const struct row *row, size_t column, char right, bool heard)
{
    bool wanted = strchr(row->rights[column], right) != NULL;

    if (wanted == heard)
        return 0;
    print_error("%s %s %s %s\n", user, heard ? "may" : "may not", right == 'r' ? "hear" : "say",
                row->topic);
    return 1;
}

static void check_matrix(struct fixture *f, const struct row *rows, size_t count)
{
    bool *heard = xcalloc(count, sizeof(bool));
    struct peer *root = start_peer(f, ROOT);
    int wrong = 0;

    for (size_t user = 0; user < SUBJECTS; user++) {
        struct peer *peer = start_peer(f, user);
        CLEANUP(free_p) char *mine = xasprintf("own/%s", users[user]);
        CLEANUP(free_p) char *ear = xasprintf("ear/%s", users[user]);

        say_all(f, peer, root, rows, count, mine, heard);
        for (size_t i = 0; i < count; i++)
            wrong += judge(users[user], &rows[i], user, 'w', heard[i]);
        say_all(f, root, peer, rows, count, ear, heard);
        for (size_t i = 0; i < count; i++)
            wrong += judge(users[user], &rows[i], user, 'r', heard[i]);
        peer_stop(peer, &f->rig);
        memset(peer, 0, sizeof(*peer));
        peer_forget_notes(root);
    }
    free(heard);
    assert_int_equal(wrong, 0);
}

/* Each has a last word of its own, which the rules know nothing of. */
static const char last_words[] = "\npattern write own/%u\npattern read ear/%u\n";

static void the_shipped_rules_allow_and_forbid_as_they_say(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *rules = shipped("acl");
    CLEANUP(free_p) char *acl = xasprintf("%s%s", rules, last_words);

    start_broker(f, acl);
    check_matrix(f, matrix, ARRAY_LEN(matrix));
}

static void rules_that_name_the_agents_are_stricter(void **state)
{
    struct fixture *f = *state;
    const char *words[] = {"acl",       "--agents",         "pi01,pi02",        "--groups",
                           "shop:pi01", "--operators",      "operator,nodered", "--viewers",
                           "viewer",    "--home-assistant", "homeassistant",    NULL};
    CLEANUP(free_p) char *rules = run_ctl(f, words);
    CLEANUP(free_p) char *acl = xasprintf("%s%s", rules, last_words);

    start_broker(f, acl);
    check_matrix(f, strict_matrix, ARRAY_LEN(strict_matrix));
}

static void the_shipped_rules_are_what_lapsectl_prints(void **state)
{
    struct fixture *f = *state;
    const char *words[] = {"acl",
                           "--operators",
                           "operator,nodered",
                           "--viewers",
                           "viewer,dashboard",
                           "--home-assistant",
                           "homeassistant",
                           NULL};
    CLEANUP(free_p) char *printed = run_ctl(f, words);
    CLEANUP(free_p) char *file = shipped("acl");

    assert_string_equal(printed, file);
}

static void lapsectl_prints_the_rules_of_the_agents_that_the_broker_knows(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *port = xasprintf("%d", f->port);
    const char *words[] = {"--port", port, "acl", "--seen", "--viewers", "viewer", NULL};
    CLEANUP(free_p) char *acl = NULL;
    struct peer *root = &f->peers[ROOT];

    broker_free(f->broker);
    f->broker = broker_new(f->port, NULL);
    broker_start(f->broker);
    peer_init(root, f->port);
    peer_start(root, &f->rig, "root", NULL, 0);
    mqtt_publish_retained(root->client, "timelapse/v1/pi07/availability", MQTT_TEXT, "online", 6);
    mqtt_subscribe(root->client, "#", true);
    RIG_WAIT(&f->rig, peer_has(root, "timelapse/v1/pi07/availability", "online"));
    acl = run_ctl(f, words);
    assert_non_null(strstr(acl, "user pi07\ntopic write timelapse/v1/pi07/availability\n"));
    assert_null(strstr(acl, "pattern"));
    assert_non_null(strstr(acl, "user viewer\n"));
}

static void nobody_gets_in_without_a_password(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *rules = shipped("acl");
    struct peer *peer = &f->peers[0];

    start_broker(f, rules);
    peer_init(peer, f->port);
    peer->settings.tls = true;
    peer->settings.ca_file = xstrdup(f->ca);
    peer_start(peer, &f->rig, "nobody", NULL, 0);
    RIG_WAIT(&f->rig, peer->problems == 1);
    assert_non_null(strstr(peer->problem.text, "not authorised"));
}

/* Both listeners are bound to this machine: replaced are the ports only. */
static void the_quickstart_is_for_this_machine_and_anybody_on_it(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *text = shipped("quickstart.conf");
    CLEANUP(free_p) char *conf = NULL;
    CLEANUP(free_p) char *port = xasprintf("listener %d 127.0.0.1", f->port);
    CLEANUP(free_p) char *web_port = xasprintf("listener %d 127.0.0.1", f->web_port);
    struct peer *peer = &f->peers[0];

    assert_non_null(strstr(text, "listener 1883 127.0.0.1"));
    assert_non_null(strstr(text, "listener 9001 127.0.0.1"));
    replace_all(&text, "listener 1883 127.0.0.1", port);
    replace_all(&text, "listener 9001 127.0.0.1", web_port);
    conf = xasprintf("user root\n%s", text);
    broker_write_file(f->broker, "mosquitto.conf", conf);
    broker_start(f->broker);
    peer_init(peer, f->port);
    peer_start(peer, &f->rig, "anybody", NULL, 0);
    RIG_WAIT(&f->rig, peer->ups == 1);
}

/* What the agent shows of a rule that is missing. */
static void a_forbidden_topic_is_named(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *rules = shipped("acl");
    struct peer *peer;

    start_broker(f, rules);
    peer = start_peer(f, 0);
    mqtt_publish_event(peer->client, "timelapse/v1/pi02/event", "{}");
    RIG_WAIT(&f->rig, peer->problems == 1);
    assert_string_equal(peer->problem.text, "broker ACL forbids timelapse/v1/pi02/event");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_shipped_rules_allow_and_forbid_as_they_say),
        TEST(rules_that_name_the_agents_are_stricter),
        TEST(the_shipped_rules_are_what_lapsectl_prints),
        TEST(lapsectl_prints_the_rules_of_the_agents_that_the_broker_knows),
        TEST(nobody_gets_in_without_a_password),
        TEST(the_quickstart_is_for_this_machine_and_anybody_on_it),
        TEST(a_forbidden_topic_is_named),
    };

    return cmocka_run_group_tests_name("acl", tests, NULL, NULL);
}
