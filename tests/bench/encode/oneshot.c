/* SPDX-License-Identifier: MIT */
/* oneshot: the arguments of the peers are those of their sources. Those with our settings ask of
 * x264 what encode/ffmpeg.c asks, but for the whole print at once; colours are converted as every
 * peer does it (-pix_fmt), the strict one does it with zscale as we do, so that nothing but the
 * price of encoding piece by piece, and of looking at each piece again, is left. */
#include "tests/bench/encode/oneshot.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/process.h"
#include "agent/base/str.h"
#include "tests/bench/encode/pictures.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *const oneshot_names[ONESHOT_KINDS] = {
    [ONESHOT_DUETLAPSE] = "duetlapse", [ONESHOT_MOONRAKER] = "moonraker",
    [ONESHOT_ALL_CORES] = "oneshot",   [ONESHOT_ONE_CORE] = "oneshot1",
    [ONESHOT_STRICT] = "strict1",
};

#define OUR_X264                                                                                   \
    "-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-g", "250", "-bf", "0",               \
        "-x264-params", "stitchable=1:rc-lookahead=5", "-level:v", "4.2"

static const char *const output_options[ONESHOT_KINDS][32] = {
    [ONESHOT_DUETLAPSE] = {"-vcodec", "libx264", NULL},
    [ONESHOT_MOONRAKER] = {"-threads", "2", "-g", "5", "-crf", "23", "-vcodec", "libx264",
                           "-pix_fmt", "yuv420p", "-an", NULL},
    [ONESHOT_ALL_CORES] = {"-pix_fmt", "yuv420p", OUR_X264, NULL},
    [ONESHOT_ONE_CORE] = {"-pix_fmt", "yuv420p", OUR_X264, "-threads", "1", NULL},
    [ONESHOT_STRICT] = {"-vf", "zscale=rangein=full:range=limited,format=yuv420p,setsar=1",
                        OUR_X264, "-threads", "1", "-filter_threads", "1", NULL},
};

/* --- a child, awaited --- */

struct awaited {
    bool done;
    int exit_code;
    double cpu_s, peak_mib;
    char *complaint;
};

static void on_done(const struct process_result *result, void *user)
{
    struct awaited *awaited = user;

    awaited->done = true;
    awaited->exit_code = result->exit_code;
    awaited->cpu_s = (double)result->cpu_ms / 1000;
    awaited->peak_mib = (double)result->max_rss_kib / 1024;
    awaited->complaint = xstrdup(result->stderr_tail);
}

static int run_child(struct loop *loop, const char *const *argv, struct awaited *ret_child,
                     struct error *err)
{
    struct process_config config = {.argv = argv};
    struct process *process;
    int rc;

    *ret_child = (struct awaited){0};
    rc = process_start(loop, &config, on_done, ret_child, &process, err);
    if (rc < 0)
        return rc;
    while (!ret_child->done)
        loop_run_once(loop);
    if (ret_child->exit_code != 0) {
        rc = error_set(err, -EIO, "%s: %s", argv[0], ret_child->complaint);
        free_p(&ret_child->complaint);
    }
    return rc;
}

/* --- encoding --- */

static int decode_once(struct loop *loop, const char *video_path, double *ret_cpu_s,
                       struct error *err)
{
    const char *const argv[] = {"ffmpeg",   "-nostdin", "-loglevel", "error",    "-xerror",
                                "-threads", "1",        "-i",        video_path, "-f",
                                "null",     "-",        NULL};
    struct awaited child;
    int rc = run_child(loop, argv, &child, err);

    if (rc < 0)
        return rc;
    free(child.complaint);
    *ret_cpu_s = child.cpu_s;
    return 0;
}

int oneshot_run(struct loop *loop, enum oneshot_kind kind, const char *dir, int count,
                const char *video_path, struct oneshot_result *ret_result, struct error *err)
{
    CLEANUP(free_p) char *pattern = xasprintf("%s/%s", dir, PICTURES_PATTERN);
    CLEANUP(free_p) char *frames = xasprintf("%d", count);
    const char *argv[64] = {"ffmpeg", "-nostdin", "-loglevel", "error", "-y",
                            "-r",     "25",       "-i",        pattern};
    size_t used = 9;
    struct awaited child;
    struct stat file;
    int64_t from_us = clock_mono_us();
    int rc;

    for (const char *const *option = output_options[kind]; *option; option++)
        argv[used++] = *option;
    argv[used++] = "-frames:v";
    argv[used++] = frames;
    argv[used] = video_path;
    rc = run_child(loop, argv, &child, err);
    if (rc < 0)
        return rc;
    free(child.complaint);
    if (stat(video_path, &file) < 0)
        return error_set(err, -errno, "%s: %s", video_path, strerror(errno));
    *ret_result = (struct oneshot_result){
        .wall_s = (double)(clock_mono_us() - from_us) / 1e6,
        .cpu_s = child.cpu_s,
        .peak_mib = child.peak_mib,
        .bytes = file.st_size,
    };
    return decode_once(loop, video_path, &ret_result->check_cpu_s, err);
}

/* --- likeness --- */

/* The number behind the last key in what ffmpeg said. */
static double number_behind(const char *text, const char *key)
{
    const char *found = NULL;

    for (const char *at = text; (at = strstr(at, key)); at++)
        found = at;
    return found ? strtod(found + strlen(key), NULL) : 0;
}

int likeness_measure(struct loop *loop, const char *video_path, const char *dir, int count,
                     struct likeness *ret_likeness, struct error *err)
{
    static const char graph[] =
        "[0:v]setpts=N/25/TB,split[a][b];"
        "[1:v]zscale=rangein=full:range=limited,format=yuv420p,setsar=1,setpts=N/25/TB,split[c][d];"
        "[a][c]psnr[e];[b][d]ssim[f]";
    CLEANUP(free_p) char *pattern = xasprintf("%s/%s", dir, PICTURES_PATTERN);
    CLEANUP(free_p) char *frames = xasprintf("%d", count);
    const char *argv[] = {"ffmpeg",
                          "-nostdin",
                          "-hide_banner",
                          "-nostats",
                          "-i",
                          video_path,
                          "-r",
                          "25",
                          "-i",
                          pattern,
                          "-filter_complex",
                          graph,
                          "-map",
                          "[e]",
                          "-frames:v",
                          frames,
                          "-f",
                          "null",
                          "-",
                          "-map",
                          "[f]",
                          "-frames:v",
                          frames,
                          "-f",
                          "null",
                          "-",
                          NULL};
    struct awaited child;
    int rc = run_child(loop, argv, &child, err);

    if (rc < 0)
        return rc;
    ret_likeness->psnr_db = number_behind(child.complaint, "average:");
    ret_likeness->ssim = number_behind(child.complaint, "All:");
    free(child.complaint);
    return 0;
}
