/* SPDX-License-Identifier: MIT */
#include "encode/verify.h"

#include "agent/base/mem.h"
#include "encode/child.h"

#include <errno.h>
#include <stdlib.h>

struct verify {
    struct process *process;
    struct ffmpeg_progress progress;
    int64_t frames;
    verify_done_fn done;
    void *user;
};

static void on_report(const uint8_t *data, size_t len, void *user)
{
    struct verify *verify = user;

    ffmpeg_progress_feed(&verify->progress, data, len);
}

static int judge(const struct verify *verify, const struct process_result *result,
                 struct error *err)
{
    int rc = child_judge_exit("checking decoder", result, err);

    if (rc < 0)
        return rc;
    if (!verify->progress.ended || verify->progress.frames != verify->frames)
        return error_set(err, -EBADMSG, "%lld of %lld frames can be decoded from the video",
                         (long long)MAX(verify->progress.frames, (int64_t)0),
                         (long long)verify->frames);
    return 0;
}

static void on_child_exit(const struct process_result *result, void *user)
{
    struct verify *verify = user;
    verify_done_fn done = verify->done;
    void *done_user = verify->user;
    struct error err = {0};
    int rc = judge(verify, result, &err);

    verify->process = NULL;
    verify_free(verify);
    done(rc, &err, done_user);
}

int verify_start(struct loop *loop, const struct verify_config *config, verify_done_fn done,
                 void *user, struct verify **ret_verify, struct error *err)
{
    struct verify *verify = xcalloc(1, sizeof(*verify));
    struct ffmpeg_args args;
    int rc;

    verify->progress = (struct ffmpeg_progress)FFMPEG_PROGRESS_INIT;
    verify->frames = config->frames;
    verify->done = done;
    verify->user = user;
    ffmpeg_decode_args(&config->decode, &args);
    rc = process_start(loop,
                       &(struct process_config){
                           .argv = args.argv,
                           .env = child_env,
                           .on_aux = on_report,
                           .timeout_ms = config->timeout_ms,
                           .nice = config->urgent ? 0 : CHILD_LOWEST_NICE,
                           .oom_score_adj = CHILD_OOM_SCORE_ADJ,
                       },
                       on_child_exit, verify, &verify->process, err);
    ffmpeg_args_done(&args);
    if (rc < 0) {
        verify_free(verify);
        return rc;
    }
    *ret_verify = verify;
    return 0;
}

void verify_free(struct verify *verify)
{
    if (!verify)
        return;
    process_free(verify->process);
    free(verify);
}
