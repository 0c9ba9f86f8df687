/* SPDX-License-Identifier: MIT */
/* The journal against the real SQLite and the real disk: what was acknowledged is there after a
 * reopening, a SIGKILL or a full disk, and a damaged file costs the journal, never the start. */
#include "agent/journal/journal.h"

#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "agent/journal/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_MS = 20000, EXIT_SKIP = 77 };

struct fixture {
    char dir[64];
    struct loop *loop;
    struct journal *journal;
    bool damaged;
};

static void fixture_open(struct fixture *fixture)
{
    struct error err = {0};

    assert_int_equal(loop_new(&fixture->loop, &err), 0);
    if (journal_open(fixture->loop, fixture->dir, &fixture->journal, &fixture->damaged, &err) < 0)
        fail_msg("%s", err.text);
}

static void fixture_close(struct fixture *fixture)
{
    journal_close(TAKE(fixture->journal));
    loop_free(TAKE(fixture->loop));
}

static void fixture_reopen(struct fixture *fixture)
{
    fixture_close(fixture);
    fixture_open(fixture);
}

static int setup(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));

    snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/lapsed-journal-XXXXXX");
    assert_non_null(mkdtemp(fixture->dir));
    fixture_open(fixture);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    struct error err;

    if (fixture->journal)
        journal_close(fixture->journal);
    if (fixture->loop)
        loop_free(fixture->loop);
    assert_int_equal(path_remove_tree(fixture->dir, &err), 0);
    free(fixture);
    return 0;
}

/* --- waiting for writes --- */

struct answers {
    int count;
    int results[16]; /* of the first ones */
    int failures;
    char text[512]; /* of the last failure */
    bool refuse;    /* an answer now is a mistake */
};

static void on_answer(int result, const struct error *err, void *user)
{
    struct answers *answers = user;

    assert_false(answers->refuse);
    if (answers->count < (int)ARRAY_LEN(answers->results))
        answers->results[answers->count] = result;
    answers->count++;
    if (result < 0) {
        answers->failures++;
        snprintf(answers->text, sizeof(answers->text), "%s", err->text);
    }
}

static bool wait_answers(struct loop *loop, const struct answers *answers, int count)
{
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    while (answers->count < count && clock_mono_ms() < deadline)
        loop_run_once(loop);
    return answers->count == count;
}

static struct journal_session make_session(char *id, char *unit)
{
    static char dir[] = "/srv/x", state[] = "capturing", settings[] = "{\"fps\":25}";

    return (struct journal_session){
        .id = id,
        .unit = unit,
        .dir = dir,
        .state = state,
        .settings = settings,
        .started_at = 1000,
        .last_layer = -1,
    };
}

static struct journal_frame make_frame(const char *session, int64_t seq)
{
    return (struct journal_frame){
        .session = session,
        .camera = "front",
        .seq = seq,
        .layer = (int)seq + 1,
        .trigger = "layer",
        .parked = seq % 2 == 1,
        .captured_at = 1700000000000 + seq,
        .age_ms = 250,
        .bytes = 100000 + seq,
        .width = 1920,
        .height = 1080,
        .crc32 = 0xdeadbeefU,
    };
}

static void put_session(struct fixture *fixture, char *id, char *unit)
{
    struct journal_session session = make_session(id, unit);
    struct answers answers = {0};

    journal_put_session(fixture->journal, &session, on_answer, &answers);
    assert_true(wait_answers(fixture->loop, &answers, 1));
    assert_int_equal(answers.results[0], 0);
}

static void add_frames(struct fixture *fixture, const char *session, int64_t first, int64_t last)
{
    struct answers answers = {0};

    for (int64_t seq = first; seq <= last; seq++) {
        struct journal_frame frame = make_frame(session, seq);

        journal_add_frame(fixture->journal, &frame, on_answer, &answers);
    }
    assert_true(wait_answers(fixture->loop, &answers, (int)(last - first + 1)));
    assert_int_equal(answers.failures, 0);
}

static int64_t count_frames(struct fixture *fixture, const char *session)
{
    struct journal_frame_totals totals;
    struct error err;

    assert_int_equal(journal_frame_totals(fixture->journal, session, "front", &totals, &err), 0);
    return totals.frames;
}

/* A write without a done function is on disk once a later one is. */
static void settle(struct fixture *fixture)
{
    struct answers answers = {0};

    journal_put_command(fixture->journal, "settle", 0, NULL, on_answer, &answers);
    assert_true(wait_answers(fixture->loop, &answers, 1));
    assert_int_equal(answers.results[0], 0);
}

/* --- rows --- */

static char session_1[] = "20260131T110000Z-benchy", unit_1[] = "mk4";

