/* SPDX-License-Identifier: MIT */
#include "capture/camera/program.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/process.h"
#include "agent/base/str.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    SPARE_PART = 10,      /* of the time of a shot: from killing a program to the end of it */
    LAST_WORDS_PART = 20, /* for it to end by itself then */
};

/* One child and its directory; outlives the program while a worker has it. */
struct run {
    struct program *program; /* NULL: nobody wants its picture any more */
    struct loop *loop;
    struct process *process; /* NULL: it has ended */
    char *dir, *output;      /* NULL: stdout */
    size_t max_bytes;
    int64_t started_at_us;
    struct error killed; /* why we ended it */
    bool told;           /* and our user knows */

    char *jpeg; /* from the worker */
    size_t len;
    struct error err;
};

struct program {
    struct camera_port *port;
    struct loop *loop;
    const struct camera_settings *settings;
    const struct program_kind *kind;
    struct run *run;
    struct timer *patience;
    char *name; /* argv[0] of the last run */
};

/* --- arguments --- */

void program_args_add(struct program_args *args, const char *fmt, ...)
{
    va_list list;

    assert(args->count < PROGRAM_ARGS_MAX);
    va_start(list, fmt);
    args->items[args->count++] = xvasprintf(fmt, list);
    va_end(list);
}

void program_args_done(struct program_args *args)
{
    for (size_t i = 0; i < args->count; i++)
        free(args->items[i]);
    *args = (struct program_args){0};
}

/* --- the end of a run --- */

static void run_free(struct run *run)
{
    free(run->dir);
    free(run->output);
    free(run->jpeg);
    free(run);
}

static void take_away(struct run *run)
{
    struct error err = {0};

    if (run->dir && path_remove_tree(run->dir, &err) < 0 && !run->err.code)
        run->err = err;
}

static void discard_on_worker(void *user)
{
    take_away(user);
}

static void on_discarded(void *user)
{
    run_free(user);
}

static void run_discard(struct run *run)
{
    if (run->dir)
        loop_work(run->loop, discard_on_worker, on_discarded, run);
    else
        run_free(run);
}

static void read_output(struct run *run)
{
    struct stat info;

    if (lstat(run->output, &info) < 0)
        error_set(&run->err, -ENOENT, "ended well, but wrote nothing to {output}");
    else if (!S_ISREG(info.st_mode))
        error_set(&run->err, -EBADMSG, "made something else than a file of {output}");
    else if ((uintmax_t)info.st_size > run->max_bytes)
        error_set(&run->err, -EFBIG, "made a picture of %jd bytes; max_bytes is %zu",
                  (intmax_t)info.st_size, run->max_bytes);
    else if (path_read_file(run->output, run->max_bytes, &run->jpeg, &run->len, &run->err) < 0)
        return;
}

static void collect_on_worker(void *user)
{
    struct run *run = user;

    read_output(run);
    take_away(run);
}

static void on_collected(void *user)
{
    struct run *run = user;
    struct program *program = run->program;

    if (program) {
        program->run = NULL;
        if (run->jpeg) {
            camera_port_picture(program->port, (uint8_t *)TAKE(run->jpeg), run->len,
                                run->started_at_us);
        } else {
            error_prefix(&run->err, "%s", program->name);
            camera_port_failed(program->port, &run->err);
        }
    }
    run_free(run);
}

void program_last_words(const char *text, char ret_words[PROGRAM_WORDS_MAX])
{
    size_t end = strlen(text), start;

    while (end > 0 && text[end - 1] == ' ')
        end--;
    start = end < PROGRAM_WORDS_MAX ? 0 : end - PROGRAM_WORDS_MAX + 1;
    while (start > 0 && start < end && text[start - 1] != ' ')
        start++;
    snprintf(ret_words, PROGRAM_WORDS_MAX, "%.*s", (int)(end - start), text + start);
}

const struct program_advice *program_advice_find(const struct program_advice *list,
                                                 const char *text)
{
    for (; list && list->words; list++)
        if (strstr(text, list->words))
            return list;
    return NULL;
}

/* Whether the program did what it should; its exit code alone is not believed in. */
static int check_result(const struct program *program, const struct process_result *result,
                        struct error *err)
{
    const struct program_advice *advice;
    char how[64], words[PROGRAM_WORDS_MAX];

    if (result->exit_code == 0 && !result->overflow && !result->timed_out)
        return 0;
    program_last_words(result->stderr_tail, words);
    if (result->overflow)
        return error_set(err, -EFBIG, "%s: printed more than max_bytes (%lld); is it a picture?",
                         program->name, (long long)program->settings->max_bytes);
    advice = program_advice_find(program->kind->advice, result->stderr_tail);
    if (advice)
        return error_set(err, advice->code, "%s: %s (%s)", program->name, advice->text, words);
    process_describe(result, how, sizeof(how));
    return error_set(err, -EIO, "%s: %s%s%s", program->name, how, *words ? ": " : "", words);
}

static void take_stdout(struct program *program, struct run *run,
                        const struct process_result *result)
{
    struct error err = {0};

    if (result->stdout_len == 0) {
        error_set(&err, -ENOENT, "%s: ended well, but printed no picture", program->name);
        camera_port_failed(program->port, &err);
        return;
    }
    camera_port_picture(program->port, xmemdup(result->stdout_data, result->stdout_len),
                        result->stdout_len, run->started_at_us);
}

