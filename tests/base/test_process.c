/* SPDX-License-Identifier: MIT */
/* test_process: children by sh, the one program that is always there. */
#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_MS = 15000 };

struct fixture {
    struct loop *loop;
    struct timer *deadline;
    bool late;
    struct process *process;
    struct buf streamed, aux;
    bool free_on_data, free_on_done;

    int done_calls;
    struct process_result result;
    char *stdout_text;
    char *stderr_text;

    int written_calls, written_result;
    bool write_again;
};

static void on_deadline(void *user)
{
    struct fixture *f = user;

    f->late = true;
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    if (loop_new(&f->loop, NULL) < 0)
        return -1;
    buf_init(&f->streamed, 1 << 20);
    buf_init(&f->aux, 1 << 20);
    f->deadline = timer_new(f->loop, on_deadline, f);
    timer_start(f->deadline, DEADLINE_MS);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    bool left_over;

    process_free(f->process);
    timer_free(f->deadline);
    loop_free(f->loop);
    buf_done(&f->streamed);
    buf_done(&f->aux);
    free(f->stdout_text);
    free(f->stderr_text);
    free(f);
    /* No test may leave a child, not even a zombie. */
    left_over = waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD;
    return left_over ? -1 : 0;
}

static void on_done(const struct process_result *result, void *user)
{
    struct fixture *f = user;

    f->done_calls++;
    f->result = *result;
    f->stdout_text =
        xstrndup(result->stdout_data ? (const char *)result->stdout_data : "", result->stdout_len);
    f->stderr_text = xstrdup(result->stderr_tail);
    if (f->free_on_done)
        process_free(f->process);
    f->process = NULL;
}

static void on_stdout(const uint8_t *data, size_t len, void *user)
{
    struct fixture *f = user;

    assert_int_equal(buf_append(&f->streamed, data, len), 0);
    if (f->free_on_data)
        process_free(TAKE(f->process));
}

static void on_aux(const uint8_t *data, size_t len, void *user)
{
    struct fixture *f = user;

    assert_int_equal(buf_append(&f->aux, data, len), 0);
}

static void on_written(int result, void *user)
{
    struct fixture *f = user;

    f->written_calls++;
    f->written_result = result;
    if (f->write_again)
        process_write(f->process, xmemdup("more\n", 5), 5, on_written, f);
}

