/* SPDX-License-Identifier: MIT */
#include "tests/e2e/promise.h"

#include "agent/base/crc32.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "agent/journal/journal.h"
#include "tests/e2e/video.h"
#include "tests/sim/marker_jpeg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

enum { JPEG_MAX_BYTES = 16 * 1024 * 1024, TRACKS_MAX = 256 };

/* --- the printer --- */

struct reader {
    struct printer_story story;
    char paused_by[16]; /* "" = not paused */
    double since_ms;
};

static void read_status(struct reader *reader, const cJSON *line, double at_ms)
{
    const char *status = json_get_string(line, "status");
    const char *by = json_get_string(line, "by");
    bool foreign = str_equal(reader->paused_by, "user") || str_equal(reader->paused_by, "filament");

    if (str_equal(status, "pausing")) {
        snprintf(reader->paused_by, sizeof(reader->paused_by), "%s", by);
        reader->since_ms = at_ms;
        reader->story.pauses += str_equal(by, "http");
    } else if (str_equal(status, "resuming")) {
        reader->story.foreign_resumes += foreign && str_equal(by, "http");
    } else if (!str_equal(status, "paused")) {
        if (str_equal(reader->paused_by, "http"))
            reader->story.longest_ms =
                MAX(reader->story.longest_ms, (int64_t)(at_ms - reader->since_ms));
        reader->paused_by[0] = '\0';
    }
}

static void read_line(struct reader *reader, const cJSON *line)
{
    const char *event = json_get_string(line, "event");
    const char *what = json_get_string(line, "what");
    double at_ms = json_number(json_get(line, "t_ms"));

    if (str_equal(event, "status"))
        read_status(reader, line, at_ms);
    if (!str_equal(event, "note"))
        return;
    reader->story.started_files += str_equal(what, "m24_started_file");
    reader->story.stray_moves += str_equal(what, "move_while_printing");
}

void promise_read_story(struct rig *rig, struct printer_story *ret_story)
{
    CLEANUP(json_free_p) cJSON *log = rig_sim_log(rig);
    struct reader reader = {0};

    assert_true(json_size(log) > 0);
    for (const cJSON *line = json_first(log); line; line = json_next(line))
        read_line(&reader, line);
    reader.story.held = str_equal(reader.paused_by, "http");
    *ret_story = reader.story;
}

void promise_printer_is_free(struct rig *rig, int64_t longest_ms)
{
    struct printer_story story;

    promise_read_story(rig, &story);
    if (story.held)
        fail_msg("the printer was left paused");
    if (story.longest_ms > longest_ms)
        fail_msg("the printer was paused for %lld ms", (long long)story.longest_ms);
    assert_int_equal(story.foreign_resumes, 0);
    assert_int_equal(story.started_files, 0);
    assert_int_equal(story.stray_moves, 0);
}

/* --- frames --- */

/* The last number of each camera of each session. */
struct tracks {
    struct {
        const char *session, *camera;
        int64_t last;
    } items[TRACKS_MAX];
    size_t count;
};

static int64_t *find_track(struct tracks *tracks, const cJSON *event)
{
    const char *session = json_get_string(event, "session");
    const char *camera = json_get_string(event, "camera");

    assert_non_null(session);
    assert_non_null(camera);
    for (size_t i = 0; i < tracks->count; i++)
        if (str_equal(tracks->items[i].session, session) &&
            str_equal(tracks->items[i].camera, camera))
            return &tracks->items[i].last;
    assert_true(tracks->count < TRACKS_MAX);
    tracks->items[tracks->count].session = session;
    tracks->items[tracks->count].camera = camera;
    return &tracks->items[tracks->count++].last;
}

static int64_t integer(const cJSON *json, const char *path)
{
    int64_t value = -1;

    if (!json_get_int(json, path, &value)) {
        CLEANUP(free_p) char *text = json_print(json);

        fail_msg("no whole number '%s' in %s", path, text);
    }
    return value;
}

static char *read_whole(const char *path, size_t *ret_len)
{
    char *data = NULL;
    struct error err;

    if (path_read_file(path, JPEG_MAX_BYTES, &data, ret_len, &err) < 0)
        fail_msg("%s", err.text);
    return data;
}

static void check_frame(const cJSON *event)
{
    const char *path = json_get_string(event, "file");
    CLEANUP(free_p) char *data = NULL;
    struct marker marker;
    bool parked = false;
    size_t len;

    assert_non_null(path);
    data = read_whole(path, &len);
    assert_int_equal(len, integer(event, "bytes"));
    if (marker_read_jpeg((const uint8_t *)data, len, &marker) < 0)
        fail_msg("%s: its marker cannot be read", path);
    assert_true(json_get_bool(event, "parked", &parked));
    if (parked && !marker.standing)
        fail_msg("%s: said to be held, but the head moves", path);
}

size_t promise_frames(struct rig *rig)
{
    struct tracks tracks = {0};
    const cJSON *event;
    size_t count = 0;

    for (; (event = rig_event(rig, "frame", count)); count++) {
        int64_t *last = find_track(&tracks, event);
        int64_t number = integer(event, "frame");

        if (number <= *last)
            fail_msg("%s: frame %lld after frame %lld", json_get_string(event, "session"),
                     (long long)number, (long long)*last);
        *last = number;
        check_frame(event);
    }
    return count;
}

