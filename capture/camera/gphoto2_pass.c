/* SPDX-License-Identifier: MIT */
/* gphoto2_pass: look at the disk, run, put the pictures in their place: three steps, the first and
 * the last on a worker. A pass that was cancelled while a worker has it is freed when that comes
 * back.
 *
 * What a run downloaded before its time was over, or before it failed, is kept like everything
 * else: gphoto2 gives a file its name only when it has all of it. */
#include "capture/camera/gphoto2_pass.h"

#include "agent/base/mem.h"
#include "capture/camera/gphoto2_room.h"
#include "capture/camera/gphoto2_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { STDOUT_MAX_BYTES = 4 * 1024 * 1024 };

struct gphoto2_pass {
    struct gphoto2_device *device;
    struct loop *loop;
    struct gphoto2_arguments arguments;
    struct gphoto2_pass_config config;
    struct gphoto2_place place;
    char *base_dir;
    gphoto2_pass_fn done; /* NULL: it was cancelled */
    void *user;

    bool on_worker;
    struct gphoto2_room room; /* in base_dir, when files may come */
    struct gphoto2_run *run;
    const char *words[PROGRAM_ARGS_MAX + 4]; /* borrowed from arguments */

    bool ran;
    struct process_result process; /* its texts are those below */
    char *stderr_tail;
    char *output;
    struct error error;
    struct gphoto2_kept_list kept;
};

static void pass_free(struct gphoto2_pass *pass)
{
    gphoto2_run_free(pass->run);
    gphoto2_room_leave(&pass->room, pass->loop);
    gphoto2_arguments_done(&pass->arguments);
    gphoto2_kept_list_done(&pass->kept);
    free(pass->base_dir);
    free(pass->stderr_tail);
    free(pass->output);
    free(pass);
}

static void finish(struct gphoto2_pass *pass)
{
    struct gphoto2_passed passed = {
        .error = &pass->error,
        .process = pass->ran ? &pass->process : NULL,
        .output = pass->output ? pass->output : "",
        .words = pass->words,
        .kept = &pass->kept,
    };

    pass->done(&passed, pass->user);
    pass_free(pass);
}

/* --- the third step: the pictures --- */

/* gphoto2 ends with exit code 0 after many a failure. */
static void check_kept(struct gphoto2_pass *pass)
{
    if (pass->error.code == 0 && pass->arguments.must_download && pass->kept.count == 0)
        gphoto2_explain(pass->stderr_tail, &pass->error);
    if (pass->error.code != 0 && pass->error.code != -ETIMEDOUT) {
        struct error space = {0};

        if (gphoto2_files_check_space(&pass->place, &space) == -ENOSPC)
            pass->error = space;
    }
}

static void keep_on_worker(void *user)
{
    struct gphoto2_pass *pass = user;
    struct error err = {0};
    char *told;

    if (gphoto2_files_keep(&pass->place, pass->room.files, pass->output, &pass->kept, &err) < 0 &&
        pass->error.code == 0)
        pass->error = err;
    told = gphoto2_files_tell(&pass->place, &pass->kept, pass->output);
    free(pass->output);
    pass->output = told;
    check_kept(pass);
}

static void on_kept(void *user)
{
    struct gphoto2_pass *pass = user;

    pass->on_worker = false;
    if (pass->done)
        finish(pass);
    else
        pass_free(pass);
}

/* --- the second: the run --- */

static void copy_result(struct gphoto2_pass *pass, const struct process_result *process)
{
    pass->ran = true;
    pass->process = *process;
    pass->stderr_tail = xstrdup(process->stderr_tail ? process->stderr_tail : "");
    pass->output = xstrndup(process->stdout_data ? (const char *)process->stdout_data : "",
                            process->stdout_len);
    pass->process.stderr_tail = pass->stderr_tail;
    pass->process.stdout_data = NULL;
    pass->process.stdout_len = 0;
}

static void on_ran(const struct gphoto2_outcome *outcome, void *user)
{
    struct gphoto2_pass *pass = user;

    pass->run = NULL;
    pass->error = *outcome->error;
    if (outcome->process)
        copy_result(pass, outcome->process);
    if (!outcome->process || !pass->room.dir) {
        finish(pass);
        return;
    }
    pass->on_worker = true;
    loop_work(pass->loop, keep_on_worker, on_kept, pass);
}

static void make_words(struct gphoto2_pass *pass)
{
    const struct gphoto2_arguments *arguments = &pass->arguments;
    size_t count = 0;

    if (arguments->port) {
        pass->words[count++] = "--port";
        pass->words[count++] = arguments->port;
    }
    if (arguments->downloads)
        pass->words[count++] = "--filename=" GPHOTO2_FILES_PATTERN;
    for (size_t i = 0; i < arguments->args.count; i++)
        pass->words[count++] = arguments->args.items[i];
}

static void start_run(struct gphoto2_pass *pass)
{
    const struct gphoto2_order order = {
        .words = pass->words,
        .dir = pass->room.files,
        .wait_ms = pass->config.wait_ms,
        .timeout_ms = pass->config.timeout_ms,
        .stdout_max_bytes = STDOUT_MAX_BYTES,
    };

    if (gphoto2_run_start(pass->device, &order, on_ran, pass, &pass->run, &pass->error) < 0)
        finish(pass);
}

/* --- the first: the disk --- */

static void prepare_on_worker(void *user)
{
    struct gphoto2_pass *pass = user;

    if (gphoto2_files_check(&pass->place, &pass->error) < 0)
        return;
    gphoto2_room_clean_up_inside(pass->base_dir);
    if (gphoto2_room_make_inside(pass->base_dir, &pass->room, &pass->error) < 0)
        return;
}

static void on_prepared(void *user)
{
    struct gphoto2_pass *pass = user;

    pass->on_worker = false;
    if (!pass->done)
        pass_free(pass);
    else if (pass->error.code < 0)
        finish(pass);
    else
        start_run(pass);
}

/* Nothing on the disk is needed; but done comes later. */
static void nothing_on_worker(void *user)
{
    (void)user;
}

struct gphoto2_pass *gphoto2_pass_start(struct gphoto2_device *device,
                                        struct gphoto2_arguments *arguments,
                                        const struct gphoto2_pass_config *config,
                                        gphoto2_pass_fn done, void *user)
{
    struct gphoto2_pass *pass = xcalloc(1, sizeof(*pass));

    pass->device = device;
    pass->loop = gphoto2_device_loop(device);
    pass->arguments = *arguments;
    *arguments = (struct gphoto2_arguments){0};
    pass->config = *config;
    pass->base_dir = xstrdup(config->base_dir);
    pass->place = (struct gphoto2_place){
        .base_dir = pass->base_dir,
        .name = pass->arguments.filename,
        .first_number = pass->arguments.first_number,
        .overwrite = pass->arguments.overwrite,
        .reserve_bytes = config->reserve_bytes,
    };
    pass->done = done;
    pass->user = user;
    make_words(pass);
    pass->on_worker = true;
    loop_work(pass->loop, pass->arguments.downloads ? prepare_on_worker : nothing_on_worker,
              on_prepared, pass);
    return pass;
}

void gphoto2_pass_cancel(struct gphoto2_pass *pass)
{
    if (!pass)
        return;
    pass->done = NULL;
    if (!pass->on_worker)
        pass_free(pass);
}