static void start_sh(struct fixture *f, const char *script, struct process_config config)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct error err = {0};

    config.argv = argv;
    if (process_start(f->loop, &config, on_done, f, &f->process, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(f->done_calls, 0);
}

static void run_until_done(struct fixture *f)
{
    while (f->done_calls == 0 && !f->late)
        loop_run_once(f->loop);
    assert_int_equal(f->done_calls, 1);
}

static void run_sh(struct fixture *f, const char *script, struct process_config config)
{
    start_sh(f, script, config);
    run_until_done(f);
}

static void run_until_streamed(struct fixture *f, const char *text)
{
    while (!strstr(buf_text(&f->streamed), text) && !f->late)
        loop_run_once(f->loop);
    assert_false(f->late);
}

static void on_tick(void *user)
{
    (void)user;
}

/* Killed grandchildren vanish when the init process has reaped them, which makes no event here. */
static void expect_group_vanishes(struct fixture *f, pid_t pid)
{
    struct timer *tick = timer_new(f->loop, on_tick, NULL);

    timer_start_repeat(tick, 10);
    while (kill(-pid, 0) == 0 && !f->late)
        loop_run_once(f->loop);
    timer_free(tick);
    assert_int_equal(kill(-pid, 0), -1);
}

/* --- results --- */

static void output_and_exit_code_are_collected(void **state)
{
    struct fixture *f = *state;
    char text[64];

    run_sh(f, "echo out; echo err >&2; exit 3", (struct process_config){.stdout_max_bytes = 100});
    assert_string_equal(f->stdout_text, "out\n");
    assert_string_equal(f->stderr_text, "err");
    assert_int_equal(f->result.exit_code, 3);
    assert_int_equal(f->result.signal, 0);
    process_describe(&f->result, text, sizeof(text));
    assert_string_equal(text, "exit code 3");
}

static void end_by_a_signal_is_told(void **state)
{
    struct fixture *f = *state;
    char text[64];

    run_sh(f, "kill -9 $$", (struct process_config){0});
    assert_int_equal(f->result.exit_code, -1);
    assert_int_equal(f->result.signal, SIGKILL);
    process_describe(&f->result, text, sizeof(text));
    assert_string_equal(text, "killed by signal 9");
}

static void only_the_tail_of_stderr_is_kept_and_is_clean_text(void **state)
{
    struct fixture *f = *state;

    run_sh(f,
           "i=0; while [ $i -lt 2000 ]; do echo line $i >&2; i=$((i+1)); done;"
           "printf '\\033[31mbad\\377\\tend \\303\\244\\r\\n' >&2",
           (struct process_config){0});
    assert_in_range(strlen(f->stderr_text), PROCESS_STDERR_TAIL - 10, PROCESS_STDERR_TAIL);
    assert_non_null(strstr(f->stderr_text, "line 1999  [31mbad? end ä"));
    assert_null(strstr(f->stderr_text, "line 100 "));
    assert_null(strpbrk(f->stderr_text, "\n\r\t\033"));
}

static void usage_of_the_child_is_measured(void **state)
{
    struct fixture *f = *state;

    run_sh(f, "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done", (struct process_config){0});
    assert_in_range(f->result.cpu_ms, 20, DEADLINE_MS);
    assert_in_range(f->result.max_rss_kib, 500, 1 << 20);
}

static void too_much_output_kills_the_child(void **state)
{
    struct fixture *f = *state;
    char text[64];

    run_sh(f, "exec yes", (struct process_config){.stdout_max_bytes = 5000});
    assert_true(f->result.overflow);
    assert_int_equal(f->result.signal, SIGTERM);
    assert_in_range(f->result.stdout_len, 0, 5000);
    process_describe(&f->result, text, sizeof(text));
    assert_string_equal(text, "more output than allowed");
}

static void output_that_nobody_wants_goes_nowhere(void **state)
{
    struct fixture *f = *state;

    run_sh(f, "out=$(readlink /proc/$$/fd/1); echo $out >&2; echo text",
           (struct process_config){0});
    assert_string_equal(f->stderr_text, "/dev/null");
    assert_int_equal(f->result.exit_code, 0);
    assert_false(f->result.overflow);
}

static void output_is_whole_although_the_child_is_gone(void **state)
{
    struct fixture *f = *state;

    run_sh(f, "head -c 60000 /dev/zero; exit 0", (struct process_config){.on_stdout = on_stdout});
    assert_int_equal(f->streamed.len, 60000);
    assert_null(f->result.stdout_data);
}

static void descriptor_3_is_streamed_apart(void **state)
{
    struct fixture *f = *state;

    run_sh(f, "echo progress=end >&3; echo video",
           (struct process_config){.on_stdout = on_stdout, .on_aux = on_aux});
    assert_string_equal(buf_text(&f->streamed), "video\n");
    assert_string_equal(buf_text(&f->aux), "progress=end\n");
}

/* --- what the child is given --- */

static void environment_holds_only_four_names_and_what_was_added(void **state)
{
    struct fixture *f = *state;

    setenv("TZ", "Europe/Berlin", 1);
    setenv("LAPSED_SECRET", "x", 1);
    run_sh(f,
           "env | sed s/=.*// | grep -v -e PWD -e SHLVL -e '^_' | sort | tr '\\n' ' '; echo $LANG",
           (struct process_config){.env = (const char *const[]){"ADDED=1", NULL},
                                   .stdout_max_bytes = 1000});
    unsetenv("TZ");
    unsetenv("LAPSED_SECRET");
    assert_string_equal(f->stdout_text, "ADDED HOME LANG PATH TZ C.UTF-8\n");
}

static void added_variable_replaces_one_of_its_name(void **state)
{
    static const char *const added[] = {"HOME=/elsewhere", NULL};
    struct fixture *f = *state;

    run_sh(f, "env | grep ^HOME=", (struct process_config){.env = added, .stdout_max_bytes = 100});
    assert_string_equal(f->stdout_text, "HOME=/elsewhere\n");
}

static void child_works_in_the_directory_it_is_given(void **state)
{
    struct fixture *f = *state;

    run_sh(f, "pwd -P", (struct process_config){.dir = "/usr/bin", .stdout_max_bytes = 100});
    assert_string_equal(f->stdout_text, "/usr/bin\n");
}

static void merged_stderr_comes_with_stdout_in_order(void **state)
{
    struct fixture *f = *state;

    run_sh(f, "echo one; echo two >&2; echo three",
           (struct process_config){.merge_stderr = true, .stdout_max_bytes = 100});
    assert_string_equal(f->stdout_text, "one\ntwo\nthree\n");
    assert_string_equal(f->stderr_text, "");
}

static void child_inherits_no_descriptor(void **state)
{
    struct fixture *f = *state;
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int leaky = fcntl(null_fd, F_DUPFD, 30); /* a library without O_CLOEXEC */

    close(null_fd);
    assert_in_range(leaky, 30, 50);
    run_sh(f,
           "i=3; while [ $i -lt 64 ]; do [ -e /proc/$$/fd/$i ] && echo $i; i=$((i+1)); done;"
           "readlink /proc/$$/fd/0",
           (struct process_config){.stdout_max_bytes = 1000});
    close(leaky);
    assert_string_equal(f->stdout_text, "/dev/null\n");
}

static void niceness_and_oom_score_are_set(void **state)
{
    struct fixture *f = *state;

    run_sh(f, "nice; cat /proc/self/oom_score_adj",
           (struct process_config){.stdout_max_bytes = 100, .nice = 7, .oom_score_adj = 300});
    assert_string_equal(f->stdout_text, "7\n300\n");
}

static void sigpipe_ends_the_child_although_we_ignore_it(void **state)
{
    struct fixture *f = *state;

    run_sh(f, "(yes; echo status $? >&2) | head -c 1",
           (struct process_config){.stdout_max_bytes = 100});
    assert_string_equal(f->stderr_text, "status 141");
}

static void child_leads_a_group_of_its_own(void **state)
{
    struct fixture *f = *state;
    pid_t pid;

    start_sh(f, "echo ready; exec sleep 30", (struct process_config){.on_stdout = on_stdout});
    run_until_streamed(f, "ready");
    pid = process_pid(f->process);
    assert_int_equal(getpgid(pid), pid);
    process_kill(f->process);
    run_until_done(f);
    assert_int_equal(f->result.signal, SIGTERM);
}

static void descriptors_0_to_2_of_ours_may_be_closed(void **state)
{
    struct fixture *f = *state;
    int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 50);

    close(STDIN_FILENO);
    run_sh(f, "echo out; echo aux >&3; echo err >&2; readlink /proc/$$/fd/0",
           (struct process_config){.stdout_max_bytes = 100, .on_aux = on_aux});
    dup2(saved, STDIN_FILENO);
    close(saved);
    assert_string_equal(f->stdout_text, "out\n/dev/null\n");
    assert_string_equal(buf_text(&f->aux), "aux\n");
    assert_string_equal(f->stderr_text, "err");
}

