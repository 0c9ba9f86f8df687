/* SPDX-License-Identifier: MIT */
/* test_mp4: the growing file as a real player sees it, and every way in which a crash can leave it.
 */
#include "encode/mp4.h"

#include "agent/base/mem.h"
#include "tests/encode/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct movie_timing timing_25 = {.fps_num = 25, .fps_den = 1};

struct fixture {
    char *dir, *growing, *final, *ledger;
    struct mp4 *mp4;
    struct h264_stream five, three; /* segments of real frames */
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));

    f->dir = rig_dir_make();
    f->growing = xasprintf("%s/v.growing.mp4", f->dir);
    f->final = xasprintf("%s/v.mp4", f->dir);
    f->ledger = xasprintf("%s/v.idx", f->dir);
    rig_make_h264(5, "4.2", &f->five);
    rig_make_h264(3, "4.2", &f->three);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    mp4_close(f->mp4);
    h264_stream_done(&f->five);
    h264_stream_done(&f->three);
    rig_dir_remove(f->dir);
    free(f->growing);
    free(f->final);
    free(f->ledger);
    free(f);
    return 0;
}

static void reopen(struct fixture *f)
{
    struct error err = {0};

    mp4_close(TAKE(f->mp4));
    if (mp4_open(f->dir, "v", &timing_25, &f->mp4, &err) < 0)
        fail_msg("%s", err.text);
}

static void append(struct fixture *f, const struct h264_stream *stream)
{
    struct error err = {0};

    if (mp4_append(f->mp4, stream, RIG_WIDTH, RIG_HEIGHT, &timing_25, &err) < 0)
        fail_msg("%s", err.text);
}

static void commit(struct fixture *f, int64_t last_seq)
{
    assert_int_equal(mp4_commit(f->mp4, 0, last_seq, 0, NULL), 0);
}

static struct mp4_state state_of(const struct fixture *f)
{
    struct mp4_state state;

    mp4_get_state(f->mp4, &state);
    return state;
}

static void finish(struct fixture *f, const struct movie_timing *timing)
{
    struct error err = {0};

    if (mp4_finish(f->mp4, timing, &err) < 0)
        fail_msg("%s", err.text);
}

static void assert_plays(const char *path, int frames)
{
    assert_int_equal(rig_count_frames(path), frames);
    assert_true(rig_decodes(path));
}

static void every_checkpoint_decodes(void **state)
{
    struct fixture *f = *state;

    reopen(f);
    for (int round = 1; round <= 4; round++) {
        append(f, &f->five);
        assert_plays(f->growing, round * 5);
        commit(f, round * 5);
    }
    finish(f, &timing_25);
    assert_int_equal(rig_size(f->growing), -1);
    assert_plays(f->final, 20);
    assert_true(rig_duration_s(f->final) > 0.7999 && rig_duration_s(f->final) < 0.8001);
}

static void a_rollback_leaves_what_was_committed(void **state)
{
    struct fixture *f = *state;

    reopen(f);
    append(f, &f->three);
    mp4_rollback(f->mp4, &timing_25); /* of the very first one */
    append(f, &f->five);
    commit(f, 5);
    append(f, &f->three);
    mp4_rollback(f->mp4, &timing_25);
    assert_int_equal(state_of(f).frames, 5);
    assert_plays(f->growing, 5);
    append(f, &f->three);
    commit(f, 8);
    finish(f, &timing_25);
    assert_plays(f->final, 8);
}

static void what_was_not_committed_is_gone_after_a_crash(void **state)
{
    struct fixture *f = *state;

    reopen(f);
    append(f, &f->five);
    commit(f, 7);
    append(f, &f->three);
    reopen(f);
    assert_int_equal(state_of(f).frames, 5);
    assert_int_equal(state_of(f).last_seq, 7);
    assert_int_equal(state_of(f).width, RIG_WIDTH);
    assert_plays(f->growing, 5);
}

static void write_files(const struct fixture *f, const struct buf *video, size_t video_len,
                        const struct buf *ledger, size_t ledger_len)
{
    rig_write(f->growing, video->data, video_len);
    rig_write(f->ledger, ledger->data, ledger_len);
}

