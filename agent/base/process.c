/* SPDX-License-Identifier: MIT */
/* process: fork and exec by hand, watched through a pidfd.
 *
 * libuv's uv_spawn() reaps the child itself and throws its resource usage away; we want that
 * (processor time and memory of every encoder go into the job's record), and the niceness, the
 * kernel's choice under memory pressure and the parent-death signal have to be set in the child
 * before it becomes the program. Hence no uv_spawn(), no SIGCHLD, and one wait4() per child.
 *
 * A child that has exited stays a zombie until its pipes are closed, too. So its pid, and with it
 * the process group, cannot be given to anybody else, and a signal to the group always reaches
 * ours only.
 *
 * Between fork() and execve() only async-signal-safe calls are made: other threads may hold any
 * lock. All that needs memory (path, environment, texts) is made before.
 *
 * max_rss_kib never reads less than our own size: the kernel counts the moment between fork and
 * exec, too. */
#include "agent/base/process.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

enum {
    GRACE_MS = 2000, /* from SIGTERM to SIGKILL, and from there to closing the pipes */
    READ_BYTES = 32 * 1024,
    ENV_MAX = 16,
    FIRST_FREE_FD = 10 /* above every descriptor that the child is given */
};

enum process_stage { STAGE_RUNNING, STAGE_TERM_SENT, STAGE_KILL_SENT };

struct stream {
    struct process *process;
    int fd; /* our end; -1 = closed */
    struct watch *watch;
    void (*take)(struct process *process, const uint8_t *data, size_t len);
};

enum { STREAM_STDOUT, STREAM_STDERR, STREAM_AUX, STREAMS };

struct pending_write {
    uint8_t *data; /* NULL = none */
    size_t len, written;
    process_written_fn on_written;
    void *user;
};

struct process {
    struct loop *loop;
    pid_t pid;
    int pidfd;
    struct watch *exit_watch;
    bool exited;
    struct timer *timer;
    enum process_stage stage;
    bool timed_out, overflow;

    struct stream streams[STREAMS];
    process_data_fn on_stdout, on_aux;
    struct buf stdout_data;
    char stderr_tail[PROCESS_STDERR_TAIL + 1];
    size_t stderr_len;

    int stdin_fd;
    struct watch *stdin_watch;
    struct pending_write write;
    bool close_after_write;

    process_done_fn done;
    void *user;
    int callback_depth; /* > 0: the caller's code is running, the memory has to stay */
    bool forgotten;     /* process_free() was called */
};

/* --- finding the program and making its environment --- */

static int check_program(const char *path)
{
    struct stat info;

    if (stat(path, &info) < 0)
        return -errno;
    if (!S_ISREG(info.st_mode) || access(path, X_OK) < 0)
        return -EACCES;
    return 0;
}

static const char *search_path(void)
{
    const char *path = getenv("PATH");

    return path && *path ? path : DEFAULT_PATH;
}

static int search_program(const char *name, char **ret_path)
{
    int rc = -ENOENT;

    for (const char *dir = search_path(), *end; *dir; dir = *end ? end + 1 : end) {
        char *path;
        int found;

        end = strchrnul(dir, ':');
        if (*dir != '/')
            continue;
        path = xasprintf("%.*s/%s", (int)(end - dir), dir, name);
        found = check_program(path);
        if (found == 0) {
            *ret_path = path;
            return 0;
        }
        free(path);
        if (found == -EACCES)
            rc = found;
    }
    return rc;
}

int process_find_program(const char *name, char **ret_path, struct error *err)
{
    int rc;

    if (*name == '\0')
        return error_set(err, -ENOENT, "no program name given");
    if (strchr(name, '/')) {
        rc = check_program(name);
        if (rc < 0)
            return error_set(err, rc, "cannot run %s: %s", name, strerror(-rc));
        *ret_path = xstrdup(name);
        return 0;
    }
    rc = search_program(name, ret_path);
    if (rc == -ENOENT)
        return error_set(err, rc, "program '%s' is not installed (not found in PATH)", name);
    if (rc < 0)
        return error_set(err, rc, "program '%s' is there but may not be run", name);
    return 0;
}

static bool is_same_name(const char *a, const char *b)
{
    size_t len = strcspn(a, "=") + 1;

    return strncmp(a, b, len) == 0;
}

/* entry: owned from now on; takes the place of one of its name. */
static void env_put(char *env[ENV_MAX], char *entry)
{
    size_t at = 0;

    while (env[at] && !is_same_name(env[at], entry))
        at++;
    assert(at < ENV_MAX - 1);
    free(env[at]);
    env[at] = entry;
}