/* --- stdin --- */

static void big_write_arrives_whole_then_stdin_closes(void **state)
{
    struct fixture *f = *state;
    size_t len = 700000;

    start_sh(f, "wc -c", (struct process_config){.stdin_pipe = true, .stdout_max_bytes = 100});
    process_write(f->process, xcalloc(1, len), len, on_written, f);
    assert_int_equal(f->written_calls, 0);
    process_close_stdin(f->process); /* after what is under way */
    run_until_done(f);
    assert_int_equal(f->written_calls, 1);
    assert_int_equal(f->written_result, 0);
    assert_string_equal(f->stdout_text, "700000\n");
}

static void write_to_a_child_that_does_not_read_fails_once(void **state)
{
    struct fixture *f = *state;
    size_t len = 700000;

    start_sh(f, "exec <&-; echo gone; sleep 0.2",
             (struct process_config){.stdin_pipe = true, .on_stdout = on_stdout});
    run_until_streamed(f, "gone");
    process_write(f->process, xcalloc(1, len), len, on_written, f);
    run_until_done(f);
    assert_int_equal(f->written_calls, 1);
    assert_int_equal(f->written_result, -EPIPE);
}

static void write_under_way_when_the_child_ends_is_told_before_done(void **state)
{
    struct fixture *f = *state;
    size_t len = 700000;

    start_sh(f, "exec kill -9 $$", (struct process_config){.stdin_pipe = true});
    process_write(f->process, xcalloc(1, len), len, on_written, f);
    run_until_done(f);
    assert_int_equal(f->written_calls, 1);
    assert_int_equal(f->written_result, -EPIPE);
}

