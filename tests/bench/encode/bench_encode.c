/* SPDX-License-Identifier: MIT */
/* bench_encode: one video of made-up frames, in one of several ways; figures on stdout.
 *
 * bench_encode --what ours|duetlapse|moonraker|oneshot|oneshot1|strict1 --frames N
 *              --dir D [--size 1920x1080] [--left 10] [--likeness]
 *
 * D/frames holds the frames, made when they are not there; D/<what>-<N> the video, removed
 * afterwards.
 */
#include "tests/bench/encode/growth.h"
#include "tests/bench/encode/oneshot.h"
#include "tests/bench/encode/pictures.h"
#include "tests/bench/series.h"

#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DISTINCT = 300, USAGE = 64 };

struct options {
    const char *what, *dir;
    int64_t frames, width, height, left;
    bool likeness;
};

static bool scan_size(const char *text, struct options *ret)
{
    const char *cross = strchr(text, 'x');
    CLEANUP(free_p) char *width = cross ? xstrndup(text, (size_t)(cross - text)) : NULL;

    return cross && str_to_int(width, &ret->width) == 0 && str_to_int(cross + 1, &ret->height) == 0;
}

static bool parse(int argc, char **argv, struct options *ret)
{
    static const struct option table[] = {
        {"what", required_argument, NULL, 'w'},
        {"frames", required_argument, NULL, 'n'},
        {"dir", required_argument, NULL, 'd'},
        {"size", required_argument, NULL, 's'},
        {"left", required_argument, NULL, 'l'},
        {"likeness", no_argument, NULL, 'k'},
        {0},
    };
    bool ok = true;
    int option;

    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        if (option == 'w')
            ret->what = optarg;
        else if (option == 'd')
            ret->dir = optarg;
        else if (option == 'n')
            ok = ok && str_to_int(optarg, &ret->frames) == 0;
        else if (option == 'l')
            ok = ok && str_to_int(optarg, &ret->left) == 0;
        else if (option == 's')
            ok = ok && scan_size(optarg, ret);
        else if (option == 'k')
            ret->likeness = true;
        else
            ok = false;
    }
    return ok && ret->what && ret->dir && ret->frames > 0 && ret->left > 0 &&
           ret->left < ret->frames && ret->width >= 64 && ret->height >= 64;
}

static int tell_likeness(struct loop *loop, const struct options *options, const char *frames_dir,
                         const char *video, struct error *err)
{
    struct likeness likeness;
    int rc;

    if (!options->likeness)
        return 0;
    rc = likeness_measure(loop, video, frames_dir, (int)options->frames, &likeness, err);
    if (rc < 0)
        return rc;
    figure("psnr_db", likeness.psnr_db);
    figure("ssim", likeness.ssim);
    return 0;
}

static int run_ours(struct loop *loop, const struct options *options, const char *frames_dir,
                    const char *dir, struct error *err)
{
    const struct growth_plan plan = {
        .frames_dir = frames_dir,
        .frames = (int)options->frames,
        .width = (int)options->width,
        .height = (int)options->height,
        .left_at_end = (int)options->left,
        .dir = dir,
    };
    struct growth_result result;
    int rc = growth_run(loop, &plan, &result, err);

    if (rc < 0)
        return rc;
    figure("ready_s", result.ready_s);
    figure("grown_s", result.grown_s);
    figure("cpu_s", result.cpu_s);
    figure("own_cpu_s", result.own_cpu_s);
    figure("peak_mib", result.child_peak_mib);
    figure("mbytes", (double)result.bytes / 1e6);
    figure("frames", (double)result.frames);
    figure("left", (double)result.left);
    rc = tell_likeness(loop, options, frames_dir, result.path, err);
    free(result.path);
    return rc;
}

static int run_oneshot(struct loop *loop, const struct options *options, enum oneshot_kind kind,
                       const char *frames_dir, const char *dir, struct error *err)
{
    CLEANUP(free_p) char *video = path_join(dir, "video.mp4");
    struct oneshot_result result;
    int rc = oneshot_run(loop, kind, frames_dir, (int)options->frames, video, &result, err);

    if (rc < 0)
        return rc;
    figure("ready_s", result.wall_s);
    figure("cpu_s", result.cpu_s);
    figure("check_cpu_s", result.check_cpu_s);
    figure("peak_mib", result.peak_mib);
    figure("mbytes", (double)result.bytes / 1e6);
    return tell_likeness(loop, options, frames_dir, video, err);
}

static int run_way(struct loop *loop, const struct options *options, const char *frames_dir,
                   const char *dir, struct error *err)
{
    if (str_equal(options->what, "ours"))
        return run_ours(loop, options, frames_dir, dir, err);
    for (int kind = 0; kind < ONESHOT_KINDS; kind++)
        if (str_equal(options->what, oneshot_names[kind]))
            return run_oneshot(loop, options, (enum oneshot_kind)kind, frames_dir, dir, err);
    return error_set(err, -EINVAL, "--what %s: there is no such way", options->what);
}

static int run(struct loop *loop, const struct options *options, struct error *err)
{
    CLEANUP(free_p) char *frames_dir = path_join(options->dir, "frames");
    CLEANUP(free_p)
    char *dir = xasprintf("%s/%s-%lld", options->dir, options->what, (long long)options->frames);
    int rc = pictures_make(frames_dir, (int)options->width, (int)options->height, DISTINCT,
                           (int)options->frames, err);

    if (rc == 0)
        rc = path_make_dirs(dir, err);
    if (rc < 0)
        return rc;
    rc = run_way(loop, options, frames_dir, dir, err);
    if (path_remove_tree(dir, NULL) < 0)
        fprintf(stderr, "bench_encode: %s is left behind\n", dir);
    return rc;
}

int main(int argc, char **argv)
{
    struct options options = {.width = 1920, .height = 1080, .left = 10};
    struct loop *loop;
    struct error err = {0};
    int rc;

    if (!parse(argc, argv, &options)) {
        fprintf(stderr, "Usage: bench_encode --what WAY --frames N --dir DIR [--size WxH] "
                        "[--left N] [--likeness]\n");
        return USAGE;
    }
    signal(SIGPIPE, SIG_IGN);
    rc = loop_new(&loop, &err);
    if (rc == 0) {
        rc = run(loop, &options, &err);
        loop_free(loop);
    }
    if (rc < 0)
        fprintf(stderr, "bench_encode: %s: %s\n", options.what, err.text);
    return rc < 0 ? 1 : 0;
}