static void test_session_comes_back_after_reopening(void **state)
{
    struct fixture *fixture = *state;
    char printer[] = "p1", job[] = "b'en\"chy \xc3\xa9.gcode";
    struct journal_session session = make_session(session_1, unit_1), found;
    struct answers answers = {0};
    struct error err;

    session.printer = printer;
    session.job = job;
    session.missed = 3;
    session.last_layer = 17;
    journal_put_session(fixture->journal, &session, on_answer, &answers);
    assert_true(wait_answers(fixture->loop, &answers, 1));
    fixture_reopen(fixture);
    assert_false(fixture->damaged);
    assert_int_equal(journal_open_session(fixture->journal, "mk4", &found, &err), 0);
    assert_string_equal(found.id, session_1);
    assert_string_equal(found.printer, printer);
    assert_string_equal(found.job, job);
    assert_string_equal(found.state, "capturing");
    assert_string_equal(found.settings, "{\"fps\":25}");
    assert_null(found.end);
    assert_int_equal(found.started_at, 1000);
    assert_int_equal(found.missed, 3);
    assert_int_equal(found.last_layer, 17);
    journal_session_done(&found);
}

static void test_newest_open_session_of_the_unit_is_found(void **state)
{
    struct fixture *fixture = *state;
    char old_id[] = "s1", new_id[] = "s2", ended_id[] = "s3", other_id[] = "s4", other[] = "xl";
    char end[] = "done";
    struct journal_session session = make_session(new_id, unit_1), found;
    struct answers answers = {0};
    struct error err = {0};

    put_session(fixture, old_id, unit_1);
    session.started_at = 2000;
    journal_put_session(fixture->journal, &session, on_answer, &answers);
    session = make_session(ended_id, unit_1);
    session.started_at = 3000;
    session.ended_at = 4000;
    session.end = end;
    journal_put_session(fixture->journal, &session, on_answer, &answers);
    assert_true(wait_answers(fixture->loop, &answers, 2));
    put_session(fixture, other_id, other);
    assert_int_equal(journal_open_session(fixture->journal, "mk4", &found, &err), 0);
    assert_string_equal(found.id, new_id);
    journal_session_done(&found);
    assert_int_equal(journal_open_session(fixture->journal, "none", &found, &err), -ENOENT);
    assert_non_null(strstr(err.text, "none"));
}

static void test_update_of_a_session_keeps_its_frames(void **state)
{
    struct fixture *fixture = *state;

    put_session(fixture, session_1, unit_1);
    add_frames(fixture, session_1, 1, 5);
    put_session(fixture, session_1, unit_1);
    assert_int_equal(count_frames(fixture, session_1), 5);
}

struct frame_check {
    int64_t next;
    int count;
};

static void check_frame(const struct journal_frame *frame, void *user)
{
    struct frame_check *check = user;
    struct journal_frame expected = make_frame(session_1, check->next);

    assert_int_equal(frame->seq, expected.seq);
    assert_int_equal(frame->layer, expected.layer);
    assert_int_equal(frame->parked, expected.parked);
    assert_int_equal(frame->captured_at, expected.captured_at);
    assert_int_equal(frame->age_ms, expected.age_ms);
    assert_int_equal(frame->bytes, expected.bytes);
    assert_int_equal(frame->width, expected.width);
    assert_int_equal(frame->height, expected.height);
    assert_int_equal(frame->crc32, expected.crc32);
    check->next++;
    check->count++;
}

static void test_frames_come_back_in_order_with_their_totals(void **state)
{
    struct fixture *fixture = *state;
    struct frame_check check = {.next = 4};
    struct journal_frame_totals totals;
    struct error err;

    put_session(fixture, session_1, unit_1);
    add_frames(fixture, session_1, 6, 10);
    add_frames(fixture, session_1, 1, 5);
    fixture_reopen(fixture);
    assert_int_equal(
        journal_each_frame(fixture->journal, session_1, "front", 3, check_frame, &check, &err), 0);
    assert_int_equal(check.count, 7);
    assert_int_equal(journal_frame_totals(fixture->journal, session_1, "front", &totals, &err), 0);
    assert_int_equal(totals.frames, 10);
    assert_int_equal(totals.bytes, 1000055);
    assert_int_equal(totals.last_seq, 10);
    assert_int_equal(totals.last_captured_at, 1700000000010);
    assert_int_equal(journal_frame_totals(fixture->journal, session_1, "back", &totals, &err), 0);
    assert_int_equal(totals.frames + totals.bytes + totals.last_seq, 0);
}

static void test_deleted_session_takes_its_frames_along(void **state)
{
    struct fixture *fixture = *state;
    char other[] = "other";
    struct journal_session found;
    struct error err;

    put_session(fixture, session_1, unit_1);
    put_session(fixture, other, unit_1);
    add_frames(fixture, session_1, 1, 3);
    add_frames(fixture, other, 1, 2);
    journal_delete_session(fixture->journal, session_1, NULL, NULL);
    settle(fixture);
    assert_int_equal(count_frames(fixture, session_1), 0);
    assert_int_equal(count_frames(fixture, other), 2);
    assert_int_equal(journal_open_session(fixture->journal, unit_1, &found, &err), 0);
    assert_string_equal(found.id, other);
    journal_session_done(&found);
}

