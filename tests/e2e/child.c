/* SPDX-License-Identifier: MIT */
#include "tests/e2e/child.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOG_SHOWN_BYTES = 12000 };

static void exec_child(const char *const *argv, const char *log_path)
{
    int fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    char *const *args;

    if (fd < 0 || null_fd < 0)
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that ends in the middle leaves nothing running */
    dup2(null_fd, STDIN_FILENO);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC); /* libmosquitto's are inherited */
    memcpy(&args, &argv, sizeof(args)); /* execvp() changes nothing, its prototype is old */
    execvp(argv[0], args);
    perror(argv[0]);
    _exit(127);
}

void child_start(struct child *child, const char *const *argv, const char *log_path)
{
    child->status = 0;
    child->pid = fork();
    if (child->pid < 0) {
        perror("fork");
        exit(1);
    }
    if (child->pid == 0)
        exec_child(argv, log_path);
}

bool child_ended(struct child *child)
{
    if (child->pid > 0 && waitpid(child->pid, &child->status, WNOHANG) == child->pid)
        child->pid = 0;
    return child->pid == 0;
}

void child_signal(struct child *child, int signum)
{
    if (child->pid == 0)
        return;
    kill(child->pid, signum);
    if (signum != SIGKILL)
        return;
    waitpid(child->pid, &child->status, 0);
    child->pid = 0;
}

void child_show_log(const char *title, const char *log_path)
{
    static char text[LOG_SHOWN_BYTES];
    FILE *file = fopen(log_path, "re");
    size_t len;

    if (!file)
        return;
    if (fseek(file, -LOG_SHOWN_BYTES, SEEK_END) < 0)
        rewind(file);
    len = fread(text, 1, sizeof(text), file);
    fclose(file);
    fprintf(stderr, "--- %s (%s)\n%.*s", title, log_path, (int)len, text);
}