/* --- videos --- */

static void compare_with_frames(const struct decoded_video *video, const char *path,
                                const glob_t *files)
{
    if (video->count != files->gl_pathc)
        fail_msg("%s: %zu pictures of %zu frames", path, video->count, files->gl_pathc);
    for (size_t i = 0; i < video->count; i++) {
        struct marker marker;

        video_read_jpeg(files->gl_pathv[i], &marker);
        if (!video->pictures[i].readable)
            fail_msg("%s: the marker of picture %zu cannot be read", path, i);
        if (video->pictures[i].marker.frame != marker.frame)
            fail_msg("%s: picture %zu is not %s", path, i, files->gl_pathv[i]);
    }
}

void promise_video_file(struct rig *rig, const char *path, const char *camera)
{
    CLEANUP(free_p) char *base = path_base_name(path, NULL);
    CLEANUP(free_p) char *dir = xstrndup(path, strlen(path) - strlen(base));
    CLEANUP(free_p) char *pattern = xasprintf("%sframes/%s_*.jpg", dir, camera);
    struct decoded_video video;
    glob_t files = {0};

    video_decode(rig, path, &video);
    assert_string_equal(video.complaints, "");
    assert_int_equal(glob(pattern, 0, NULL, &files), 0);
    compare_with_frames(&video, path, &files);
    globfree(&files);
    decoded_video_done(&video);
}

size_t promise_videos(struct rig *rig)
{
    const cJSON *event;
    size_t count = 0;

    for (; (event = rig_event(rig, "video_ready", count)); count++) {
        const char *path = json_get_string(event, "file");
        struct decoded_video video;

        assert_non_null(path);
        assert_int_equal(integer(event, "dropped_frames"), 0);
        promise_video_file(rig, path, json_get_string(event, "camera"));
        video_decode(rig, path, &video);
        assert_int_equal(video.count, integer(event, "frames"));
        decoded_video_done(&video);
    }
    return count;
}

/* --- the journal --- */

static struct journal *open_journal(struct rig *rig)
{
    CLEANUP(free_p) char *dir = path_join(rig_dir(rig), "data");
    struct journal *journal = NULL;
    bool damaged = false;
    struct error err;

    if (journal_open(rig_loop(rig), dir, &journal, &damaged, &err) < 0)
        fail_msg("%s", err.text);
    assert_false(damaged);
    return journal;
}

struct journal_look {
    const char *session_dir;
    int64_t last, count;
};

static void check_row(const struct journal_frame *frame, void *user)
{
    struct journal_look *look = user;
    CLEANUP(free_p)
    char *path = xasprintf("%s/frames/%s_%08lld.jpg", look->session_dir, frame->camera,
                           (long long)frame->seq);
    CLEANUP(free_p) char *data = NULL;
    size_t len;

    data = read_whole(path, &len);
    assert_int_equal(len, frame->bytes);
    /* one that was found after a crash never had a checksum */
    if (frame->crc32 != 0 && crc32_of((const uint8_t *)data, len) != frame->crc32)
        fail_msg("%s: not the bytes that were stored", path);
    assert_true(frame->seq > look->last);
    look->last = frame->seq;
    look->count++;
}

static int64_t count_announced(struct rig *rig, const char *session, const char *camera)
{
    int64_t count = 0;
    const cJSON *event;

    for (size_t i = 0; (event = rig_event(rig, "frame", i)); i++)
        count += str_equal(json_get_string(event, "session"), session) &&
                 str_equal(json_get_string(event, "camera"), camera);
    return count;
}

/* <session>/frames/<file> */
static char *session_dir_of(const cJSON *event)
{
    const char *path = json_get_string(event, "file");
    const char *frames = strstr(path, "/frames/");

    assert_non_null(frames);
    return xstrndup(path, (size_t)(frames - path));
}

static void check_track(struct rig *rig, struct journal *journal, const cJSON *event)
{
    const char *session = json_get_string(event, "session");
    const char *camera = json_get_string(event, "camera");
    CLEANUP(free_p) char *dir = session_dir_of(event);
    struct journal_look look = {.session_dir = dir};
    struct error err;

    if (journal_each_frame(journal, session, camera, 0, check_row, &look, &err) < 0)
        fail_msg("%s", err.text);
    if (look.count < count_announced(rig, session, camera))
        fail_msg("%s: %lld frames in the journal, more were announced", session,
                 (long long)look.count);
}

void promise_journal(struct rig *rig)
{
    struct journal *journal = open_journal(rig);
    struct tracks tracks = {0};
    const cJSON *event;

    for (size_t i = 0; (event = rig_event(rig, "frame", i)); i++) {
        size_t known = tracks.count;

        find_track(&tracks, event);
        if (tracks.count > known)
            check_track(rig, journal, event);
    }
    journal_close(journal);
}

bool promise_pause_is_open(struct rig *rig)
{
    struct journal *journal = open_journal(rig);
    struct pause_record record;
    struct error err;
    int rc = journal_get_pause(journal, "mk4", &record, &err);

    journal_close(journal);
    assert_true(rc == 0 || rc == -ENOENT);
    return rc == 0;
}
