/* SPDX-License-Identifier: MIT */
#include "tests/capture/program_rig.h"

#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "tests/capture/pictures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DEADLINE_MS = 30000, WIDTH = 64, HEIGHT = 48 };

static void on_deadline(void *user)
{
    struct program_rig *f = user;

    f->late = true;
}

void program_rig_put(const char *path, const void *data, size_t len)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

int program_rig_setup(void **state)
{
    struct program_rig *f = xcalloc(1, sizeof(*f));
    size_t len;
    CLEANUP(free_p) uint8_t *jpeg = picture_make(WIDTH, HEIGHT, 1, &len);

    snprintf(f->dir, sizeof(f->dir), "/tmp/lapsed-test-program-XXXXXX");
    if (!mkdtemp(f->dir) || loop_new(&f->loop, NULL) < 0)
        return -1;
    f->shots_dir = path_join(f->dir, "shots");
    f->picture = path_join(f->dir, "good.jpg");
    program_rig_put(f->picture, jpeg, len);
    f->len = len;
    if (mkdir(f->shots_dir, 0700) < 0 || setenv("RUNTIME_DIRECTORY", f->shots_dir, 1) < 0)
        return -1;
    f->deadline = timer_new(f->loop, on_deadline, f);
    timer_start(f->deadline, DEADLINE_MS);
    *state = f;
    return 0;
}

size_t count_entries(const char *path)
{
    DIR *dir = opendir(path);
    size_t count = 0;

    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

int program_rig_teardown(void **state)
{
    struct program_rig *f = *state;
    int rc = f->late ? -1 : 0;

    camera_free(f->camera);
    timer_free(f->deadline);
    loop_free(f->loop); /* waits for what is being taken away */
    if (count_entries(f->shots_dir) != 0) {
        print_error("a run left its directory behind\n");
        rc = -1;
    }
    if (path_remove_tree(f->dir, NULL) < 0)
        rc = -1;
    for (size_t i = 0; i < PROGRAM_RIG_WORDS; i++)
        free(f->words[i]);
    free(f->shots_dir);
    free(f->picture);
    free(f);
    return rc;
}

static void on_tick(void *user)
{
    (void)user;
}

void program_rig_wait_a_little(struct program_rig *f)
{
    struct timer *tick = timer_new(f->loop, on_tick, NULL);

    timer_start(tick, 10);
    loop_run_once(f->loop);
    timer_free(tick);
}

static int kind_of(const char *name)
{
    int kind = 0;

    while (!str_equal(camera_kinds[kind], name))
        assert_non_null(camera_kinds[++kind]);
    return kind;
}

void program_rig_start(struct program_rig *f, const char *kind)
{
    static char id[] = "front";

    f->settings.id = id;
    f->settings.kind = kind_of(kind);
    f->settings.max_bytes = f->settings.max_bytes ? f->settings.max_bytes : 200000;
    f->settings.timeout_ms = f->settings.timeout_ms ? f->settings.timeout_ms : 10000;
    f->camera = camera_new(f->loop, NULL, &f->settings, NULL, f);
}

void program_rig_done(struct picture *picture, const struct error *err, void *user)
{
    struct program_rig *f = user;

    f->done++;
    f->result = picture ? 0 : err->code;
    f->captured_at_us = picture ? picture->captured_at_mono_us : 0;
    snprintf(f->text, sizeof(f->text), "%s", picture ? "" : err->text);
    f->width = picture ? picture->width : 0;
    f->height = picture ? picture->height : 0;
    if (picture && f->len > 0)
        assert_int_equal(picture->len, f->len);
}

static void program_rig_wait(struct program_rig *f, int count)
{
    while (f->done < count && !f->late)
        loop_run_once(f->loop);
    assert_int_equal(f->done, count);
}

void program_rig_shoot(struct program_rig *f)
{
    assert_non_null(camera_shoot(f->camera, 0, 0, program_rig_done, f));
    program_rig_wait(f, f->done + 1);
}

void expect_picture(struct program_rig *f)
{
    int64_t asked_us = clock_mono_us();

    program_rig_shoot(f);
    assert_string_equal(f->text, "");
    assert_int_equal(f->result, 0);
    assert_true(f->captured_at_us >= asked_us);
}

void expect_failure(struct program_rig *f, int code, const char *text)
{
    program_rig_shoot(f);
    assert_string_equal(f->text, text);
    assert_int_equal(f->result, code);
}

/* The problems of this camera, one per line, without the file's name. */
static void problems_of(struct program_rig *f, const char *item, struct buf *ret)
{
    CLEANUP(free_p) char *file = path_join(f->dir, "cameras.conf");
    CLEANUP(free_p) char *text = xasprintf("cameras = ( { id = \"c\"; %s } );\n", item);
    struct camera_settings settings = {0};
    struct conf *conf;

    program_rig_put(file, text, strlen(text));
    conf = conf_open(file);
    conf_read_item(conf, &camera_table, 0, &settings);
    camera_settings_check(&settings, conf, 0);
    buf_clear(ret);
    for (size_t i = 0; i < conf_problem_count(conf); i++)
        assert_int_equal(buf_printf(ret, "%s\n", strstr(conf_problem_text(conf, i), "cameras[0]")),
                         0);
    conf_values_done(&camera_table, &settings);
    conf_close(conf);
}

void expect_problem(struct program_rig *f, const char *item, const char *words)
{
    CLEANUP(buf_done) struct buf problems = BUF_INIT(10000);

    problems_of(f, item, &problems);
    if (!words)
        assert_string_equal(buf_text(&problems), "");
    else if (!strstr(buf_text(&problems), words))
        fail_msg("%s: '%s' instead of '%s'", item, buf_text(&problems), words);
}