static void test_video_of_one_path_is_kept_once_and_needs_its_session(void **state)
{
    struct fixture *fixture = *state;
    struct journal_video video = {
        .session = session_1,
        .unit = unit_1,
        .camera = "front",
        .kind = "preview",
        .path = "/srv/x/preview.mp4",
        .frames = 10,
        .bytes = 1000,
        .duration_s = 0.4,
        .fps = 25,
    };
    struct answers answers = {0};

    put_session(fixture, session_1, unit_1);
    journal_add_video(fixture->journal, &video, on_answer, &answers);
    video.frames = 20;
    journal_add_video(fixture->journal, &video, on_answer, &answers);
    video.session = "unknown";
    journal_add_video(fixture->journal, &video, on_answer, &answers);
    assert_true(wait_answers(fixture->loop, &answers, 3));
    assert_int_equal(answers.results[0], 0);
    assert_int_equal(answers.results[1], 0);
    assert_int_equal(answers.results[2], -EINVAL);
}

static void test_pause_stays_open_until_it_is_closed(void **state)
{
    struct fixture *fixture = *state;
    struct pause_record record = {
        .printer = "p1",
        .job_file = "0:/gcodes/benchy.gcode",
        .job_position_bytes = 123456,
        .layer = 9,
        .intent_at = 1700000000000,
        .boot_id = "b0-07",
    };
    struct pause_record found;
    struct answers answers = {0};
    struct error err;

    assert_int_equal(journal_get_pause(fixture->journal, "p1", &found, &err), -ENOENT);
    journal_open_pause(fixture->journal, &record, on_answer, &answers);
    record.layer = 10;
    journal_open_pause(fixture->journal, &record, on_answer, &answers);
    assert_true(wait_answers(fixture->loop, &answers, 2));
    fixture_reopen(fixture);
    assert_int_equal(journal_get_pause(fixture->journal, "p1", &found, &err), 0);
    assert_string_equal(found.printer, record.printer);
    assert_string_equal(found.job_file, record.job_file);
    assert_int_equal(found.job_position_bytes, record.job_position_bytes);
    assert_int_equal(found.layer, 10);
    assert_int_equal(found.intent_at, record.intent_at);
    assert_string_equal(found.boot_id, record.boot_id);
    journal_close_pause(fixture->journal, "p1");
    settle(fixture);
    assert_int_equal(journal_get_pause(fixture->journal, "p1", &found, &err), -ENOENT);
}

struct texts {
    char *items[16];
    int count;
};

static void texts_add(struct texts *texts, char *text)
{
    assert_true(texts->count < (int)ARRAY_LEN(texts->items));
    texts->items[texts->count++] = text;
}

static void texts_done(struct texts *texts)
{
    while (texts->count > 0)
        free(texts->items[--texts->count]);
}

static void collect_light(const char *light, void *user)
{
    texts_add(user, xstrdup(light));
}

static void test_lights_that_are_on_are_known_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    struct answers answers = {0};
    struct texts texts = {0};
    struct error err;

    journal_note_lit(fixture->journal, "strip", NULL, NULL);
    journal_note_lit(fixture->journal, "lamp", NULL, NULL);
    journal_note_lit(fixture->journal, "lamp", on_answer, &answers);
    journal_note_lit(fixture->journal, "ring", NULL, NULL);
    journal_note_dark(fixture->journal, "ring");
    assert_true(wait_answers(fixture->loop, &answers, 1));
    assert_int_equal(answers.results[0], 0);
    fixture_reopen(fixture);
    assert_int_equal(journal_each_lit(fixture->journal, collect_light, &texts, &err), 0);
    assert_int_equal(texts.count, 2);
    assert_string_equal(texts.items[0], "lamp");
    assert_string_equal(texts.items[1], "strip");
    texts_done(&texts);
}

static void collect_command(const char *id, uint64_t hash, const char *ack, int64_t at, void *user)
{
    assert_true(at > 0);
    texts_add(user, xasprintf("%s %llx %s", id, (unsigned long long)hash, ack ? ack : "-"));
}

static void test_answered_commands_come_back_oldest_first(void **state)
{
    struct fixture *fixture = *state;
    struct texts texts = {0};
    struct error err;

    journal_put_command(fixture->journal, "a", 0xffffffffffffffffULL, NULL, NULL, NULL);
    journal_put_command(fixture->journal, "b", 2, "{\"ok\":true}", NULL, NULL);
    journal_put_command(fixture->journal, "a", 0xffffffffffffffffULL, "{}", NULL, NULL);
    fixture_reopen(fixture);
    assert_int_equal(
        journal_each_command(fixture->journal, 512, 900000, collect_command, &texts, &err), 0);
    assert_int_equal(texts.count, 2);
    assert_string_equal(texts.items[0], "a ffffffffffffffff {}");
    assert_string_equal(texts.items[1], "b 2 {\"ok\":true}");
    texts_done(&texts);
}

