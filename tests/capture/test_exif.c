/* SPDX-License-Identifier: MIT */
/* test_exif: a stored frame says when and by what it was taken and nothing private, exiftool
 * agrees, and no bytes in a picture can do harm. */
#include "capture/exif.h"

#include "agent/base/mem.h"
#include "capture/head.h"
#include "capture/jpeg.h"
#include "tests/capture/pictures.h"
#include "tests/capture/private_exif.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

static char description[] = "mk4, front, frame 7, layer 3";
static char comment[] = "{\"agent\":\"pi01\",\"frame\":7}";
static const struct exif_stamp stamp = {
    .taken_at = 1769860800123, .description = description, .comment = comment};
static const struct exif_stamp keeping = {
    .taken_at = 1769860800123, .description = description, .comment = comment, .keep = true};

/* The file as it would be written. */
static struct picture *stamped(const struct picture *picture, const struct exif_stamp *with)
{
    CLEANUP(head_done) struct jpeg_head head = {0};
    uint8_t *all;
    size_t len;

    head_make(picture, with, &head);
    len = head.len + picture->len - head.skip;
    all = xmalloc(len);
    memcpy(all, head.data ? head.data : all, head.len);
    memcpy(all + head.len, picture->jpeg + head.skip, picture->len - head.skip);
    return picture_new(all, len);
}

static struct picture *plain_picture(void)
{
    size_t len;
    uint8_t *jpeg = picture_make(64, 48, 1, &len);

    return picture_new(jpeg, len);
}

static struct picture *picture_of_segment(int marker, const void *data, size_t data_len)
{
    struct picture *plain = plain_picture();
    size_t len;
    uint8_t *jpeg = picture_with_segment(plain->jpeg, plain->len, marker, data, data_len, &len);

    picture_unref(plain);
    return picture_new(jpeg, len);
}

static bool holds(const struct picture *picture, const char *text)
{
    return memmem(picture->jpeg, picture->len, text, strlen(text)) != NULL;
}

static void assert_whole(const struct picture *picture, int width, int height)
{
    struct jpeg_info info = {0};
    CLEANUP(picture_pixels_done) struct picture_pixels pixels = {0};
    bool damaged = true;

    assert_int_equal(jpeg_check(picture->jpeg, picture->len, &info, NULL), 0);
    assert_int_equal(info.width, width);
    assert_int_equal(info.height, height);
    assert_int_equal(info.len, picture->len);
    assert_int_equal(jpeg_decode(picture->jpeg, picture->len, width, &pixels, &damaged, NULL), 0);
    assert_false(damaged);
}

/* --- the orientation --- */

static void test_orientation_is_found_in_either_byte_order_and_set_upright(void **state)
{
    static const uint8_t intel[] = {'E',  'x',  'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0,
                                    0x12, 0x01, 3,   0,   1, 0, 0,   0,   8,  0, 0, 0, 0, 0, 0, 0};
    uint8_t exif[sizeof(intel)];

    (void)state;
    assert_int_equal(exif_orientation(picture_exif_lying, picture_exif_lying_len), 6);
    assert_int_equal(exif_orientation(intel, sizeof(intel)), 8);
    memcpy(exif, intel, sizeof(intel));
    exif_set_upright(exif, sizeof(exif));
    assert_int_equal(exif_orientation(exif, sizeof(exif)), 1);
    for (size_t i = 0; i < sizeof(exif); i++)
        assert_true(exif[i] == intel[i] || i == 24);
    assert_int_equal(exif_orientation(NULL, 0), 1);
}

/* --- what is written --- */

static void test_a_picture_without_exif_gets_ours_and_stays_the_same_picture(void **state)
{
    struct picture *picture = plain_picture();
    struct picture *file = stamped(picture, &stamp);

    (void)state;
    assert_whole(file, 64, 48);
    assert_true(holds(file, "lapsed " LAPSED_VERSION));
    assert_true(holds(file, description));
    assert_true(holds(file, comment));
    assert_in_range(file->len - picture->len, 250, 600);
    picture_unref(file);
    picture_unref(picture);
}

static void test_how_it_was_exposed_stays_and_what_is_private_goes(void **state)
{
    struct picture *picture = picture_of_segment(0xE1, private_exif, sizeof(private_exif));
    struct picture *file = stamped(picture, &stamp);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(private_texts); i++) {
        assert_true(holds(picture, private_texts[i]));
        assert_false(holds(file, private_texts[i]));
    }
    assert_true(holds(file, "ACME"));
    assert_true(holds(file, "Eye 9"));
    assert_whole(file, 64, 48);
    picture_unref(file);
    picture_unref(picture);
}