static void writing_on_against_all_errors_still_ends(void **state)
{
    struct fixture *f = *state;

    f->write_again = true;
    start_sh(f, "head -n 3 >/dev/null", (struct process_config){.stdin_pipe = true});
    process_write(f->process, xmemdup("first\n", 6), 6, on_written, f);
    run_until_done(f);
    assert_int_equal(f->written_result, -EPIPE);
}

/* --- ending --- */

static void timeout_ends_the_child(void **state)
{
    struct fixture *f = *state;
    char text[64];

    run_sh(f, "exec sleep 30", (struct process_config){.timeout_ms = 100});
    assert_true(f->result.timed_out);
    assert_int_equal(f->result.signal, SIGTERM);
    process_describe(&f->result, text, sizeof(text));
    assert_string_equal(text, "timed out");
}

static void whole_group_is_killed_when_it_ignores_sigterm(void **state)
{
    struct fixture *f = *state;
    int64_t killed_ms;
    pid_t pid;

    start_sh(f, "trap '' TERM; sleep 30 & echo ready; sleep 30; wait",
             (struct process_config){.on_stdout = on_stdout});
    run_until_streamed(f, "ready");
    pid = process_pid(f->process);
    killed_ms = clock_mono_ms();
    process_kill(f->process);
    run_until_done(f);
    assert_in_range(clock_mono_ms() - killed_ms, 1900, 3900);
    assert_int_equal(f->result.signal, SIGKILL);
    assert_false(f->result.timed_out);
    expect_group_vanishes(f, pid);
}

static void grandchild_of_another_session_that_holds_the_pipe_is_cut_off(void **state)
{
    struct fixture *f = *state;
    int64_t started_ms = clock_mono_ms();
    pid_t grandchild;

    /* It closes stderr, so that the test runner need not wait for it. */
    run_sh(f, "setsid sh -c 'echo $$ >&2; exec sleep 60 2>/dev/null' & exit 5",
           (struct process_config){.stdout_max_bytes = 100, .timeout_ms = 100});
    grandchild = (pid_t)strtol(f->stderr_text, NULL, 10);
    assert_in_range(grandchild, 2, INT_MAX);
    assert_int_equal(kill(grandchild, SIGKILL), 0);
    assert_in_range(clock_mono_ms() - started_ms, 4000, 6000);
    assert_int_equal(f->result.exit_code, 5);
    assert_true(f->result.timed_out);
}

static void process_may_be_freed_in_its_data_callback(void **state)
{
    struct fixture *f = *state;

    f->free_on_data = true;
    start_sh(f, "echo x; exec sleep 30", (struct process_config){.on_stdout = on_stdout});
    while (f->process && !f->late)
        loop_run_once(f->loop);
    assert_null(f->process);
    assert_int_equal(f->done_calls, 0);
}

static void process_may_be_freed_in_its_done(void **state)
{
    struct fixture *f = *state;

    f->free_on_done = true;
    run_sh(f, "exit 0", (struct process_config){0});
    assert_int_equal(f->result.exit_code, 0);
}

static void freed_process_is_killed_and_calls_nobody(void **state)
{
    struct fixture *f = *state;
    pid_t pid;

    start_sh(f, "trap '' TERM; echo ready; sleep 30",
             (struct process_config){.on_stdout = on_stdout, .stdin_pipe = true});
    run_until_streamed(f, "ready");
    pid = process_pid(f->process);
    process_write(f->process, xcalloc(1, 700000), 700000, on_written, f);
    process_free(TAKE(f->process));
    expect_group_vanishes(f, pid);
    assert_int_equal(f->done_calls, 0);
    assert_int_equal(f->written_calls, 0);
    process_free(NULL);
}