static void test_old_commands_are_forgotten(void **state)
{
    struct fixture *fixture = *state;
    const char *ids[] = {"a", "b", "c", "d"};
    struct texts texts = {0};
    struct error err;

    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        journal_put_command(fixture->journal, ids[i], i, NULL, NULL, NULL);
    fixture_reopen(fixture);
    assert_int_equal(
        journal_each_command(fixture->journal, 2, 900000, collect_command, &texts, &err), 0);
    assert_int_equal(texts.count, 2);
    assert_string_equal(texts.items[0], "c 2 -");
    texts_done(&texts);
    fixture_reopen(fixture); /* the others are gone from the disk */
    assert_int_equal(
        journal_each_command(fixture->journal, 512, 900000, collect_command, &texts, &err), 0);
    assert_int_equal(texts.count, 2);
    texts_done(&texts);
    assert_int_equal(journal_each_command(fixture->journal, 512, -1, collect_command, &texts, &err),
                     0);
    assert_int_equal(texts.count, 0);
}

static void collect_unit(const struct journal_unit *unit, void *user)
{
    texts_add(user, xasprintf("%s %s %d %lld", unit->id, unit->request, unit->ending,
                              (long long)unit->made_at));
}

static void test_units_come_back_oldest_first_until_they_are_deleted(void **state)
{
    struct fixture *fixture = *state;
    struct texts texts = {0};
    struct error err = {0};

    journal_put_unit(fixture->journal,
                     &(struct journal_unit){.id = "b", .request = "{}", .made_at = 20}, NULL, NULL);
    journal_put_unit(fixture->journal,
                     &(struct journal_unit){.id = "a", .request = "{\"x\":1}", .made_at = 30}, NULL,
                     NULL);
    journal_put_unit(fixture->journal,
                     &(struct journal_unit){.id = "c", .request = "{}", .made_at = 10}, NULL, NULL);
    journal_put_unit(
        fixture->journal,
        &(struct journal_unit){.id = "b", .request = "{}", .ending = true, .made_at = 20}, NULL,
        NULL);
    journal_delete_unit(fixture->journal, "c");
    fixture_reopen(fixture);
    assert_int_equal(journal_each_unit(fixture->journal, collect_unit, &texts, &err), 0);
    assert_int_equal(texts.count, 2);
    assert_string_equal(texts.items[0], "b {} 1 20");
    assert_string_equal(texts.items[1], "a {\"x\":1} 0 30");
    texts_done(&texts);
}

static void collect_topic(const char *topic, void *user)
{
    texts_add(user, xstrdup(topic));
}

static void test_topics_are_a_set(void **state)
{
    struct fixture *fixture = *state;
    struct texts texts = {0};
    struct error err;

    journal_add_topic(fixture->journal, "t/b");
    journal_add_topic(fixture->journal, "t/a");
    journal_add_topic(fixture->journal, "t/b");
    journal_add_topic(fixture->journal, "t/c");
    journal_delete_topic(fixture->journal, "t/c");
    journal_delete_topic(fixture->journal, "t/never");
    fixture_reopen(fixture);
    assert_int_equal(journal_each_topic(fixture->journal, collect_topic, &texts, &err), 0);
    assert_int_equal(texts.count, 2);
    assert_string_equal(texts.items[0], "t/a");
    assert_string_equal(texts.items[1], "t/b");
    texts_done(&texts);
}

/* --- the queue --- */

struct order {
    int next;
    bool wrong;
};

struct order_item {
    struct order *order;
    int number;
};

static void on_ordered(int result, const struct error *err, void *user)
{
    struct order_item *item = user;

    (void)err;
    if (result != 0 || item->number != item->order->next)
        item->order->wrong = true;
    item->order->next++;
}

static void test_done_comes_once_in_order_and_never_from_inside_the_call(void **state)
{
    enum { COUNT = 300 };
    struct fixture *fixture = *state;
    struct order order = {0};
    struct order_item items[COUNT];
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    put_session(fixture, session_1, unit_1);
    for (int i = 0; i < COUNT; i++) {
        struct journal_frame frame = make_frame(session_1, COUNT - i);
        int before = order.next;

        items[i] = (struct order_item){&order, i};
        journal_add_frame(fixture->journal, &frame, on_ordered, &items[i]);
        assert_int_equal(order.next, before);
        if (i % 50 == 0) /* so that the writes fall into several batches */
            loop_run_once(fixture->loop);
    }
    while (order.next < COUNT && clock_mono_ms() < deadline)
        loop_run_once(fixture->loop);
    settle(fixture);
    assert_int_equal(order.next, COUNT);
    assert_false(order.wrong);
}

