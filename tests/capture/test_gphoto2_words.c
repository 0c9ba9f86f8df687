/* SPDX-License-Identifier: MIT */
/* test_gphoto2_words: what gphoto2 may be told, and what is made of what it says. */
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "capture/camera/gphoto2_config.h"
#include "capture/camera/gphoto2_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void settings_of_the_picture_may_be_set(void **state)
{
    static const char *const pairs[] = {
        "iso=200",
        "shutterspeed=1/60",
        "/main/capturesettings/f-number=f/8",
        "imageformat=RAW + Large Fine JPEG",
        "capturetarget=Memory card",
        "whitebalance=Color Temperature",
        "exposurecompensation=-0.333",
        NULL,
    };

    (void)state;
    for (size_t i = 0; pairs[i]; i++) {
        struct error err = {0};

        if (gphoto2_config_check(pairs[i], &err) < 0)
            fail_msg("%s: %s", pairs[i], err.text);
    }
}

static void anything_else_is_refused_by_name(void **state)
{
    static const char *const pairs[][2] = {
        {"iso", "\"name=value\""},
        {"=200", "\"name=value\""},
        {"iso=", "\"name=value\""},
        {"", "\"name=value\""},
        {"opcode=0x9999", "'opcode' is not among"},
        {"/main/actions/opcode=0x1001", "'/main/actions/opcode' is not among"},
        {"/main/actions/bulb=1", "is not among"},
        {"/main/actions/iso=1", "is not among"},
        {"../iso=1", "is not among"},
        {"iso /main/actions/bulb=1", "is not among"},
        {"artist=me", "is not among"},
        {"isox=1", "is not among"},
        {"is=1", "is not among"},
        {"iso=200\nexit", "letters, digits"},
        {"iso=200;rm", "letters, digits"},
        {"iso=\033[A", "letters, digits"},
        {"iso=$(reboot)", "letters, digits"},
        {"iso=1111111111111111111111111111111111111111111111111111111111111111111", "at most 64"},
        {NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; pairs[i][0]; i++) {
        struct error err = {0};

        assert_int_equal(gphoto2_config_check(pairs[i][0], &err), -EINVAL);
        if (!strstr(err.text, pairs[i][1]))
            fail_msg("%s: %s", pairs[i][0], err.text);
    }
}

static void exposure_time_is_read_from_the_pairs(void **state)
{
    static const struct {
        const char *pair;
        int64_t ms;
    } cases[] = {
        {"shutterspeed=30", 30000},
        {"shutterspeed=1/4", 250},
        {"shutterspeed=2.5s", 2500},
        {"shutterspeed2=0.8", 800},
        {"shutterspeed=bulb", 0},
        {"shutterspeed=1/0", 0},
        {"shutterspeed=-4", 0},
        {"shutterspeed=1e300", 0},
        {"iso=3200", 0},
        {"shutterspeed=", 0},
        {"shutterspeed=nan", 0},
        {"shutterspeed=1/60", 16},
        {"imageformat=shutterspeed", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *item = xstrdup(cases[i].pair);
        struct conf_strings pairs = {&item, 1};

        if (gphoto2_config_exposure_ms(&pairs) != cases[i].ms)
            fail_msg("%s: %lld", item, (long long)gphoto2_config_exposure_ms(&pairs));
        free(item);
    }
}

static void only_usb_ports_are_cameras(void **state)
{
    static const char *const bad[] = {"disk:/",
                                      "ptpip:10.0.0.1",
                                      "serial:/dev/ttyS0",
                                      "usb:",
                                      "usb:1",
                                      "usb:001,",
                                      "usb:,1",
                                      "usb:001,004x",
                                      "usb:0001,4",
                                      "usbscsi:/x",
                                      "usb:001,-04",
                                      "usbdiskdirect:/dev/sda",
                                      "usb:/etc,001",
                                      NULL};
    struct error err = {0};

    (void)state;
    assert_int_equal(gphoto2_port_check("usb:001,004", NULL), 0);
    for (size_t i = 0; bad[i]; i++) {
        assert_int_equal(gphoto2_port_check(bad[i], &err), -EINVAL);
        assert_non_null(strstr(err.text, "usb:BBB,DDD"));
    }
}

/* --- what it says --- */

static void expect_explained(const char *said, int code, const char *words)
{
    struct error err = {0};

    assert_int_equal(gphoto2_explain(said, &err), code);
    if (!strstr(err.text, words))
        fail_msg("'%s' instead of '%s'", err.text, words);
}

static void messages_become_advice(void **state)
{
    (void)state;
    expect_explained(
        "\n*** Error ***              \nAn error occurred in the io-library ('Could not "
        "claim the USB device'): Could not claim interface 0 (Device or resource "
        "busy). Make sure no other program (gvfs-gphoto2-volume-monitor) or kernel "
        "module is using the device",
        -EBUSY, "systemctl --user mask --now gvfs-gphoto2-volume-monitor");
    expect_explained("*** Error: No camera found. ***", -ENODEV, "is it switched on");
    expect_explained("*** Error (-105: 'Unknown model') ***", -EINVAL, "gphoto2 --list-cameras");
    expect_explained("*** Error ***\nnosuch not found in configuration tree.", -EINVAL,
                     "gphoto2 --list-config");
    expect_explained("ERROR: Canon EOS Capture failed to release: Perhaps no focus?", -EIO,
                     "manual focus");
    expect_explained("PTP Store Full", -ENOSPC, "card is full");
    expect_explained("*** Error ***\nPTP I/O Error", -EREMOTEIO, "its cable");
}

static void unknown_messages_are_told_as_they_are(void **state)
{
    (void)state;
    expect_explained("capture-image\n*** Error ***   \n\nSomething \033[1mnew\n", -EIO,
                     "gphoto2: *** Error *** Something [1mnew");
    expect_explained("", -EIO, "does not say why");
}

static void prompt_ends_an_answer(void **state)
{
    static const char start[] = "gphoto2: {/tmp/x} /> ";
    static const char answer[] = "ls\nls\nNo files.\ngphoto2: {/tmp/x} /store/DCIM> ";
    size_t len = 99;

    (void)state;
    assert_true(gphoto2_find_prompt(start, false, &len));
    assert_int_equal(len, 0);
    assert_false(gphoto2_find_prompt(start, true, &len));
    assert_true(gphoto2_find_prompt(answer, true, &len));
    assert_int_equal(len, strlen("ls\nls\nNo files.\n"));
    for (size_t cut = 0; cut < strlen(answer); cut++) {
        CLEANUP(free_p) char *part = xstrndup(answer, cut);

        if (gphoto2_find_prompt(part, true, &len))
            fail_msg("a prompt in '%s'", part);
    }
    assert_false(gphoto2_find_prompt("\r<001/DCIM> \n", true, &len));
}

static void files_on_the_camera_are_read_from_its_words(void **state)
{
    const char *said = "New file is in location /store_1/DCIM/A.JPG on the camera\nSaving\n"
                       "New file is in location /store_1/DCIM/x y.JPG on the camera\n"
                       "New file is in location /store_1/DCIM/A.NEF on the camera\n"
                       "New file is in location /store_1/DCIM/B.JP";
    CLEANUP(free_p) char *first = NULL;
    CLEANUP(free_p) char *second = NULL;
    char *none;

    (void)state;
    assert_true(gphoto2_next_camera_file(&said, &first));
    assert_string_equal(first, "/store_1/DCIM/A.JPG");
    assert_true(gphoto2_next_camera_file(&said, &second));
    assert_string_equal(second, "/store_1/DCIM/A.NEF");
    assert_false(gphoto2_next_camera_file(&said, &none));
    assert_true(gphoto2_same_picture(first, second));
    assert_false(gphoto2_same_picture(first, "/store_1/DCIM/AB.NEF"));
    assert_false(gphoto2_same_picture(first, "/store_2/DCIM/A.NEF"));
}

/* A small generator of our own: the same bytes in every run. */
static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

static void spoil(char *text, size_t len, uint32_t *seed)
{
    static const char bytes[] = "\n\r\b\033>{ /.*JPG\377\001n";

    for (uint32_t i = 0, count = next_random(seed) % 6; i < count; i++)
        text[next_random(seed) % len] = bytes[next_random(seed) % (sizeof(bytes) - 1)];
    if (next_random(seed) % 4 == 0)
        text[next_random(seed) % len] = '\0';
}

static void read_all(const char *said, bool after_command)
{
    struct error err = {0};
    const char *rest = said;
    size_t len = 0;
    char *path;

    if (gphoto2_find_prompt(said, after_command, &len))
        assert_true(len < strlen(said));
    while (gphoto2_next_camera_file(&rest, &path)) {
        assert_int_equal(path[0], '/');
        assert_null(strpbrk(path, " \n\r\t\033;"));
        gphoto2_file_kind(path);
        free(path);
    }
    assert_true(gphoto2_explain(said, &err) < 0);
    assert_null(strpbrk(err.text, "\n\r\033"));
}

static void spoiled_answers_do_no_harm(void **state)
{
    static const char answer[] =
        "capture-image-and-download\ncapture-image-and-download\n"
        "New file is in location /store_00010001/DCIM/101GPHOT/GPH_0101.JPG on the camera\n"
        "Saving file as 2.JPG\n*** Error ***              \nPTP I/O Error\n"
        "ERROR: Could not capture.\ngphoto2: {/tmp/x} /store_00010001/DCIM/101GPHOT> ";
    uint32_t seed = 2026;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        CLEANUP(free_p) char *said = xstrdup(answer);

        spoil(said, strlen(said), &seed);
        read_all(said, i % 2 == 0);
    }
}

static void raw_files_are_known_by_their_names(void **state)
{
    (void)state;
    assert_int_equal(gphoto2_file_kind("1.JPG"), GPHOTO2_JPEG);
    assert_int_equal(gphoto2_file_kind("2.jpeg"), GPHOTO2_JPEG);
    assert_int_equal(gphoto2_file_kind("2.NEF"), GPHOTO2_RAW);
    assert_int_equal(gphoto2_file_kind("2.cr2"), GPHOTO2_RAW);
    assert_int_equal(gphoto2_file_kind("2.MOV"), GPHOTO2_OTHER);
    assert_int_equal(gphoto2_file_kind("tmpfileAbCdEf"), GPHOTO2_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_of_the_picture_may_be_set),
        cmocka_unit_test(anything_else_is_refused_by_name),
        cmocka_unit_test(exposure_time_is_read_from_the_pairs),
        cmocka_unit_test(only_usb_ports_are_cameras),
        cmocka_unit_test(messages_become_advice),
        cmocka_unit_test(unknown_messages_are_told_as_they_are),
        cmocka_unit_test(prompt_ends_an_answer),
        cmocka_unit_test(files_on_the_camera_are_read_from_its_words),
        cmocka_unit_test(spoiled_answers_do_no_harm),
        cmocka_unit_test(raw_files_are_known_by_their_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
