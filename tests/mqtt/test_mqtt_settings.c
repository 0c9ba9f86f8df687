/* SPDX-License-Identifier: MIT */
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "mqtt/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* Reads "mqtt: { text };". */
static struct conf *read_settings(const char *text, struct mqtt_settings *ret_settings)
{
    char path[] = "/tmp/lapsed-mqtt-conf-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    struct conf *conf;

    assert_non_null(file);
    fprintf(file, "mqtt: { %s };\n", text);
    fclose(file);
    conf = conf_open(path);
    unlink(path);
    memset(ret_settings, 0, sizeof(*ret_settings));
    conf_read_group(conf, &mqtt_table, ret_settings);
    mqtt_settings_check(ret_settings, conf);
    return conf;
}

static void without_any_setting_it_is_the_broker_of_this_machine(void **state)
{
    struct mqtt_settings settings;
    struct conf *conf = read_settings("", &settings);

    (void)state;
    assert_int_equal(conf_problem_count(conf), 0);
    assert_string_equal(settings.host, "127.0.0.1");
    assert_int_equal(settings.port, 0);
    assert_int_equal(settings.protocol, 0);
    assert_string_equal(settings.prefix, "timelapse");
    assert_int_equal(settings.keepalive_s, 30);
    assert_int_equal(settings.max_events, 50000);
    assert_false(settings.tls || settings.insecure_skip_hostname);
    assert_null(settings.user);
    assert_null(settings.password);
    assert_null(settings.ca_file);
    conf_values_done(&mqtt_table, &settings);
    conf_close(conf);
}

static void what_does_not_fit_together_is_a_problem(void **state)
{
    static const struct {
        const char *text, *problem; /* NULL: none */
    } rows[] = {
        {"host = \"broker.example\"; port = 1884; protocol = \"3.1.1\"; user = \"u\";", NULL},
        {"tls = true; ca_file = \"/etc/passwd\";", NULL},
        {"prefix = \"shop/timelapse\";", NULL},
        {"prefix = \"a//b\";", "prefix"},
        {"prefix = \"a/#\";", "prefix"},
        {"host = \"\";", "host"},
        {"password = \"secret\";", "password needs a user"},
        {"ca_file = \"/etc/passwd\";", "tls is off"},
        {"insecure_skip_hostname = true;", "tls is off"},
        {"tls = true; cert_file = \"/etc/passwd\";", "belong together"},
        {"tls = true; key_file = \"/nonexistent.key\";", "belong together"},
        {"tls = true; ca_file = \"/nonexistent\";", "/nonexistent"},
        {"tls = true; cert_file = \"/etc/passwd\"; key_file = \"/etc/passwd\";",
         "key_file: others may read /etc/passwd: chmod o-rwx it"},
        {"keepalive_s = 4;", "keepalive_s"},
        {"protocol = \"4\";", "protocol"},
        {"port = 70000;", "port"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mqtt_settings settings;
        struct conf *conf = read_settings(rows[i].text, &settings);

        if (conf_problem_count(conf) != (rows[i].problem ? 1 : 0))
            fail_msg("%s: %zu problems", rows[i].text, conf_problem_count(conf));
        if (rows[i].problem && !strstr(conf_problem_text(conf, 0), rows[i].problem))
            fail_msg("%s: %s", rows[i].text, conf_problem_text(conf, 0));
        conf_values_done(&mqtt_table, &settings);
        conf_close(conf);
    }
}

static void the_password_is_not_printed(void **state)
{
    struct mqtt_settings settings;
    struct conf *conf = read_settings("user = \"u\"; password = \"hunter2\";", &settings);
    CLEANUP(free_p) char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    (void)state;
    conf_print(&mqtt_table, &settings, false, out);
    fclose(out);
    assert_non_null(strstr(text, "keepalive_s"));
    assert_null(strstr(text, "hunter2"));
    conf_values_done(&mqtt_table, &settings);
    conf_close(conf);
}

static void every_setting_is_explained(void **state)
{
    (void)state;
    for (size_t i = 0; i < mqtt_table.field_count; i++)
        assert_true(str_ends_with(mqtt_table.fields[i].help, "."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_any_setting_it_is_the_broker_of_this_machine),
        cmocka_unit_test(what_does_not_fit_together_is_a_problem),
        cmocka_unit_test(the_password_is_not_printed),
        cmocka_unit_test(every_setting_is_explained),
    };

    return cmocka_run_group_tests_name("mqtt_settings", tests, NULL, NULL);
}