static void test_bad_row_fails_alone_in_its_batch(void **state)
{
    struct fixture *fixture = *state;
    struct journal_session session = make_session(session_1, unit_1);
    struct journal_frame good = make_frame(session_1, 1), orphan = make_frame("unknown", 1);
    struct journal_frame last = make_frame(session_1, 2);
    struct answers answers = {0};

    /* the first write occupies the worker, so that the rest is one batch */
    journal_put_session(fixture->journal, &session, on_answer, &answers);
    journal_add_frame(fixture->journal, &good, on_answer, &answers);
    journal_add_frame(fixture->journal, &orphan, on_answer, &answers);
    journal_add_frame(fixture->journal, &good, on_answer, &answers);
    journal_add_frame(fixture->journal, &last, on_answer, &answers);
    assert_true(wait_answers(fixture->loop, &answers, 5));
    assert_int_equal(answers.results[0], 0);
    assert_int_equal(answers.results[1], 0);
    assert_int_equal(answers.results[2], -EINVAL);
    assert_int_equal(answers.results[3], -EEXIST);
    assert_int_equal(answers.results[4], 0);
    assert_int_equal(count_frames(fixture, session_1), 2);
}

static void test_close_commits_what_waits_without_calling_done(void **state)
{
    struct fixture *fixture = *state;
    struct answers answers = {.refuse = true};

    put_session(fixture, session_1, unit_1);
    for (int64_t seq = 1; seq <= 100; seq++) {
        struct journal_frame frame = make_frame(session_1, seq);

        journal_add_frame(fixture->journal, &frame, on_answer, &answers);
    }
    fixture_reopen(fixture);
    assert_int_equal(answers.count, 0);
    assert_int_equal(count_frames(fixture, session_1), 100);
}

struct closer {
    struct journal *journal;
    int calls;
};

static void on_close_inside(int result, const struct error *err, void *user)
{
    struct closer *closer = user;

    (void)err;
    assert_int_equal(result, 0);
    closer->calls++;
    journal_close(TAKE(closer->journal));
}

static void test_done_may_close_the_journal(void **state)
{
    struct fixture *fixture = *state;
    struct closer closer = {.journal = fixture->journal};

    for (int i = 0; i < 5; i++)
        journal_put_command(fixture->journal, "a", 1, NULL, on_close_inside, &closer);
    while (closer.calls == 0)
        loop_run_once(fixture->loop);
    fixture->journal = NULL;
    loop_free(TAKE(fixture->loop));
    assert_int_equal(closer.calls, 1);
}

/* --- durability --- */

/* Adds frames one after the other and says the number of each acknowledged one on the pipe. */
struct writer_child {
    struct journal *journal;
    int64_t seq;
    int pipe_fd;
};

static void child_add_next(struct writer_child *child);

static void on_child_frame(int result, const struct error *err, void *user)
{
    struct writer_child *child = user;

    (void)err;
    if (result != 0 || write(child->pipe_fd, &child->seq, sizeof(child->seq)) < 0)
        _exit(1);
    child_add_next(child);
}

static void child_add_next(struct writer_child *child)
{
    struct journal_frame frame = make_frame(session_1, ++child->seq);

    journal_add_frame(child->journal, &frame, on_child_frame, child);
}

static void run_writer_child(const char *dir, int pipe_fd, int64_t last_seq)
{
    struct writer_child child = {.seq = last_seq, .pipe_fd = pipe_fd};
    struct journal_session session = make_session(session_1, unit_1);
    struct loop *loop;
    bool damaged;

    if (loop_new(&loop, NULL) < 0 || journal_open(loop, dir, &child.journal, &damaged, NULL) < 0)
        _exit(1);
    journal_put_session(child.journal, &session, NULL, NULL);
    child_add_next(&child);
    loop_run(loop);
    _exit(1);
}

/* Returns the last acknowledged number. */
static int64_t kill_while_writing(const char *dir, int64_t last_seq, int after_frames)
{
    int pipe_fds[2], status;
    pid_t pid;

    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        run_writer_child(dir, pipe_fds[1], last_seq);
    close(pipe_fds[1]);
    for (int i = 0; i < after_frames; i++)
        assert_int_equal(read(pipe_fds[0], &last_seq, sizeof(last_seq)), sizeof(last_seq));
    kill(pid, SIGKILL);
    while (read(pipe_fds[0], &last_seq, sizeof(last_seq)) == sizeof(last_seq))
        ;
    close(pipe_fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    return last_seq;
}

static void test_acknowledged_frames_survive_sigkill(void **state)
{
    struct fixture *fixture = *state;

    for (int round = 0; round < 5; round++) {
        struct frame_check check = {.next = 1};
        struct journal_frame_totals totals;
        struct error err;
        int64_t start, acked;

        fixture_close(fixture);
        fixture_open(fixture);
        assert_int_equal(journal_frame_totals(fixture->journal, session_1, "front", &totals, &err),
                         0);
        start = totals.last_seq;
        fixture_close(fixture);
        acked = kill_while_writing(fixture->dir, start, 10 + 37 * round);
        fixture_open(fixture);
        assert_false(fixture->damaged);
        assert_int_equal(
            journal_each_frame(fixture->journal, session_1, "front", 0, check_frame, &check, &err),
            0);
        assert_true(check.count >= acked);
        assert_true(check.count <= acked + 1);
    }
}

/* --- damage --- */

static char *database_path(const struct fixture *fixture)
{
    return path_join(fixture->dir, "journal.db");
}

static void overwrite(const char *path, off_t offset, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, len, offset), len);
    close(fd);
}

