/* SPDX-License-Identifier: MIT */
/* test_camera_relay: what a relay makes of a camera's stream: RTMP and HLS, written by ffmpeg. Both
 * begin with pictures that are seconds old, none of which may count. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/process.h"
#include "agent/base/str.h"
#include "tests/capture/program_rig.h"
#include "tests/capture/script_server.h"
#include "tests/capture/stream_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ARGS_MAX = 32, FILE_MAX = 8 * 1024 * 1024, STORED_MS = 1500, HLS_LATENCY_MS = 6000 };

struct relay {
    struct stream_rig *rig;
    struct process *process;
    char dir[40];
};

/* --- the relay --- */

static void on_ended(const struct process_result *result, void *user)
{
    struct relay *relay = user;

    if (*result->stderr_tail)
        print_message("relay: %s\n", result->stderr_tail);
    relay->process = NULL;
}

/* ffmpeg copies the RTSP camera's stream to where these words say. */
static void relay_start(struct relay *relay, const char *const *words)
{
    CLEANUP(free_p)
    char *url = xasprintf("rtsp://127.0.0.1:%lld/cam", (long long)relay->rig->port);
    const char *argv[ARGS_MAX] = {
        "ffmpeg", "-nostdin", "-loglevel", "fatal", "-y",  "-rtsp_transport",
        "tcp",    "-i",       url,         "-c",    "copy"};
    const struct process_config config = {.argv = argv};
    size_t count = 0;

    while (argv[count])
        count++;
    for (; *words; words++)
        argv[count++] = *words;
    assert_int_equal(
        process_start(relay->rig->loop, &config, on_ended, relay, &relay->process, NULL), 0);
}

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    close(fd);
    return ntohs(address.sin_port);
}

/* --- a web server for a directory --- */

static void answer_file(struct script_peer *peer, const char *request, void *user)
{
    const struct relay *relay = user;
    CLEANUP(free_p) char *path = NULL;
    CLEANUP(free_p) char *data = NULL;
    char name[40];
    size_t len;

    assert_int_equal(sscanf(request, "GET /%39[a-z0-9.] ", name), 1);
    path = path_join(relay->dir, name);
    if (path_read_file(path, FILE_MAX, &data, &len, NULL) == 0)
        peer_answer(peer, 200, "application/octet-stream", data, len);
    else
        peer_answer(peer, 404, "text/plain", "", 0);
    peer_close(peer);
}

/* --- fixture --- */

static int setup(void **state)
{
    struct relay *relay = xcalloc(1, sizeof(*relay));
    void *rig = NULL;

    *state = relay;
    snprintf(relay->dir, sizeof(relay->dir), "/tmp/lapsed-test-relay-XXXXXX");
    if (!mkdtemp(relay->dir) || stream_rig_setup(&rig) < 0)
        return -1;
    relay->rig = rig;
    stream_rig_serve(relay->rig, NULL);
    return 0;
}

static int teardown(void **state)
{
    struct relay *relay = *state;
    void *rig = relay->rig;
    int rc;

    process_free(relay->process);
    rc = stream_rig_teardown(&rig);
    if (path_remove_tree(relay->dir, NULL) < 0)
        rc = -1;
    free(relay);
    return rc;
}

/* --- tests --- */

static void expect_fresh_pictures_of_rtmp(struct relay *relay)
{
    CLEANUP(free_p) char *url = xasprintf("rtmp://127.0.0.1:%d/live/x", free_port());
    const char *words[] = {"-f", "flv", "-listen", "1", url, NULL};

    relay_start(relay, words);
    stream_rig_linger(relay->rig, STORED_MS); /* it waits for us, and the camera does not */
    stream_rig_start(relay->rig, url);
    expect_fresh(relay->rig);
    expect_fresh(relay->rig);
}

static void stored_pictures_of_an_rtmp_server_do_not_count(void **state)
{
    struct relay *relay = *state;

    relay->rig->settings.decode = 1;
    expect_fresh_pictures_of_rtmp(relay);
}

static void stored_key_frames_of_an_rtmp_server_do_not_count(void **state)
{
    expect_fresh_pictures_of_rtmp(*state);
}

static bool is_written(const char *path)
{
    return access(path, R_OK) == 0;
}

static void hls_is_fresh_with_its_latency(void **state)
{
    struct relay *relay = *state;
    struct script_server *server = script_server_new(relay->rig->loop, answer_file, NULL, relay);
    CLEANUP(free_p) char *list = path_join(relay->dir, "live.m3u8");
    CLEANUP(free_p)
    char *url = xasprintf("http://127.0.0.1:%d/live.m3u8", script_server_port(server));
    const char *words[] = {"-f", "hls", "-hls_time", "0.5", "-hls_list_size", "4", list, NULL};

    relay_start(relay, words);
    while (!is_written(list))
        stream_rig_linger(relay->rig, 50);
    stream_rig_start(relay->rig, url);
    relay->rig->settings.latency_ms = HLS_LATENCY_MS;
    expect_fresh(relay->rig);
    camera_free(TAKE(relay->rig->camera));
    script_server_free(server);
}

#define relay_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        relay_test(stored_pictures_of_an_rtmp_server_do_not_count),
        relay_test(stored_key_frames_of_an_rtmp_server_do_not_count),
        relay_test(hls_is_fresh_with_its_latency),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