/* Fake pictures: here the tables count, not the pixels. */
static void make_fake(struct h264_stream *stream, uint32_t bytes, int samples)
{
    static const uint8_t sps[] = {0x67, 100, 0, 42, 1}, pps[] = {0x68, 1, 2, 3};

    *stream = (struct h264_stream){.data = BUF_INIT(64 << 20),
                                   .sps = xmemdup(sps, sizeof(sps)),
                                   .pps = xmemdup(pps, sizeof(pps)),
                                   .sps_len = sizeof(sps),
                                   .pps_len = sizeof(pps)};
    stream->samples = xcalloc((size_t)samples, sizeof(*stream->samples));
    for (int i = 0; i < samples; i++) {
        uint8_t *room = buf_reserve(&stream->data, bytes);

        memset(room, i, bytes);
        buf_commit(&stream->data, bytes);
        stream->samples[stream->sample_count++] =
            (struct h264_sample){.bytes = bytes, .key = i == 0};
    }
}

static void a_ledger_cut_at_every_byte_keeps_whole_segments(void **state)
{
    struct fixture *f = *state;
    CLEANUP(buf_done) struct buf video = BUF_INIT(8 << 20), ledger = BUF_INIT(1 << 20);
    struct h264_stream fake;
    size_t before;

    make_fake(&fake, 9, 4);
    reopen(f);
    append(f, &fake);
    commit(f, 4);
    before = (size_t)rig_size(f->ledger);
    append(f, &fake);
    commit(f, 8);
    mp4_close(TAKE(f->mp4));
    rig_read(f->growing, &video);
    rig_read(f->ledger, &ledger);
    for (size_t len = before; len <= ledger.len; len++) {
        bool whole = len == ledger.len;

        write_files(f, &video, video.len, &ledger, len);
        reopen(f);
        assert_int_equal(state_of(f).frames, whole ? 8 : 4);
        assert_int_equal(state_of(f).last_seq, whole ? 8 : 4);
        assert_int_equal(rig_size(f->ledger), whole ? ledger.len : before);
        assert_int_equal(movie_check(f->growing, whole ? 8 : 4, whole ? 0.32 : 0.16, NULL), 0);
        mp4_close(TAKE(f->mp4));
    }
    h264_stream_done(&fake);
}

static void a_video_cut_at_every_byte_of_its_tail_keeps_whole_segments(void **state)
{
    struct fixture *f = *state;
    CLEANUP(buf_done) struct buf video = BUF_INIT(8 << 20), ledger = BUF_INIT(1 << 20);
    struct h264_stream fake;

    make_fake(&fake, 9, 4);
    reopen(f);
    append(f, &fake);
    commit(f, 4);
    append(f, &fake);
    commit(f, 8);
    mp4_close(TAKE(f->mp4));
    rig_read(f->growing, &video);
    rig_read(f->ledger, &ledger);
    for (size_t cut = 0; cut <= fake.data.len; cut++) {
        int frames = cut == 0 ? 8 : 4;

        write_files(f, &video, video.len - cut, &ledger, ledger.len);
        reopen(f);
        assert_int_equal(state_of(f).frames, frames);
        assert_int_equal(movie_check(f->growing, frames, frames / 25.0, NULL), 0);
        append(f, &fake); /* and it goes on from there */
        commit(f, 12);
        assert_int_equal(movie_check(f->growing, frames + 4, (frames + 4) / 25.0, NULL), 0);
        mp4_close(TAKE(f->mp4));
    }
    h264_stream_done(&fake);
}

static void a_damaged_byte_in_the_ledger_never_gives_a_wrong_video(void **state)
{
    struct fixture *f = *state;
    CLEANUP(buf_done) struct buf video = BUF_INIT(8 << 20), ledger = BUF_INIT(1 << 20);
    struct h264_stream fake;

    make_fake(&fake, 9, 2);
    reopen(f);
    append(f, &fake);
    commit(f, 2);
    mp4_close(TAKE(f->mp4));
    rig_read(f->growing, &video);
    rig_read(f->ledger, &ledger);
    for (size_t at = 8; at < ledger.len; at++) {
        ledger.data[at] ^= 0x10;
        write_files(f, &video, video.len, &ledger, ledger.len);
        reopen(f);
        assert_int_equal(state_of(f).frames, 0);
        mp4_close(TAKE(f->mp4));
        ledger.data[at] ^= 0x10;
    }
    h264_stream_done(&fake);
}