/* --- refusals --- */

static void expect_refusal(struct fixture *f, const char *program, int code, const char *word)
{
    const char *const argv[] = {program, NULL};
    const struct process_config config = {.argv = argv};
    struct error err = {0};

    assert_int_equal(process_start(f->loop, &config, on_done, f, &f->process, &err), code);
    assert_non_null(strstr(err.text, word));
    assert_null(f->process);
}

static void programs_that_cannot_run_are_refused(void **state)
{
    struct fixture *f = *state;

    expect_refusal(f, "no-such-program-here", -ENOENT, "not installed");
    expect_refusal(f, "/nonexistent/program", -ENOENT, "/nonexistent/program");
    expect_refusal(f, "/etc/passwd", -EACCES, "/etc/passwd");
    expect_refusal(f, "/", -EACCES, "cannot run /");
    expect_refusal(f, "", -ENOENT, "no program");
}

static void failed_exec_is_told_at_once(void **state)
{
    struct fixture *f = *state;
    char path[] = "/tmp/lapsed-test-XXXXXX";
    int fd = mkstemp(path);

    assert_in_range(fd, 0, INT_MAX);
    assert_int_equal(write(fd, "not a program", 13), 13);
    assert_int_equal(fchmod(fd, 0700), 0);
    close(fd);
    expect_refusal(f, path, -ENOEXEC, "cannot start");
    unlink(path);
}

static void program_is_found_in_path(void **state)
{
    char *path = NULL;

    (void)state;
    assert_int_equal(process_find_program("sh", &path, NULL), 0);
    assert_int_equal(path[0], '/');
    assert_int_equal(access(path, X_OK), 0);
    free(path);
}

static size_t open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t count = 0;

    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void no_descriptor_is_left_open(void **state)
{
    struct fixture *f = *state;
    size_t before = open_descriptors();

    run_sh(f, "exit 0",
           (struct process_config){
               .stdin_pipe = true, .on_stdout = on_stdout, .on_aux = on_aux, .timeout_ms = 5000});
    expect_refusal(f, "/etc/passwd", -EACCES, "passwd");
    assert_int_equal(open_descriptors(), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(output_and_exit_code_are_collected),
        TEST(end_by_a_signal_is_told),
        TEST(only_the_tail_of_stderr_is_kept_and_is_clean_text),
        TEST(usage_of_the_child_is_measured),
        TEST(too_much_output_kills_the_child),
        TEST(output_that_nobody_wants_goes_nowhere),
        TEST(output_is_whole_although_the_child_is_gone),
        TEST(descriptor_3_is_streamed_apart),
        TEST(environment_holds_only_four_names_and_what_was_added),
        TEST(added_variable_replaces_one_of_its_name),
        TEST(child_works_in_the_directory_it_is_given),
        TEST(merged_stderr_comes_with_stdout_in_order),
        TEST(child_inherits_no_descriptor),
        TEST(niceness_and_oom_score_are_set),
        TEST(sigpipe_ends_the_child_although_we_ignore_it),
        TEST(child_leads_a_group_of_its_own),
        TEST(descriptors_0_to_2_of_ours_may_be_closed),
        TEST(big_write_arrives_whole_then_stdin_closes),
        TEST(write_to_a_child_that_does_not_read_fails_once),
        TEST(write_under_way_when_the_child_ends_is_told_before_done),
        TEST(writing_on_against_all_errors_still_ends),
        TEST(timeout_ends_the_child),
        TEST(whole_group_is_killed_when_it_ignores_sigterm),
        TEST(grandchild_of_another_session_that_holds_the_pipe_is_cut_off),
        TEST(process_may_be_freed_in_its_data_callback),
        TEST(process_may_be_freed_in_its_done),
        TEST(freed_process_is_killed_and_calls_nobody),
        TEST(programs_that_cannot_run_are_refused),
        TEST(failed_exec_is_told_at_once),
        TEST(program_is_found_in_path),
        TEST(no_descriptor_is_left_open),
    };

    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