static void env_add(char *env[ENV_MAX], const char *name, const char *value)
{
    if (value)
        env_put(env, xasprintf("%s=%s", name, value));
}

static void env_make(char *env[ENV_MAX], const char *const *more)
{
    const char *home = getenv("HOME");

    memset(env, 0, ENV_MAX * sizeof(*env));
    env_add(env, "PATH", search_path());
    env_add(env, "LANG", "C.UTF-8");
    env_add(env, "HOME", home ? home : "/nonexistent");
    env_add(env, "TZ", getenv("TZ"));
    for (; more && *more; more++)
        env_put(env, xstrdup(*more));
}

static void env_done(char *env[ENV_MAX])
{
    for (size_t i = 0; i < ENV_MAX; i++)
        free(env[i]);
}

/* --- the child's side --- */

/* Both ends of everything that is set up before the fork; -1 = not there or handed over. */
struct launch {
    const char *path;
    char *const *argv;
    char *const *env;
    const char *dir;  /* NULL: stay */
    int child_fds[4]; /* become 0, 1, 2, 3 */
    int our_stdin, our_stdout, our_stderr, our_aux;
    int failure_read, failure_write; /* carries the errno of a failed exec */
    int nice;
    char oom_score_adj[16];
    pid_t parent;
};

static void child_reset_signals(void)
{
    sigset_t none;

    for (int signum = 1; signum < NSIG; signum++)
        signal(signum, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void child_set_oom_score(const char *text)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    /* Where it is not allowed the child runs all the same. */
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return;
    close(fd);
}

static int child_set_fds(struct launch *launch)
{
    int last = launch->child_fds[3] >= 0 ? 3 : 2;

    /* First all out of the way: a daemon started without stdin may own a pipe as descriptor 0. */
    launch->failure_write = fcntl(launch->failure_write, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
    for (int i = 0; i <= last; i++)
        launch->child_fds[i] = fcntl(launch->child_fds[i], F_DUPFD_CLOEXEC, FIRST_FREE_FD);
    for (int i = 0; i <= last; i++)
        if (dup2(launch->child_fds[i], i) < 0)
            return -1;
    /* Descriptors of ours have O_CLOEXEC; those of libraries perhaps not. */
    close_range((unsigned)last + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    return 0;
}

static void child_run(struct launch *launch) __attribute__((noreturn));
static void child_run(struct launch *launch)
{
    int failure;

    setsid();
    child_reset_signals();
    /* When we die hard, a recorder must not live on and keep the camera. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != launch->parent)
        _exit(127);
    if (launch->nice != 0)
        setpriority(PRIO_PROCESS, 0, launch->nice);
    if (launch->oom_score_adj[0])
        child_set_oom_score(launch->oom_score_adj);
    if (child_set_fds(launch) == 0 && (!launch->dir || chdir(launch->dir) == 0))
        execve(launch->path, launch->argv, launch->env);
    failure = errno;
    if (write(launch->failure_write, &failure, sizeof(failure)) < 0)
        _exit(126);
    _exit(127);
}

/* --- the parent's side of starting --- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int take_fd(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}

static void launch_init(struct launch *launch, const struct process_config *config)
{
    *launch = (struct launch){
        .child_fds = {-1, -1, -1, -1},
        .our_stdin = -1,
        .our_stdout = -1,
        .our_stderr = -1,
        .our_aux = -1,
        .failure_read = -1,
        .failure_write = -1,
        .nice = config->nice,
        .dir = config->dir,
        .parent = getpid(),
    };
    if (config->oom_score_adj != 0)
        snprintf(launch->oom_score_adj, sizeof(launch->oom_score_adj), "%d", config->oom_score_adj);
}

static void launch_done(struct launch *launch)
{
    for (size_t i = 0; i < ARRAY_LEN(launch->child_fds); i++)
        close_fd(&launch->child_fds[i]);
    close_fd(&launch->our_stdin);
    close_fd(&launch->our_stdout);
    close_fd(&launch->our_stderr);
    close_fd(&launch->our_aux);
    close_fd(&launch->failure_read);
    close_fd(&launch->failure_write);
}

static int open_pipe(int *ret_read, int *ret_write)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return -errno;
    *ret_read = fds[0];
    *ret_write = fds[1];
    return 0;
}

static int open_null(int *ret_fd)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

static int copy_fd(int fd, int *ret_copy)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (copy < 0)
        return -errno;
    *ret_copy = copy;
    return 0;
}

static bool wants_stdout(const struct process_config *config)
{
    return config->on_stdout || config->stdout_max_bytes > 0;
}

static int launch_open_fds(struct launch *launch, const struct process_config *config)
{
    int *child = launch->child_fds;
    int rc;

    rc = config->stdin_pipe ? open_pipe(&child[0], &launch->our_stdin) : open_null(&child[0]);
    if (rc == 0)
        rc =
            wants_stdout(config) ? open_pipe(&launch->our_stdout, &child[1]) : open_null(&child[1]);
    if (rc == 0)
        rc = config->merge_stderr ? copy_fd(child[1], &child[2])
                                  : open_pipe(&launch->our_stderr, &child[2]);
    if (rc == 0 && config->on_aux)
        rc = open_pipe(&launch->our_aux, &child[3]);
    if (rc == 0)
        rc = open_pipe(&launch->failure_read, &launch->failure_write);
    return rc;
}

/* Forks with all signals blocked: a handler of ours must not run in the child, where it would
 * write into the pipe that it shares with us. */
static int launch_fork(struct launch *launch, pid_t *ret_pid)
{
    sigset_t all, before;
    pid_t pid;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0)
        child_run(launch);
    rc = pid < 0 ? -errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        *ret_pid = pid;
    return rc;
}

/* Waits, about a millisecond, until the child has become the program or has failed to. */
static int launch_exec_result(struct launch *launch)
{
    int failure = 0;
    ssize_t got;

    close_fd(&launch->failure_write);
    do {
        got = read(launch->failure_read, &failure, sizeof(failure));
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof(failure) ? -failure : 0;
}

static void reap(pid_t pid, int *ret_status, struct rusage *ret_usage)
{
    while (wait4(pid, ret_status, 0, ret_usage) < 0 && errno == EINTR)
        continue;
}

static int launch_run(struct launch *launch, pid_t *ret_pid, int *ret_pidfd)
{
    pid_t pid = -1;
    struct rusage usage;
    int status, pidfd = -1;
    int rc = launch_fork(launch, &pid);

    if (rc < 0)
        return rc;
    rc = launch_exec_result(launch);
    if (rc == 0) {
        pidfd = pidfd_open(pid, 0);
        if (pidfd < 0) {
            rc = -errno;
            kill(-pid, SIGKILL);
        }
    }
    if (rc < 0) {
        reap(pid, &status, &usage);
        return rc;
    }
    *ret_pid = pid;
    *ret_pidfd = pidfd;
    return 0;
}

/* --- calling back --- */

static void process_destroy(struct process *process)
{
    free(process->write.data);
    buf_done(&process->stdout_data);
    free(process);
}

static void enter_callback(struct process *process)
{
    process->callback_depth++;
}

/* False when the caller freed the process meanwhile: it must not be touched any more. */
static bool leave_callback(struct process *process)
{
    process->callback_depth--;
    if (!process->forgotten)
        return true;
    if (process->callback_depth == 0)
        process_destroy(process);
    return false;
}

/* --- the end --- */

static void stream_close(struct stream *stream)
{
    watch_free(stream->watch);
    stream->watch = NULL;
    close_fd(&stream->fd);
}

static void stdin_close(struct process *process)
{
    watch_free(process->stdin_watch);
    process->stdin_watch = NULL;
    close_fd(&process->stdin_fd);
}

static bool streams_open(const struct process *process)
{
    for (size_t i = 0; i < STREAMS; i++)
        if (process->streams[i].fd >= 0)
            return true;
    return false;
}

static void close_all(struct process *process)
{
    for (size_t i = 0; i < STREAMS; i++)
        stream_close(&process->streams[i]);
    stdin_close(process);
    watch_free(process->exit_watch);
    process->exit_watch = NULL;
    close_fd(&process->pidfd);
    timer_free(process->timer);
    process->timer = NULL;
}

/* False when the caller freed the process in the callback. */
static bool write_finish(struct process *process, int result)
{
    struct pending_write write = process->write;

    if (!write.data)
        return true;
    process->write = (struct pending_write){0};
    free(write.data);
    enter_callback(process);
    write.on_written(result, write.user);
    return leave_callback(process);
}

static size_t utf8_char_len(const char *text, size_t left)
{
    for (size_t len = 1; len <= 4 && len <= left; len++)
        if (str_is_utf8(text, len))
            return len;
    return 0;
}

/* Programs colour their messages and draw progress bars; the text goes into JSON and logs. */
static const char *clean_text(char *text, size_t len)
{
    for (size_t at = 0, step; at < len; at += MAX(step, (size_t)1)) {
        step = utf8_char_len(text + at, len - at);
        if (step == 0)
            text[at] = '?';
        else if ((unsigned char)text[at] < ' ' || text[at] == 0x7f)
            text[at] = ' ';
    }
    while (len > 0 && text[len - 1] == ' ')
        len--;
    text[len] = '\0';
    return text + strspn(text, " ");
}

static int64_t cpu_ms(const struct rusage *usage)
{
    return (int64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000 +
           (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1000;
}

static void collect_result(struct process *process, struct process_result *ret_result)
{
    struct rusage usage = {0};
    int status = 0;

    reap(process->pid, &status, &usage);
    *ret_result = (struct process_result){
        .exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
        .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        .timed_out = process->timed_out,
        .overflow = process->overflow,
        .stderr_tail = clean_text(process->stderr_tail, process->stderr_len),
        .cpu_ms = cpu_ms(&usage),
        .max_rss_kib = usage.ru_maxrss,
    };
    if (!process->on_stdout) {
        ret_result->stdout_data = (const uint8_t *)buf_text(&process->stdout_data);
        ret_result->stdout_len = process->stdout_data.len;
    }
}

static void finish_when_complete(struct process *process)
{
    struct process_result result;

    if (!process->exited || streams_open(process))
        return;
    close_all(process);
    if (!write_finish(process, -EPIPE))
        return;
    /* What the child left in its group must not outlive an order to end. */
    if (process->stage != STAGE_RUNNING)
        kill(-process->pid, SIGKILL);
    collect_result(process, &result);
    process->pid = -1;
    enter_callback(process);
    process->done(&result, process->user);
    if (leave_callback(process))
        process_destroy(process);
}

static void on_exit_ready(int events, void *user)
{
    struct process *process = user;

    (void)events;
    process->exited = true;
    watch_free(process->exit_watch);
    process->exit_watch = NULL;
    finish_when_complete(process);
}

/* --- output --- */

static void take_stdout(struct process *process, const uint8_t *data, size_t len)
{
    if (process->on_stdout) {
        process->on_stdout(data, len, process->user);
    } else if (!process->overflow && buf_append(&process->stdout_data, data, len) < 0) {
        process->overflow = true;
        process_kill(process);
    }
}

static void take_aux(struct process *process, const uint8_t *data, size_t len)
{
    process->on_aux(data, len, process->user);
}

static void take_stderr(struct process *process, const uint8_t *data, size_t len)
{
    size_t taken = MIN(len, (size_t)PROCESS_STDERR_TAIL);
    size_t kept = MIN(process->stderr_len, PROCESS_STDERR_TAIL - taken);

    memmove(process->stderr_tail, process->stderr_tail + process->stderr_len - kept, kept);
    memcpy(process->stderr_tail + kept, data + len - taken, taken);
    process->stderr_len = kept + taken;
}

static void on_stream_ready(int events, void *user)
{
    struct stream *stream = user;
    struct process *process = stream->process;
    uint8_t data[READ_BYTES];
    ssize_t got = read(stream->fd, data, sizeof(data));

    (void)events;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        stream_close(stream);
        finish_when_complete(process);
        return;
    }
    enter_callback(process);
    stream->take(process, data, (size_t)got);
    leave_callback(process);
}

/* --- stdin --- */

static void on_stdin_ready(int events, void *user)
{
    struct process *process = user;
    struct pending_write *pending = &process->write;
    ssize_t sent =
        write(process->stdin_fd, pending->data + pending->written, pending->len - pending->written);
    int result = sent < 0 ? -errno : 0;

    (void)events;
    if (result == -EAGAIN || result == -EINTR)
        return;
    pending->written += sent > 0 ? (size_t)sent : 0;
    if (result == 0 && pending->written < pending->len)
        return;
    watch_stop(process->stdin_watch);
    if (process->close_after_write)
        stdin_close(process);
    write_finish(process, result);
}

void process_write(struct process *process, uint8_t *data, size_t len,
                   process_written_fn on_written, void *user)
{
    if (!process->timer) {
        /* Called from the last on_written() of all: done() follows and tells the end. */
        free(data);
        return;
    }
    assert(process->stdin_watch && !process->close_after_write && !process->write.data);
    process->write = (struct pending_write){
        .data = data,
        .len = len,
        .on_written = on_written,
        .user = user,
    };
    watch_start(process->stdin_watch, WATCH_WRITE);
}

void process_close_stdin(struct process *process)
{
    process->close_after_write = true;
    if (!process->write.data)
        stdin_close(process);
}

/* --- killing --- */

static void cut_off(struct process *process)
{
    for (size_t i = 0; i < STREAMS; i++)
        stream_close(&process->streams[i]);
    finish_when_complete(process);
}

static void on_timer(void *user)
{
    struct process *process = user;

    switch (process->stage) {
    case STAGE_RUNNING:
        process->timed_out = true;
        process_kill(process);
        break;
    case STAGE_TERM_SENT:
        process->stage = STAGE_KILL_SENT;
        kill(-process->pid, SIGKILL);
        timer_start(process->timer, GRACE_MS);
        break;
    case STAGE_KILL_SENT:
        cut_off(process);
        break;
    }
}

void process_kill(struct process *process)
{
    /* No timer: it is complete already and only its last callbacks are running. */
    if (process->stage != STAGE_RUNNING || !process->timer)
        return;
    process->stage = STAGE_TERM_SENT;
    kill(-process->pid, SIGTERM);
    timer_start(process->timer, GRACE_MS);
}

/* --- reaping a forgotten child: SIGKILL works at once, but not on a child that hangs in a
 * driver, so the waiting is not done on the loop thread --- */

static void reap_forgotten(void *user)
{
    struct rusage usage;
    int status;

    reap(*(pid_t *)user, &status, &usage);
}

void process_free(struct process *process)
{
    if (!process || process->forgotten)
        return;
    process->forgotten = true;
    close_all(process);
    if (process->pid > 0) {
        kill(-process->pid, SIGKILL);
        loop_work(process->loop, reap_forgotten, free,
                  xmemdup(&process->pid, sizeof(process->pid)));
    }
    if (process->callback_depth == 0)
        process_destroy(process);
}

/* --- starting --- */

static void stream_open(struct process *process, size_t index, int *fd,
                        void (*take)(struct process *, const uint8_t *, size_t))
{
    struct stream *stream = &process->streams[index];

    *stream = (struct stream){.process = process, .fd = take_fd(fd), .take = take};
    if (stream->fd < 0)
        return;
    stream->watch = watch_new(process->loop, stream->fd, on_stream_ready, stream);
    watch_start(stream->watch, WATCH_READ);
}

static struct process *process_new(struct loop *loop, const struct process_config *config,
                                   struct launch *launch, pid_t pid, int pidfd)
{
    struct process *process = xcalloc(1, sizeof(*process));

    process->loop = loop;
    process->pid = pid;
    process->pidfd = pidfd;
    process->on_stdout = config->on_stdout;
    process->on_aux = config->on_aux;
    buf_init(&process->stdout_data, config->stdout_max_bytes);
    process->exit_watch = watch_new(loop, pidfd, on_exit_ready, process);
    watch_start(process->exit_watch, WATCH_READ);
    stream_open(process, STREAM_STDOUT, &launch->our_stdout, take_stdout);
    stream_open(process, STREAM_STDERR, &launch->our_stderr, take_stderr);
    stream_open(process, STREAM_AUX, &launch->our_aux, take_aux);
    process->stdin_fd = take_fd(&launch->our_stdin);
    if (process->stdin_fd >= 0)
        process->stdin_watch = watch_new(loop, process->stdin_fd, on_stdin_ready, process);
    process->timer = timer_new(loop, on_timer, process);
    if (config->timeout_ms > 0)
        timer_start(process->timer, config->timeout_ms);
    return process;
}

int process_start(struct loop *loop, const struct process_config *config, process_done_fn done,
                  void *user, struct process **ret_process, struct error *err)
{
    CLEANUP(free_p) char *path = NULL;
    char *env[ENV_MAX];
    struct launch launch;
    pid_t pid = -1;
    int pidfd = -1;
    int rc = process_find_program(config->argv[0], &path, err);

    if (rc < 0)
        return rc;
    env_make(env, config->env);
    launch_init(&launch, config);
    launch.path = path;
    launch.argv = (char *const *)(uintptr_t)config->argv; /* execve() only reads it */
    launch.env = env;
    rc = launch_open_fds(&launch, config);
    if (rc == 0)
        rc = launch_run(&launch, &pid, &pidfd);
    if (rc == 0) {
        *ret_process = process_new(loop, config, &launch, pid, pidfd);
        (*ret_process)->done = done;
        (*ret_process)->user = user;
    }
    launch_done(&launch);
    env_done(env);
    return rc < 0 ? error_set(err, rc, "cannot start %s: %s", path, strerror(-rc)) : 0;
}

int process_pid(const struct process *process)
{
    return process->pid;
}

void process_describe(const struct process_result *result, char *ret_text, size_t size)
{
    if (result->timed_out)
        snprintf(ret_text, size, "timed out");
    else if (result->overflow)
        snprintf(ret_text, size, "more output than allowed");
    else if (result->signal != 0)
        snprintf(ret_text, size, "killed by signal %d", result->signal);
    else
        snprintf(ret_text, size, "exit code %d", result->exit_code);
}