static void torn_tables_heal_at_opening(void **state)
{
    struct fixture *f = *state;
    CLEANUP(buf_done) struct buf video = BUF_INIT(8 << 20);

    reopen(f);
    append(f, &f->five);
    commit(f, 5);
    append(f, &f->three);
    commit(f, 8);
    mp4_close(TAKE(f->mp4));
    rig_read(f->growing, &video);
    memset(video.data + 32, 0xa5, 128 * 1024); /* front, both slots */
    rig_write(f->growing, video.data, video.len);
    assert_int_equal(rig_count_frames(f->growing), -1);
    reopen(f);
    assert_plays(f->growing, 8);
}

/* The hidden slot may be half written at any moment: nobody looks there. */
static void a_half_written_hidden_table_is_not_seen(void **state)
{
    struct fixture *f = *state;
    CLEANUP(buf_done) struct buf video = BUF_INIT(8 << 20);

    reopen(f);
    for (int round = 1; round <= 2; round++) {
        bool shows_a = round == 1;

        append(f, &f->five);
        commit(f, round * 5);
        rig_read(f->growing, &video);
        memset(video.data + (shows_a ? 40 + 64 * 1024 : 40), 0xa5, 3000);
        rig_write(f->final, video.data, video.len);
        assert_plays(f->final, round * 5);
    }
}

static void another_encoder_gets_a_sample_entry_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct h264_stream other;

    rig_make_h264(4, "5.1", &other);
    assert_true(other.sps_len != f->five.sps_len ||
                memcmp(other.sps, f->five.sps, other.sps_len) != 0);
    reopen(f);
    append(f, &f->five);
    commit(f, 5);
    append(f, &other);
    commit(f, 9);
    append(f, &f->three);
    commit(f, 12);
    reopen(f);
    finish(f, &timing_25);
    assert_plays(f->final, 12);
    h264_stream_done(&other);
}

static void the_held_last_frame_is_a_number(void **state)
{
    struct fixture *f = *state;
    double duration_s;

    reopen(f);
    append(f, &f->five);
    commit(f, 5);
    finish(f, &(struct movie_timing){.fps_num = 5, .fps_den = 7, .hold_s = 2.5});
    duration_s = rig_duration_s(f->final);
    assert_true(duration_s > 9.4999 && duration_s < 9.5001);
    assert_plays(f->final, 5);
}

static void a_finished_video_is_found_again_with_its_ledger(void **state)
{
    struct fixture *f = *state;

    reopen(f);
    append(f, &f->five);
    commit(f, 5);
    finish(f, &timing_25);
    reopen(f);
    assert_int_equal(state_of(f).frames, 5);
    append(f, &f->three);
    commit(f, 8);
    finish(f, &timing_25);
    assert_plays(f->final, 8);
}

static void a_video_without_ledger_is_set_aside(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *lost = xasprintf("%s/v.lost-1.mp4", f->dir);

    reopen(f);
    append(f, &f->five);
    commit(f, 5);
    mp4_close(TAKE(f->mp4));
    assert_int_equal(unlink(f->ledger), 0);
    reopen(f);
    assert_int_equal(state_of(f).frames, 0);
    assert_plays(lost, 5);
}

static void a_copy_is_finished_while_the_file_grows_on(void **state)
{
    struct fixture *f = *state;
    CLEANUP(free_p) char *copy = xasprintf("%s/copy.mp4", f->dir);
    atomic_bool cancel = false;
    struct movie_timing slow = {.fps_num = 1, .fps_den = 1};

    reopen(f);
    append(f, &f->five);
    commit(f, 5);
    assert_int_equal(mp4_copy(f->mp4, &slow, copy, &cancel, NULL), 0);
    append(f, &f->three);
    commit(f, 8);
    assert_plays(copy, 5);
    assert_true(rig_duration_s(copy) > 4.999 && rig_duration_s(copy) < 5.001);
    assert_plays(f->growing, 8);
    atomic_store(&cancel, true);
    assert_int_equal(mp4_copy(f->mp4, &slow, copy, &cancel, NULL), -ECANCELED);
    assert_plays(copy, 5);
}