static int count_files(const char *dir, const char *prefix)
{
    DIR *iterator = opendir(dir);
    const struct dirent *entry;
    int count = 0;

    assert_non_null(iterator);
    while ((entry = readdir(iterator)))
        count += str_starts_with(entry->d_name, prefix);
    closedir(iterator);
    return count;
}

/* A journal of a few dozen pages, closed. */
static void fill_and_close(struct fixture *fixture)
{
    put_session(fixture, session_1, unit_1);
    add_frames(fixture, session_1, 1, 1000);
    fixture_close(fixture);
}

static void check_begun_anew(struct fixture *fixture)
{
    struct journal_session found;
    struct error err;

    fixture_open(fixture);
    assert_true(fixture->damaged);
    assert_int_equal(count_files(fixture->dir, "journal.db.damaged-"), 1);
    assert_int_equal(journal_open_session(fixture->journal, unit_1, &found, &err), -ENOENT);
    put_session(fixture, session_1, unit_1); /* and it works */
    fixture_reopen(fixture);
    assert_false(fixture->damaged);
}

static void test_truncated_file_is_set_aside(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(free_p) char *path = database_path(fixture);

    fill_and_close(fixture);
    assert_int_equal(truncate(path, 5000), 0);
    check_begun_anew(fixture);
}

static void test_empty_file_is_set_aside(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(free_p) char *path = database_path(fixture);

    fill_and_close(fixture);
    assert_int_equal(truncate(path, 0), 0);
    check_begun_anew(fixture);
}

static void test_file_of_zeros_is_set_aside(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(free_p) char *path = database_path(fixture);
    struct stat st;

    fill_and_close(fixture);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(truncate(path, st.st_size), 0);
    check_begun_anew(fixture);
}

static void test_file_that_is_no_database_is_set_aside(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(free_p) char *path = database_path(fixture);
    static const char text[] = "#!/bin/sh\n# this is not the file that you look for\n";

    fill_and_close(fixture);
    overwrite(path, 0, text, sizeof(text) - 1);
    check_begun_anew(fixture);
}

static void ignore_frame(const struct journal_frame *frame, void *user)
{
    (void)frame;
    (void)user;
}

/* Puts the good file there, damaged at the offset, and opens it. */
static bool open_damaged_at(struct fixture *fixture, const char *good, size_t len, size_t offset)
{
    CLEANUP(free_p) char *path = database_path(fixture);
    uint8_t noise[64];
    struct error err;
    bool set_aside;

    memset(noise, 0xa5, sizeof(noise));
    assert_int_equal(path_write_durable(fixture->dir, "journal.db", good, len, &err), 0);
    overwrite(path, (off_t)offset, noise, sizeof(noise));
    fixture_open(fixture);
    set_aside = fixture->damaged;
    (void)!journal_each_frame(fixture->journal, session_1, "front", 0, ignore_frame, NULL, &err);
    fixture_close(fixture);
    return set_aside;
}

/* Whatever page is hit: the start succeeds, and what can be read is read without a crash. SQLite
 * keeps no checksums, so noise amid the rows may go unseen; noise in a page's head may not. */
static void test_no_damaged_page_stops_the_start(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(free_p) char *path = database_path(fixture);
    CLEANUP(free_p) char *good = NULL;
    size_t len;
    struct error err;

    fill_and_close(fixture);
    assert_int_equal(path_read_file(path, 1 << 24, &good, &len, &err), 0);
    for (size_t page = 0; page < len / 4096; page++) {
        assert_true(open_damaged_at(fixture, good, len, page * 4096));
        (void)open_damaged_at(fixture, good, len, page * 4096 + 3000);
    }
}