/* Often the last words of a program that hangs say why. */
static void tell_killed(struct run *run, const char *complaints)
{
    struct program *program = run->program;
    const struct program_advice *advice = program_advice_find(program->kind->advice, complaints);
    struct error err = run->killed;
    char words[PROGRAM_WORDS_MAX];

    program_last_words(complaints, words);
    if (advice)
        error_set(&err, advice->code, "%s: %s (%s)", program->name, advice->text, words);
    else if (*words)
        error_set(&err, run->killed.code, "%s: %s", run->killed.text, words);
    run->told = true;
    camera_port_failed(program->port, &err);
}

static void on_ended(const struct process_result *result, void *user)
{
    struct run *run = user;
    struct program *program = run->program;
    struct error err = {0};
    bool good;

    run->process = NULL;
    timer_stop(program->patience);
    good = check_result(program, result, &err) == 0;
    if (good && !run->killed.code && run->dir) {
        loop_work(run->loop, collect_on_worker, on_collected, run);
        return;
    }
    program->run = NULL;
    if (good && !run->killed.code)
        take_stdout(program, run, result);
    else if (!run->killed.code)
        camera_port_failed(program->port, &err);
    else if (!run->told)
        tell_killed(run, result->stderr_tail);
    run_discard(run);
}

/* --- the beginning --- */

int64_t program_patience_ms(const struct camera_settings *settings)
{
    return settings->timeout_ms - settings->timeout_ms / SPARE_PART;
}

static int make_dir(struct run *run, struct error *err)
{
    const char *base = getenv("RUNTIME_DIRECTORY");

    run->dir = path_join(base && *base == '/' ? base : "/tmp", "lapsed-camera-XXXXXX");
    if (!mkdtemp(run->dir)) {
        int code = -errno;

        error_set(err, code, "cannot make a directory for the picture in %s: %s",
                  base && *base == '/' ? base : "/tmp", strerror(-code));
        free(TAKE(run->dir));
        return code;
    }
    run->output = path_join(run->dir, "picture.jpg");
    return 0;
}

static int start_child(struct program *program, struct run *run, struct error *err)
{
    CLEANUP(program_args_done) struct program_args args = {0};
    const struct camera_settings *settings = program->settings;
    struct process_config config = {.stdout_max_bytes = run->dir ? 0 : run->max_bytes};
    int rc = program->kind->make_args(settings, run->output, &args, err);

    if (rc < 0)
        return rc;
    replace_str(&program->name, args.items[0]);
    config.argv = (const char *const *)args.items;
    run->started_at_us = clock_mono_us();
    rc = process_start(program->loop, &config, on_ended, run, &run->process, err);
    if (rc == -ENOENT) /* it will not be there for a second try either */
        rc = err->code = -ENOPKG;
    return rc;
}

static int run_start(struct program *program, struct error *err)
{
    const struct program_kind *kind = program->kind;
    struct run *run = xcalloc(1, sizeof(*run));
    int rc = 0;

    run->program = program;
    run->loop = program->loop;
    run->max_bytes = (size_t)program->settings->max_bytes;
    if (kind->writes_file && kind->writes_file(program->settings))
        rc = make_dir(run, err);
    if (rc == 0)
        rc = start_child(program, run, err);
    if (rc < 0) {
        run_discard(run);
        return rc;
    }
    program->run = run;
    timer_start(program->patience, program_patience_ms(program->settings));
    return 0;
}

static void on_patience(void *user)
{
    struct program *program = user;
    struct run *run = program->run;

    if (run->killed.code) {
        tell_killed(run, "");
        return;
    }
    error_set(&run->killed, -ETIMEDOUT, "%s: did not end within %lld ms", program->name,
              (long long)program_patience_ms(program->settings));
    process_kill(run->process);
    timer_start(program->patience, program->settings->timeout_ms / LAST_WORDS_PART);
}

void program_request(void *user)
{
    struct program *program = user;
    struct error err = {0};

    if (program->run) {
        err = program->run->killed;
        camera_port_failed(program->port, &err);
    } else if (run_start(program, &err) < 0) {
        camera_port_failed(program->port, &err);
    }
}

void program_cancel(void *user)
{
    struct program *program = user;
    struct run *run = program->run;

    timer_stop(program->patience);
    if (!run)
        return;
    if (!run->process) {
        TAKE(program->run)->program = NULL;
        return;
    }
    run->told = true;
    if (!run->killed.code) {
        error_set(&run->killed, -EBUSY, "%s: has not ended yet for the shot before", program->name);
        process_kill(run->process);
    }
}

struct program *program_new(struct camera_port *port, struct loop *loop,
                            const struct camera_settings *settings, const struct program_kind *kind)
{
    struct program *program = xcalloc(1, sizeof(*program));

    program->port = port;
    program->loop = loop;
    program->settings = settings;
    program->kind = kind;
    program->patience = timer_new(loop, on_patience, program);
    return program;
}

void program_close(void *user)
{
    struct program *program = user;
    struct run *run = program->run;

    if (run && run->process) {
        process_free(TAKE(run->process));
        run_discard(run);
    } else if (run) {
        run->program = NULL;
    }
    timer_free(program->patience);
    free(program->name);
    free(program);
}