static void test_other_private_segments_go_and_those_of_the_decoder_stay(void **state)
{
    static const struct {
        int marker;
        const char *text;
        bool stays;
    } segments[] = {
        {0xE1, "http://ns.adobe.com/xap/1.0/ owner", false},
        {0xED, "Photoshop 3.0 byline", false},
        {0xFE, "taken by me", false},
        {0xE2, "MPF preview", false},
        {0xE7, "maker's own", false},
        {0xE2, "ICC_PROFILE\0profile", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(segments); i++) {
        struct picture *picture =
            picture_of_segment(segments[i].marker, segments[i].text, strlen(segments[i].text) + 1);
        struct picture *file = stamped(picture, &stamp);
        struct picture *kept = stamped(picture, &keeping);

        assert_int_equal(holds(file, segments[i].text), segments[i].stays);
        assert_true(holds(kept, segments[i].text));
        assert_true(holds(kept, comment));
        assert_whole(file, 64, 48);
        assert_whole(kept, 64, 48);
        picture_unref(kept);
        picture_unref(file);
        picture_unref(picture);
    }
}

static void test_what_is_to_be_kept_is_kept_byte_by_byte(void **state)
{
    struct picture *picture = picture_of_segment(0xE1, private_exif, sizeof(private_exif));
    struct picture *file = stamped(picture, &keeping);

    (void)state;
    assert_int_equal(file->len, picture->len);
    assert_memory_equal(file->jpeg, picture->jpeg, picture->len);
    picture_unref(file);
    picture_unref(picture);
}

static void test_very_long_words_are_cut(void **state)
{
    CLEANUP(free_p) char *endless = xcalloc(100001, 1);
    struct exif_stamp wordy = {.taken_at = 1, .description = endless, .comment = endless};
    struct picture *picture = plain_picture();
    struct picture *file;

    (void)state;
    memset(endless, 'x', 100000);
    file = stamped(picture, &wordy);
    assert_whole(file, 64, 48);
    assert_true(file->len < picture->len + 4096);
    picture_unref(file);
    picture_unref(picture);
}

/* --- harm --- */

static void do_all(const uint8_t *exif, size_t len)
{
    CLEANUP(free_p) uint8_t *copy = xmemdup(exif, len);
    CLEANUP(free_p) uint8_t *made = NULL;
    size_t made_len = 0;

    assert_in_range(exif_orientation(copy, len), 1, 8);
    made = exif_make(copy, len, &stamp, &made_len);
    assert_true(made_len > 0 && made_len < 16384);
    assert_int_equal(exif_orientation(made, made_len), 1);
    exif_set_upright(copy, len);
}

static void test_no_change_of_any_byte_does_harm(void **state)
{
    uint8_t exif[sizeof(private_exif)];
    uint32_t noise = 1;

    (void)state;
    for (size_t i = 0; i < sizeof(exif); i++) {
        static const uint8_t values[] = {0, 1, 0x7F, 0x80, 0xFF};

        memcpy(exif, private_exif, sizeof(exif));
        for (size_t v = 0; v < ARRAY_LEN(values); v++) {
            exif[i] = values[v];
            do_all(exif, sizeof(exif));
        }
    }
    for (int round = 0; round < 2000; round++) {
        memcpy(exif, private_exif, sizeof(exif));
        for (int i = 0; i < 8; i++) {
            noise = noise * 1664525u + 1013904223u;
            exif[6 + noise / 256 % (sizeof(exif) - 6)] = (uint8_t)(noise >> 24);
        }
        do_all(exif, sizeof(exif));
    }
}

static void test_no_cut_does_harm(void **state)
{
    (void)state;
    for (size_t len = 1; len < sizeof(private_exif); len++)
        do_all(private_exif, len);
}

/* Whatever passes as a picture passes with its new head, too. */
static void test_a_damaged_head_is_written_anew_as_well(void **state)
{
    struct picture *picture = picture_of_segment(0xE1, private_exif, sizeof(private_exif));
    struct jpeg_info before, after;
    uint32_t noise = 7;
    int passed = 0;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct picture *other = picture_new(xmemdup(picture->jpeg, picture->len), picture->len);
        struct picture *file;

        for (int i = 0; i < 1 + round % 3; i++) {
            noise = noise * 1664525u + 1013904223u;
            other->jpeg[2 + noise / 256 % 1400] = (uint8_t)(noise >> 24);
        }
        if (jpeg_check(other->jpeg, other->len, &before, NULL) == 0) {
            passed++;
            file = stamped(other, &stamp);
            assert_int_equal(jpeg_check(file->jpeg, file->len, &after, NULL), 0);
            assert_int_equal(after.width, before.width);
            assert_int_equal(after.height, before.height);
            picture_unref(file);
        }
        picture_unref(other);
    }
    assert_true(passed > 500);
    picture_unref(picture);
}

/* Thousands of entries that all point at the same 60 KB. */
static void test_a_bomb_stays_small(void **state)
{
    enum { LEN = 65533, ENTRIES = 5000 };
    CLEANUP(free_p) uint8_t *bomb = xcalloc(LEN, 1);
    uint8_t *at = bomb + 16;

    (void)state;
    memcpy(bomb, "Exif\0\0II*\0\x08\0\0\0", 14);
    bomb[14] = ENTRIES & 0xFF;
    bomb[15] = ENTRIES >> 8;
    for (int i = 0; i < ENTRIES; i++, at += 12) {
        const uint8_t entry[] = {(uint8_t)i, 0x01, 2, 0, 0x60, 0xEA, 0, 0, 8, 0, 0, 0};

        memcpy(at, entry, sizeof(entry));
    }
    do_all(bomb, LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orientation_is_found_in_either_byte_order_and_set_upright),
        cmocka_unit_test(test_a_picture_without_exif_gets_ours_and_stays_the_same_picture),
        cmocka_unit_test(test_how_it_was_exposed_stays_and_what_is_private_goes),
        cmocka_unit_test(test_other_private_segments_go_and_those_of_the_decoder_stay),
        cmocka_unit_test(test_what_is_to_be_kept_is_kept_byte_by_byte),
        cmocka_unit_test(test_very_long_words_are_cut),
        cmocka_unit_test(test_no_change_of_any_byte_does_harm),
        cmocka_unit_test(test_no_cut_does_harm),
        cmocka_unit_test(test_a_damaged_head_is_written_anew_as_well),
        cmocka_unit_test(test_a_bomb_stays_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