static void test_journal_of_a_newer_lapsed_is_refused_and_untouched(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(free_p) char *path = database_path(fixture);
    static const uint8_t newer[4] = {0, 0, 3, 0xe7};
    static const uint8_t ours[4] = {0, 0, 0, SCHEMA_VERSION};
    struct error err = {0};

    fill_and_close(fixture);
    overwrite(path, 60, newer, sizeof(newer)); /* the header's user_version */
    assert_int_equal(loop_new(&fixture->loop, &err), 0);
    assert_int_equal(
        journal_open(fixture->loop, fixture->dir, &fixture->journal, &fixture->damaged, &err),
        -EPROTO);
    assert_non_null(strstr(err.text, "newer lapsed"));
    loop_free(TAKE(fixture->loop));
    overwrite(path, 60, ours, sizeof(ours));
    fixture_open(fixture);
    assert_false(fixture->damaged);
    assert_int_equal(count_frames(fixture, session_1), 1000);
}

static void test_file_moved_away_while_in_use_is_noticed(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(free_p) char *path = database_path(fixture);
    CLEANUP(free_p) char *elsewhere = path_join(fixture->dir, "elsewhere.db");
    struct answers answers = {0};

    assert_int_equal(rename(path, elsewhere), 0);
    journal_put_command(fixture->journal, "a", 1, NULL, on_answer, &answers);
    assert_true(wait_answers(fixture->loop, &answers, 1));
    assert_int_equal(answers.results[0], -ESTALE);
    assert_non_null(strstr(answers.text, "moved or deleted"));
}

/* --- who may use it, and where --- */

static void test_second_opener_is_refused_and_told_the_pid(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(free_p)
    char *expected =
        xasprintf("another lapsed (pid %ld) uses %s; stop it or give this one a data_dir of its "
                  "own",
                  (long)getpid(), fixture->dir);
    struct journal *second = NULL;
    struct error err = {0};
    bool damaged;

    assert_int_equal(journal_open(fixture->loop, fixture->dir, &second, &damaged, &err), -EBUSY);
    assert_null(second);
    assert_string_equal(err.text, expected);
    put_session(fixture, session_1, unit_1); /* the first one was not disturbed */
}

static void *unlock_soon(void *user)
{
    int *fd = user;

    poll(NULL, 0, 100);
    close(*fd);
    return NULL;
}

/* As after a kill, when a child has it a moment longer. */
static void test_lock_that_is_about_to_go_is_waited_for(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(free_p) char *path = path_join(fixture->dir, "lapsed.lock");
    pthread_t thread;
    int fd;

    fixture_close(fixture);
    fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(pthread_create(&thread, NULL, unlock_soon, &fd), 0);
    fixture_open(fixture);
    assert_int_equal(pthread_join(thread, NULL), 0);
    put_session(fixture, session_1, unit_1);
}

static void test_dir_that_is_a_file_is_named(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(free_p) char *path = path_join(fixture->dir, "lapsed.lock");
    struct journal *journal = NULL;
    struct error err = {0};
    bool damaged;

    assert_int_equal(journal_open(fixture->loop, path, &journal, &damaged, &err), -ENOTDIR);
    assert_non_null(strstr(err.text, path));
}

