/* SPDX-License-Identifier: MIT */
/* process: child processes, by argv only, never through a shell.
 *
 * The child gets a process group of its own, an environment made of nothing but PATH, LANG, TZ,
 * HOME and what the caller adds or replaces, /dev/null as stdin unless stdin_pipe is set, and no
 * descriptor of ours. It is complete when it is reaped *and* its pipes are closed. Over timeout_ms
 * (or process_kill()) the group gets SIGTERM, 2 s later SIGKILL; a grandchild that keeps a pipe
 * open after that is cut off. */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include "agent/base/loop.h"

#define PROCESS_STDERR_TAIL 4096

struct process;

/* data is valid during the call only. */
typedef void (*process_data_fn)(const uint8_t *data, size_t len, void *user);
typedef void (*process_written_fn)(int result, void *user);

struct process_config {
    const char *const *argv;   /* NULL-terminated; argv[0] without a slash is looked up in PATH */
    const char *const *env;    /* "NAME=value" …, NULL-terminated: added, or put in the place of
                                  the one of that name; NULL: none */
    const char *dir;           /* its working directory; NULL: ours */
    bool stdin_pipe;           /* then process_write() feeds it */
    bool merge_stderr;         /* stderr goes where stdout goes; there is no stderr_tail then */
    process_data_fn on_stdout; /* streamed; NULL: kept for the result, up to stdout_max_bytes */
    size_t stdout_max_bytes;   /* more than that kills the child, result.overflow; 0: /dev/null */
    process_data_fn on_aux;    /* when set the child has a pipe as descriptor 3, streamed here */
    int64_t timeout_ms;        /* wall time; 0 = none */
    int nice;                  /* 0..19 */
    int oom_score_adj;         /* 0..1000: who the kernel kills first when memory is short */
};

struct process_result {
    int exit_code;              /* -1 when it ended by a signal */
    int signal;                 /* 0 when it exited */
    bool timed_out;             /* timeout_ms passed */
    bool overflow;              /* more stdout than stdout_max_bytes */
    const char *stderr_tail;    /* the last PROCESS_STDERR_TAIL bytes, as text without controls */
    const uint8_t *stdout_data; /* NULL when it was streamed */
    size_t stdout_len;
    int64_t cpu_ms;      /* user + system time of the child, from its resource usage */
    int64_t max_rss_kib; /* its peak resident memory */
};

/* The result is valid during the call only. */
typedef void (*process_done_fn)(const struct process_result *result, void *user);

/* Starts the child. -ENOENT (no such program), -EACCES, -EAGAIN …: done never comes. 0: done comes
 * exactly once, later, and the process is freed after it returned. */
int process_start(struct loop *loop, const struct process_config *config, process_done_fn done,
                  void *user, struct process **ret_process, struct error *err) MUST_CHECK;

/* Writes data (ownership passes; freed after writing) to stdin. on_written comes once, later, with
 * 0 or -EPIPE …; at most one write may be under way. */
void process_write(struct process *process, uint8_t *data, size_t len,
                   process_written_fn on_written, void *user);
void process_close_stdin(struct process *process);

/* Asks the group to end (SIGTERM, then SIGKILL); done still comes. */
void process_kill(struct process *process);

/* Kills the group at once and forgets it: no callback comes any more. NULL is fine. */
void process_free(struct process *process);

int process_pid(const struct process *process);

/* Finds a program as process_start() would; the caller frees *ret_path. -ENOENT. */
int process_find_program(const char *name, char **ret_path, struct error *err) MUST_CHECK;

/* "exit code 1", "killed by signal 9", "timed out": for error texts; static text or buffer. */
void process_describe(const struct process_result *result, char *ret_text, size_t size);

#endif