/* 20,000 frames do not fit into the first slots. */
static void tables_move_when_they_outgrow_their_slot(void **state)
{
    struct fixture *f = *state;
    struct h264_stream fake;

    make_fake(&fake, 5, 2000);
    reopen(f);
    for (int round = 1; round <= 10; round++) {
        append(f, &fake);
        assert_int_equal(movie_check(f->growing, round * 2000, round * 80.0, NULL), 0);
        if (round == 8 || round == 9) { /* the growth itself may be rolled back and repeated */
            mp4_rollback(f->mp4, &timing_25);
            assert_int_equal(movie_check(f->growing, (round - 1) * 2000, (round - 1) * 80.0, NULL),
                             0);
            append(f, &fake);
        }
        commit(f, round * 2000);
        reopen(f);
        assert_int_equal(state_of(f).frames, round * 2000);
        assert_int_equal(movie_check(f->growing, round * 2000, round * 80.0, NULL), 0);
    }
    finish(f, &timing_25);
    assert_int_equal(movie_check(f->final, 20000, 800, NULL), 0);
    h264_stream_done(&fake);
}

static void a_stretch_of_dropped_frames_counts_without_a_picture(void **state)
{
    struct fixture *f = *state;

    reopen(f);
    assert_int_equal(mp4_commit(f->mp4, 1, 2, 2, NULL), 0);
    append(f, &f->five);
    commit(f, 7);
    assert_int_equal(mp4_commit(f->mp4, 8, 9, 2, NULL), 0);
    reopen(f);
    assert_int_equal(state_of(f).dropped, 4);
    assert_int_equal(state_of(f).last_seq, 9);
    assert_plays(f->growing, 5);
}

static void a_file_has_one_holder(void **state)
{
    struct fixture *f = *state;
    struct mp4 *other = NULL;
    struct error err = {0};

    reopen(f);
    assert_int_equal(mp4_open(f->dir, "v", &timing_25, &other, &err), -EBUSY);
    assert_non_null(strstr(err.text, "in use"));
    append(f, &f->five);
    commit(f, 5);
    reopen(f);
    assert_int_equal(state_of(f).frames, 5);
}

static void the_check_finds_what_does_not_fit(void **state)
{
    struct fixture *f = *state;

    reopen(f);
    append(f, &f->five);
    commit(f, 5);
    finish(f, &timing_25);
    assert_int_equal(movie_check(f->final, 5, 0.2, NULL), 0);
    assert_int_equal(movie_check(f->final, 6, 0.2, NULL), -EBADMSG);
    assert_int_equal(movie_check(f->final, 5, 0.21, NULL), -EBADMSG);
    assert_int_equal(truncate(f->final, rig_size(f->final) - 1), 0);
    assert_int_equal(movie_check(f->final, 5, 0.2, NULL), -EBADMSG);
}

#define MP4_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MP4_TEST(every_checkpoint_decodes),
        MP4_TEST(a_rollback_leaves_what_was_committed),
        MP4_TEST(what_was_not_committed_is_gone_after_a_crash),
        MP4_TEST(a_ledger_cut_at_every_byte_keeps_whole_segments),
        MP4_TEST(a_video_cut_at_every_byte_of_its_tail_keeps_whole_segments),
        MP4_TEST(a_damaged_byte_in_the_ledger_never_gives_a_wrong_video),
        MP4_TEST(torn_tables_heal_at_opening),
        MP4_TEST(a_half_written_hidden_table_is_not_seen),
        MP4_TEST(another_encoder_gets_a_sample_entry_of_its_own),
        MP4_TEST(the_held_last_frame_is_a_number),
        MP4_TEST(a_finished_video_is_found_again_with_its_ledger),
        MP4_TEST(a_video_without_ledger_is_set_aside),
        MP4_TEST(a_copy_is_finished_while_the_file_grows_on),
        MP4_TEST(tables_move_when_they_outgrow_their_slot),
        MP4_TEST(a_stretch_of_dropped_frames_counts_without_a_picture),
        MP4_TEST(a_file_has_one_holder),
        MP4_TEST(the_check_finds_what_does_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
