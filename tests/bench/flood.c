/* SPDX-License-Identifier: MIT */
#include "tests/bench/flood.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TOPIC_MAX_BYTES = 120, BATCH_MAX = 64 };

struct flood {
    pid_t pid;
    int result; /* messages a second come out here */
};

struct packet {
    uint8_t bytes[TOPIC_MAX_BYTES + 8];
    size_t len;
};

static bool write_all(int fd, const void *data, size_t len)
{
    const uint8_t *at = data;

    while (len > 0) {
        ssize_t done = write(fd, at, len);

        if (done <= 0)
            return false;
        at += done;
        len -= (size_t)done;
    }
    return true;
}

static int connect_to(int port)
{
    static const uint8_t hello[] = {0x10, 17, 0, 4, 'M', 'Q', 'T', 'T', 4,  2,
                                    0,    0,  0, 5, 'f', 'l', 'o', 'o', 'd'};
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint8_t answer[4];

    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        !write_all(fd, hello, sizeof(hello)) ||
        recv(fd, answer, sizeof(answer), MSG_WAITALL) != sizeof(answer) || answer[3] != 0)
        return -1;
    return fd;
}

static struct packet packet_of(const char *topic)
{
    size_t len = strnlen(topic, TOPIC_MAX_BYTES);
    struct packet packet = {.len = len + 6};

    packet.bytes[0] = 0x30;
    packet.bytes[1] = (uint8_t)(len + 4);
    packet.bytes[3] = (uint8_t)len;
    memcpy(packet.bytes + 4, topic, len);
    memcpy(packet.bytes + 4 + len, "{}", 2);
    return packet;
}

/* Messages a second; < 0: the broker did not want them. */
static double pour(int port, const char *topic, int per_s, int seconds)
{
    struct packet packet = packet_of(topic);
    int64_t from_us = clock_mono_us(), end_us = from_us + seconds * 1000000L, now_us;
    int fd = connect_to(port);
    double sent = 0;

    while (fd >= 0 && (now_us = clock_mono_us()) < end_us) {
        double due = (double)(now_us - from_us) / 1e6 * per_s;

        for (int i = 0; i < BATCH_MAX && sent < due; i++, sent++)
            if (!write_all(fd, packet.bytes, packet.len))
                return -1;
        if (sent >= due)
            poll(NULL, 0, 1);
    }
    return fd < 0 ? -1 : sent / ((double)(clock_mono_us() - from_us) / 1e6);
}

struct flood *flood_start(int port, const char *topic, int per_s, int seconds)
{
    struct flood *flood = xcalloc(1, sizeof(*flood));
    int ends[2];

    if (pipe(ends) < 0 || (flood->pid = fork()) < 0)
        _exit(1);
    if (flood->pid == 0) {
        double rate;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        rate = pour(port, topic, per_s, seconds);
        _exit(write_all(ends[1], &rate, sizeof(rate)) ? 0 : 1);
    }
    close(ends[1]);
    flood->result = ends[0];
    return flood;
}

bool flood_is_over(struct flood *flood)
{
    struct pollfd end = {.fd = flood->result, .events = POLLIN};

    return poll(&end, 1, 0) > 0;
}

double flood_end(struct flood *flood)
{
    double rate = 0;

    if (read(flood->result, &rate, sizeof(rate)) != sizeof(rate))
        rate = 0;
    close(flood->result);
    waitpid(flood->pid, NULL, 0);
    free_p(&flood);
    return MAX(rate, 0.0);
}
