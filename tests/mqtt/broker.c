/* SPDX-License-Identifier: MIT */
/* broker: whoever cannot start it cannot run the test: every failure ends the program. */
#include "tests/mqtt/broker.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct broker {
    int port;
    pid_t pid; /* 0 = not running */
    char dir[32];
};

static void check(bool ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    exit(1);
}

static struct sockaddr_in loopback(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)},
    };

    return address;
}

int broker_free_port(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof(address);

    check(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "bind");
    check(getsockname(fd, (struct sockaddr *)&address, &len) == 0, "getsockname");
    close(fd);
    return ntohs(address.sin_port);
}

void broker_write_file(struct broker *broker, const char *name, const char *text)
{
    CLEANUP(free_p) char *path = path_join(broker->dir, name);
    FILE *file = fopen(path, "we");

    check(file && fputs(text, file) >= 0 && fclose(file) == 0, path);
}

void broker_add_user(const char *file, const char *user, const char *password)
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        execlp("mosquitto_passwd", "mosquitto_passwd", "-b", file, user, password, (char *)NULL);
        _exit(127);
    }
    check(waitpid(child, &status, 0) == child && status == 0, "mosquitto_passwd");
}

/* Copies settings to file with each "%dir" replaced. */
static void write_settings(FILE *file, const char *settings, const char *dir)
{
    const char *mark;

    while ((mark = strstr(settings, "%dir"))) {
        fprintf(file, "%.*s%s", (int)(mark - settings), settings, dir);
        settings = mark + strlen("%dir");
    }
    fprintf(file, "%s\n", settings);
}

struct broker *broker_new_bare(int port)
{
    struct broker *broker = xcalloc(1, sizeof(*broker));

    broker->port = port;
    snprintf(broker->dir, sizeof(broker->dir), "/tmp/lapsed-mqtt-XXXXXX");
    check(mkdtemp(broker->dir) != NULL, "mkdtemp");
    return broker;
}

struct broker *broker_new(int port, const char *settings)
{
    struct broker *broker = broker_new_bare(port);
    CLEANUP(free_p) char *path = NULL;
    FILE *file;

    path = path_join(broker->dir, "mosquitto.conf");
    file = fopen(path, "we");
    check(file != NULL, path);
    /* "user root" keeps it from changing to another user when the tests run as root */
    fprintf(file, "listener %d 127.0.0.1\nuser root\npersistence false\n", port);
    write_settings(file, settings ? settings : "allow_anonymous true", broker->dir);
    check(fclose(file) == 0, path);
    return broker;
}

const char *broker_dir(const struct broker *broker)
{
    return broker->dir;
}

static bool accepts(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(port);
    bool ok = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;

    close(fd);
    return ok;
}

static void exec_broker(const struct broker *broker)
{
    CLEANUP(free_p) char *conf = path_join(broker->dir, "mosquitto.conf");
    CLEANUP(free_p) char *log = path_join(broker->dir, "mosquitto.log");
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC); /* libmosquitto's are inherited */
    execlp("mosquitto", "mosquitto", "-c", conf, (char *)NULL);
    execl("/usr/sbin/mosquitto", "mosquitto", "-c", conf, (char *)NULL);
    _exit(127);
}

void broker_start(struct broker *broker)
{
    int64_t deadline_ms = clock_mono_ms() + 10000;

    broker->pid = fork();
    check(broker->pid >= 0, "fork");
    if (broker->pid == 0)
        exec_broker(broker);
    while (!accepts(broker->port)) {
        check(clock_mono_ms() < deadline_ms && waitpid(broker->pid, NULL, WNOHANG) == 0,
              "mosquitto does not start");
        poll(NULL, 0, 10);
    }
}

void broker_signal(struct broker *broker, int signum)
{
    kill(broker->pid, signum);
}

void broker_kill(struct broker *broker)
{
    if (broker->pid == 0)
        return;
    kill(broker->pid, SIGKILL);
    waitpid(broker->pid, NULL, 0);
    broker->pid = 0;
}

void broker_free(struct broker *broker)
{
    if (!broker)
        return;
    broker_kill(broker);
    if (path_remove_tree(broker->dir, NULL) < 0)
        perror(broker->dir);
    free_p(&broker);
}
