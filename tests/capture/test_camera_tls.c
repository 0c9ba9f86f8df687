/* SPDX-License-Identifier: MIT */
/* test_camera_tls: a camera behind HTTPS is believed only when its certificate is; who is not is
 * told why, and what to do. Against OpenSSL's own test server. */
#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/process.h"
#include "agent/base/str.h"
#include "capture/camera/camera.h"
#include "tests/capture/pictures.h"
#include "tests/mqtt/certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KIND_HTTP, DEADLINE_MS = 20000 };

struct fixture {
    char dir[32];
    struct loop *loop;
    struct http *http;
    struct timer *deadline;
    bool late;
    struct process *server;
    struct buf said;
    char *authority, *url;
    struct camera_settings settings;
    struct camera *camera;
    bool done;
    bool has_picture;
    struct error error;
};

static void on_deadline(void *user)
{
    struct fixture *f = user;

    f->late = true;
}

static void run_round(struct fixture *f)
{
    assert_false(f->late);
    loop_run_once(f->loop);
}

/* --- the camera's server --- */

static void on_said(const uint8_t *data, size_t len, void *user)
{
    struct fixture *f = user;

    assert_int_equal(buf_append(&f->said, data, len), 0);
}

static void on_ended(const struct process_result *result, void *user)
{
    struct fixture *f = user;

    if (f->server)
        fprintf(stderr, "openssl s_server: %s\n", result->stderr_tail);
    f->server = NULL;
}

static void write_picture(const struct fixture *f)
{
    CLEANUP(free_p) char *path = path_join(f->dir, "camera.jpg");
    size_t len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(64, 48, 1, &len);
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fwrite(jpeg, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* Its port is the end of the line "ACCEPT 127.0.0.1:43210". */
static bool read_port(struct fixture *f, int64_t *ret_port)
{
    const char *line = strstr(buf_text(&f->said), "ACCEPT ");
    const char *end = line ? strchr(line, '\n') : NULL;
    CLEANUP(free_p) char *text = end ? xstrndup(line, (size_t)(end - line)) : NULL;

    return text && str_to_int(strrchr(text, ':') + 1, ret_port) == 0;
}

/* As the certificate of which name the camera shows. */
static void serve(struct fixture *f, const char *san)
{
    const struct certificate certificate = {.common_name = "camera", .san = san};
    static const char *const argv[] = {"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert",
                                       "cam.pem", "-key",     "cam.key", "-WWW",        NULL};
    const struct process_config config = {.argv = argv, .dir = f->dir, .on_stdout = on_said};
    struct error err = {0};
    int64_t port;

    certificate_make(f->dir, "authority", "cam", &certificate);
    write_picture(f);
    if (process_start(f->loop, &config, on_ended, f, &f->server, &err) < 0)
        fail_msg("%s (package openssl)", err.text);
    while (!read_port(f, &port)) {
        assert_non_null(f->server);
        run_round(f);
    }
    f->url = xasprintf("https://127.0.0.1:%lld/camera.jpg", (long long)port);
}

/* --- fixture --- */

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    snprintf(f->dir, sizeof(f->dir), "/tmp/lapsed-tls-XXXXXX");
    if (!mkdtemp(f->dir) || loop_new(&f->loop, NULL) < 0)
        return -1;
    buf_init(&f->said, 64 * 1024);
    f->http = http_new(f->loop);
    f->deadline = timer_new(f->loop, on_deadline, f);
    timer_start(f->deadline, DEADLINE_MS);
    f->authority = certificate_authority(f->dir, "authority");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    camera_free(f->camera);
    process_free(TAKE(f->server));
    http_free(f->http);
    timer_free(f->deadline);
    loop_free(f->loop);
    buf_done(&f->said);
    (void)!path_remove_tree(f->dir, NULL);
    free(f->authority);
    free(f->url);
    free(f);
    return 0;
}

static void on_shot(struct picture *picture, const struct error *err, void *user)
{
    struct fixture *f = user;

    f->done = true;
    f->has_picture = picture != NULL;
    if (!picture)
        f->error = *err;
}

static void shoot(struct fixture *f, char *ca_file)
{
    static char id[] = "front";

    f->settings = (struct camera_settings){.id = id,
                                           .kind = KIND_HTTP,
                                           .url = f->url,
                                           .ca_file = ca_file,
                                           .timeout_ms = 5000,
                                           .max_bytes = 200000};
    f->camera = camera_new(f->loop, f->http, &f->settings, NULL, NULL);
    assert_non_null(camera_shoot(f->camera, 0, 0, on_shot, f));
    while (!f->done)
        run_round(f);
}

static void expect_refusal(const struct fixture *f, const char *words)
{
    assert_false(f->has_picture);
    assert_int_equal(f->error.code, -EKEYREJECTED);
    assert_true(str_starts_with(f->error.text, "front: the TLS certificate of 127.0.0.1:"));
    if (!strstr(f->error.text, words) || !strstr(f->error.text, "set ca_file"))
        fail_msg("'%s' is not in: %s", words, f->error.text);
}

/* --- tests --- */

static void test_certificate_of_a_trusted_authority_is_enough(void **state)
{
    struct fixture *f = *state;

    serve(f, "IP:127.0.0.1");
    shoot(f, f->authority);
    if (!f->has_picture)
        fail_msg("%s", f->error.text);
}

static void test_camera_may_be_trusted_by_its_own_certificate(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *own = path_join(f->dir, "cam.pem");

    serve(f, "IP:127.0.0.1");
    shoot(f, own);
    if (!f->has_picture)
        fail_msg("%s", f->error.text);
}

static void test_unknown_certificate_is_refused_with_advice(void **state)
{
    struct fixture *f = *state;

    serve(f, "IP:127.0.0.1");
    shoot(f, NULL);
    expect_refusal(f, "certificate");
}

static void test_certificate_of_another_name_is_refused_with_advice(void **state)
{
    struct fixture *f = *state;

    serve(f, "DNS:camera.lan");
    shoot(f, f->authority);
    expect_refusal(f, "127.0.0.1'");
}

static void test_missing_ca_file_is_told(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *missing = path_join(f->dir, "nothing.pem");

    serve(f, "IP:127.0.0.1");
    shoot(f, missing);
    assert_false(f->has_picture);
    assert_non_null(strstr(f->error.text, "ca_file"));
}

#define tls_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        tls_test(test_certificate_of_a_trusted_authority_is_enough),
        tls_test(test_camera_may_be_trusted_by_its_own_certificate),
        tls_test(test_unknown_certificate_is_refused_with_advice),
        tls_test(test_certificate_of_another_name_is_refused_with_advice),
        tls_test(test_missing_ca_file_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