/* A small file system of our own, in a child that may mount. */
static int enter_small_file_system(const char *dir, unsigned long flags)
{
    if (unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return -errno;
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 && errno != EINVAL)
        return -errno;
    return mount("tmpfs", dir, "tmpfs", flags, "size=1m") < 0 ? -errno : 0;
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void fill_disk(const char *path)
{
    static const char block[4096];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    CHECK(fd >= 0);
    while (write(fd, block, sizeof(block)) > 0)
        ;
    close(fd);
}

static void full_disk_child(const char *dir)
{
    CLEANUP(free_p) char *filler = path_join(dir, "filler");
    struct journal_session session = make_session(session_1, unit_1);
    struct answers good = {0}, bad = {0}, again = {0};
    struct journal_frame_totals totals;
    struct journal *journal;
    struct loop *loop;
    bool damaged;

    if (enter_small_file_system(dir, 0) < 0)
        _exit(EXIT_SKIP);
    CHECK(loop_new(&loop, NULL) == 0);
    CHECK(journal_open(loop, dir, &journal, &damaged, NULL) == 0);
    journal_put_session(journal, &session, on_answer, &good);
    CHECK(wait_answers(loop, &good, 1) && good.failures == 0);
    fill_disk(filler);
    for (int64_t seq = 1; seq <= 2000; seq++) {
        struct journal_frame frame = make_frame(session_1, seq);

        journal_add_frame(journal, &frame, on_answer, &bad);
    }
    CHECK(wait_answers(loop, &bad, 2000));
    CHECK(bad.failures > 0 && strstr(bad.text, "the disk is full"));
    CHECK(unlink(filler) == 0);
    for (int64_t seq = 5001; seq <= 5100; seq++) {
        struct journal_frame frame = make_frame(session_1, seq);

        journal_add_frame(journal, &frame, on_answer, &again);
    }
    CHECK(wait_answers(loop, &again, 100) && again.failures == 0);
    CHECK(journal_frame_totals(journal, session_1, "front", &totals, NULL) == 0);
    CHECK(totals.frames == 2000 - bad.failures + 100);
    journal_close(journal);
    loop_free(loop);
    _exit(0);
}

static void read_only_child(const char *dir)
{
    struct journal *journal;
    struct loop *loop;
    struct error err = {0};
    bool damaged;

    if (enter_small_file_system(dir, MS_RDONLY) < 0)
        _exit(EXIT_SKIP);
    CHECK(loop_new(&loop, NULL) == 0);
    CHECK(journal_open(loop, dir, &journal, &damaged, &err) == -EROFS);
    CHECK(strstr(err.text, dir) && strstr(err.text, "Read-only file system"));
    loop_free(loop);
    _exit(0);
}

static void run_child(struct fixture *fixture, void (*body)(const char *dir))
{
    int status;
    pid_t pid;

    fixture_close(fixture);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        body(fixture->dir);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SKIP) {
        print_message("may not mount a file system here: skipped\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static void test_full_disk_fails_the_writers_and_heals(void **state)
{
    run_child(*state, full_disk_child);
}

static void test_read_only_dir_gives_a_clear_error(void **state)
{
    run_child(*state, read_only_child);
}

/* --- speed: said, not judged (beyond "quick") --- */

static int compare_us(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

static void test_one_frame_after_the_other_is_measured(void **state)
{
    enum { COUNT = 200 };
    struct fixture *fixture = *state;
    int64_t took_us[COUNT];

    put_session(fixture, session_1, unit_1);
    for (int i = 0; i < COUNT; i++) {
        int64_t start_us = clock_mono_us();

        add_frames(fixture, session_1, i + 1, i + 1);
        took_us[i] = clock_mono_us() - start_us;
    }
    qsort(took_us, COUNT, sizeof(took_us[0]), compare_us);
    print_message("one frame, insert to done: p50 %lld us, p99 %lld us\n",
                  (long long)took_us[COUNT / 2], (long long)took_us[COUNT * 99 / 100]);
}

static void test_ten_thousand_frames_are_quick(void **state)
{
    struct fixture *fixture = *state;
    CLEANUP(free_p) char *wal = path_join(fixture->dir, "journal.db-wal");
    int64_t start_us = clock_mono_us(), written_us, opened_us;
    struct stat st;

    put_session(fixture, session_1, unit_1);
    add_frames(fixture, session_1, 1, 10000);
    written_us = clock_mono_us();
    assert_int_equal(stat(wal, &st), 0);
    fixture_reopen(fixture);
    opened_us = clock_mono_us();
    assert_int_equal(count_frames(fixture, session_1), 10000);
    print_message("10,000 frames: %lld us, WAL then %lld bytes; close and open again: %lld us\n",
                  (long long)(written_us - start_us), (long long)st.st_size,
                  (long long)(opened_us - written_us));
    assert_true(written_us - start_us < 8 * 1000 * 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_session_comes_back_after_reopening),
        TEST(test_newest_open_session_of_the_unit_is_found),
        TEST(test_update_of_a_session_keeps_its_frames),
        TEST(test_frames_come_back_in_order_with_their_totals),
        TEST(test_deleted_session_takes_its_frames_along),
        TEST(test_video_of_one_path_is_kept_once_and_needs_its_session),
        TEST(test_pause_stays_open_until_it_is_closed),
        TEST(test_lights_that_are_on_are_known_after_a_restart),
        TEST(test_answered_commands_come_back_oldest_first),
        TEST(test_old_commands_are_forgotten),
        TEST(test_units_come_back_oldest_first_until_they_are_deleted),
        TEST(test_topics_are_a_set),
        TEST(test_done_comes_once_in_order_and_never_from_inside_the_call),
        TEST(test_bad_row_fails_alone_in_its_batch),
        TEST(test_close_commits_what_waits_without_calling_done),
        TEST(test_done_may_close_the_journal),
        TEST(test_acknowledged_frames_survive_sigkill),
        TEST(test_truncated_file_is_set_aside),
        TEST(test_empty_file_is_set_aside),
        TEST(test_file_of_zeros_is_set_aside),
        TEST(test_file_that_is_no_database_is_set_aside),
        TEST(test_no_damaged_page_stops_the_start),
        TEST(test_journal_of_a_newer_lapsed_is_refused_and_untouched),
        TEST(test_file_moved_away_while_in_use_is_noticed),
        TEST(test_second_opener_is_refused_and_told_the_pid),
        TEST(test_lock_that_is_about_to_go_is_waited_for),
        TEST(test_dir_that_is_a_file_is_named),
        TEST(test_full_disk_fails_the_writers_and_heals),
        TEST(test_read_only_dir_gives_a_clear_error),
        TEST(test_one_frame_after_the_other_is_measured),
        TEST(test_ten_thousand_frames_are_quick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
