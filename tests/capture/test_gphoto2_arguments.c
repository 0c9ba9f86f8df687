/* SPDX-License-Identifier: MIT */
/* test_gphoto2_arguments: what somebody who is not trusted can have gphoto2 do, and what not. */
#include "capture/camera/gphoto2_arguments.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "capture/camera/gphoto2_line.h"
#include "capture/camera/gphoto2_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE "/srv/pictures"

enum { JOINED_MAX = 8192, MUTATIONS = 30000 };

static char *added[] = {(char[]){"--list-files"},       (char[]){"--folder"},
                        (char[]){"--get-file"},         (char[]){"--force-overwrite"},
                        (char[]){"--capture-movie"},    (char[]){"--set-config ownername"},
                        (char[]){"--set-config artist"}};
static const struct conf_strings wide = {.items = added, .count = ARRAY_LEN(added)};
static const struct conf_strings none = {0};

static int make(const char *line, const struct gphoto2_rules *rules, struct gphoto2_arguments *ret,
                struct error *err)
{
    CLEANUP(program_args_done) struct program_args words = {0};
    int rc = gphoto2_line_split(line, &words, err);

    if (rc < 0)
        return rc;
    return gphoto2_arguments_make((const char *const *)words.items, words.count, rules, ret, err);
}

static char *joined(const struct gphoto2_arguments *arguments)
{
    CLEANUP(buf_done) struct buf text = BUF_INIT(JOINED_MAX);

    for (size_t i = 0; i < arguments->args.count; i++)
        assert_int_equal(buf_printf(&text, "%s%s", i > 0 ? " " : "", arguments->args.items[i]), 0);
    return xstrdup(buf_text(&text));
}

/* --- the corpus --- */

struct accepted {
    const char *line;
    const char *given;    /* what gphoto2 gets */
    const char *filename; /* what is ours */
};

static const struct accepted accepted[] = {
    /* POCS and its users */
    {"--auto-detect", "--auto-detect", NULL},
    {"--capture-image-and-download --filename test_image_01.cr2", "--capture-image-and-download",
     "test_image_01.cr2"},
    {"--port usb:001,007 --get-config serialnumber", "--get-config=serialnumber", NULL},
    {"--port usb:001,007 --set-config-index shutterspeed=0 --set-config iso=100 "
     "--set-config-index eosremoterelease=2 --wait-event=120s --set-config-index "
     "eosremoterelease=4 --wait-event-and-download=1s --filename "
     "/var/panoptes/images/Cam00/20200815T111213.cr2",
     "--set-config-index=shutterspeed=0 --set-config=iso=100 --set-config-index=eosremoterelease=2 "
     "--wait-event=120s --set-config-index=eosremoterelease=4 --wait-event-and-download=1s",
     "var/panoptes/images/Cam00/20200815T111213.cr2"},
    {"--set-config-index /main/capturesettings/autoexposuremode=3 --set-config-index "
     "/main/imgsettings/imageformat=9 --set-config-index /main/settings/capturetarget=0",
     "--set-config-index=/main/capturesettings/autoexposuremode=3 "
     "--set-config-index=/main/imgsettings/imageformat=9 "
     "--set-config-index=/main/settings/capturetarget=0",
     NULL},
    {"--get-config d402", "--get-config=d402", NULL},
    {"--list-all-config", "--list-all-config", NULL},
    {"--filename %Y%m%dT%H%M%S.%C --capture-tethered=30s", "--capture-tethered=30s",
     "%Y%m%dT%H%M%S.%C"},
    /* forms of one and the same */
    {"--filename=x.jpg --capture-image-and-download", "--capture-image-and-download", "x.jpg"},
    {"  --summary\t\n", "--summary", NULL},
    {"'--summary'", "--summary", NULL},
    {"--sum\"mary\"", "--summary", NULL},
    {"--set-config 'whitebalance=Custom White 1'", "--set-config=whitebalance=Custom White 1",
     NULL},
    {"--set-config whitebalance=\"Tungsten\"", "--set-config=whitebalance=Tungsten", NULL},
    {"--set-config-value whitebalance=Cool\\ White", "--set-config-value=whitebalance=Cool White",
     NULL},
    {"-a", "--abilities", NULL},
    {"-v", "--version", NULL},
    {"-q --get-config iso", "--quiet --get-config=iso", NULL},
    {"-F 3 -I 5 --capture-image", "--frames=3 --interval=5 --capture-image", NULL},
    {"-F=3 -I=5 --capture-image", "--frames=3 --interval=5 --capture-image", NULL},
    {"-B 30 --capture-image-and-download", "--bulb=30 --capture-image-and-download", NULL},
    {"--wait-event 5s", "--wait-event=5s", NULL},
    {"--wait-event=500ms", "--wait-event=500ms", NULL},
    {"--wait-event=3", "--wait-event=3", NULL},
    {"--wait-event-and-download=2f --keep", "--wait-event-and-download=2f --keep", NULL},
    {"--capture-image-and-download --keep-raw --filename a.jpg",
     "--capture-image-and-download --keep-raw", "a.jpg"},
    {"--capture-preview --filename look.jpg", "--capture-preview", "look.jpg"},
    {"--trigger-capture --wait-event-and-download=5s --no-keep",
     "--trigger-capture --wait-event-and-download=5s --no-keep", NULL},
    {"--storage-info --about --manual", "--storage-info --about --manual", NULL},
    {"--list-cameras --parsable", "--list-cameras --parsable", NULL},
    {"--list-ports", "--list-ports", NULL},
    {"--help", "--help", NULL},
    {"--list-config", "--list-config", NULL},
    {"--set-config exposurecompensation=-1.3", "--set-config=exposurecompensation=-1.3", NULL},
    {"--set-config f-number=f/8", "--set-config=f-number=f/8", NULL},
    {"--set-config shutterspeed=1/60", "--set-config=shutterspeed=1/60", NULL},
    {"--set-config imageformat='RAW + Large Fine JPEG'",
     "--set-config=imageformat=RAW + Large Fine JPEG", NULL},
    {"--set-config /main/actions/eosremoterelease=2",
     "--set-config=/main/actions/eosremoterelease=2", NULL},
    /* names of files */
    {"--capture-image-and-download --filename /etc/a.cr2", "--capture-image-and-download",
     "etc/a.cr2"},
    {"--capture-image-and-download --filename ../../a.cr2", "--capture-image-and-download",
     "a.cr2"},
    {"--capture-image-and-download --filename " BASE "/m31/a.cr2", "--capture-image-and-download",
     "m31/a.cr2"},
    {"--capture-image-and-download --filename " BASE "/../../etc/passwd",
     "--capture-image-and-download", "etc/passwd"},
    {"--capture-image-and-download --filename " BASE "x/a.cr2", "--capture-image-and-download",
     "srv/picturesx/a.cr2"},
    {"--capture-image-and-download --filename ./a//b/./c.jpg", "--capture-image-and-download",
     "a/b/c.jpg"},
    {"--capture-image-and-download --filename a/b/../../../../c.jpg",
     "--capture-image-and-download", "c.jpg"},
    {"--capture-image-and-download --filename 'two words.jpg'", "--capture-image-and-download",
     "two words.jpg"},
    {"--capture-image-and-download --filename K\xc3\xa4"
     "fer.jpg",
     "--capture-image-and-download",
     "K\xc3\xa4"
     "fer.jpg"},
    {"--capture-image-and-download --filename %03n.%C --filenumber 7",
     "--capture-image-and-download", "%03n.%C"},
    {"--capture-image-and-download --filename 100%%.jpg", "--capture-image-and-download",
     "100%%.jpg"},
};

static void
what_is_allowed_reaches_gphoto2_in_one_form_and_the_name_of_the_file_does_not(void **state)
{
    const struct gphoto2_rules rules = {.base_dir = BASE, .allow = &none};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct gphoto2_arguments got;
        CLEANUP(free_p) char *given = NULL;
        struct error err = {0};
        int rc = make(accepted[i].line, &rules, &got, &err);

        if (rc < 0)
            fail_msg("%s: %s", accepted[i].line, err.text);
        given = joined(&got);
        assert_string_equal(given, accepted[i].given);
        if (accepted[i].filename)
            assert_string_equal(got.filename, accepted[i].filename);
        else
            assert_null(got.filename);
        gphoto2_arguments_done(&got);
    }
}

struct refused {
    const char *line;
    int rc;
    const char *says; /* among other things */
};

static const struct refused refused[] = {
    /* runs programs, writes, reads, erases */
    {"--hook-script /tmp/x.sh", -EPERM, "--hook-script is never allowed: it runs a program"},
    {"--hook-script=/tmp/x.sh --capture-image", -EPERM, "--hook-script"},
    {"--capture-image --hook-script /tmp/x.sh", -EPERM, "--hook-script"},
    {"'--hook-script=/tmp/x'", -EPERM, "--hook-script"},
    {"--hook\\-script /tmp/x", -EPERM, "--hook-script"},
    {"\"--hook-\"'script' x", -EPERM, "--hook-script"},
    {"--shell", -EPERM, "--shell"},
    {"--config", -EPERM, "--config"},
    {"--debug-logfile=/etc/passwd", -EPERM, "--debug-logfile"},
    {"--debug --debug-logfile=/etc/passwd", -EPERM, "--debug"},
    {"--upload-file /etc/shadow", -EPERM, "--upload-file"},
    {"-u /etc/shadow", -EPERM, "--upload-file"},
    {"--upload-metadata /etc/shadow", -EPERM, "--upload-metadata"},
    {"--delete-file 1", -EPERM, "--delete-file"},
    {"-d 1", -EPERM, "--delete-file"},
    {"--delete-all-files", -EPERM, "--delete-all-files"},
    {"-D", -EPERM, "--delete-all-files"},
    {"--mkdir x", -EPERM, "--mkdir"},
    {"-m x", -EPERM, "--mkdir"},
    {"--rmdir x", -EPERM, "--rmdir"},
    {"-r x", -EPERM, "--rmdir"},
    {"--get-all-files", -EPERM, "--get-all-files"},
    {"-P", -EPERM, "--get-all-files"},
    {"--get-all-raw-data", -EPERM, "--get-all-raw-data"},
    {"--stdout --capture-image-and-download", -EPERM, "--stdout"},
    {"--skip-existing --capture-image-and-download", -EPERM, "--skip-existing"},
    {"--reset", -EPERM, "--reset"},
    {"--usbid 0x1:0x2=0x3:0x4", -EPERM, "--usbid"},
    {"--camera 'Nikon D750'", -EPERM, "--camera"},
    {"--speed 9600", -EPERM, "--speed"},
    /* where it connects to */
    {"--port ptpip:192.168.1.1 --summary", -EPERM, "--port ptpip:192.168.1.1: only usb:BUS,DEVICE"},
    {"--port disk:/etc --summary", -EPERM, "--port disk:/etc"},
    {"--port serial:/dev/ttyS0", -EPERM, "--port"},
    {"--port usbscsi:/dev/sda", -EPERM, "--port"},
    {"--port usbdiskdirect:/dev/sda", -EPERM, "--port"},
    {"--port usb:", -EPERM, "--port"},
    {"--port usb:001,007x", -EPERM, "--port"},
    {"--port usb:0001,007", -EPERM, "--port"},
    {"--port 'usb:001,007 disk:/'", -EPERM, "--port"},
    /* what the configuration could add */
    {"--list-files", -EPERM, "gphoto2_allow = [ \"--list-files\" ]"},
    {"-L", -EPERM, "--list-files"},
    {"--folder /x", -EPERM, "--folder"},
    {"--get-file 1", -EPERM, "--get-file"},
    {"--capture-movie=5s", -EPERM, "--capture-movie"},
    {"--capture-image-and-download --force-overwrite", -EPERM, "--force-overwrite"},
    {"--set-config ownername=me", -EPERM, "gphoto2_allow = [ \"--set-config ownername\" ]"},
    {"--set-config-value /main/settings/artist=\"Project PANOPTES\"", -EPERM, "artist"},
    /* settings of the camera */
    {"--set-config opcode=0x1001", -EPERM, "'opcode' is never set: it sends raw"},
    {"--set-config /main/actions/opcode=0x1001", -EPERM, "opcode' is never set"},
    {"--set-config-value /main/actions/syncdatetime=1", -EPERM, "syncdatetime' is never set"},
    {"--set-config /main/actions/viewfinder=1", -EPERM, "is not among the settings"},
    {"--set-config isoo=100", -EPERM, "did you mean 'iso'?"},
    {"--set-config iso", -EINVAL, "must be NAME=VALUE"},
    {"--set-config =100", -EINVAL, "is no name of a setting"},
    {"--set-config iso=", -EINVAL, "the value ''"},
    {"--set-config 'iso=100;reboot'", -EINVAL, "letters, digits"},
    {"--set-config 'iso=$(reboot)'", -EINVAL, "letters, digits"},
    {"--set-config ../iso=1", -EINVAL, "is no name of a setting"},
    {"--set-config-index iso=-1", -EINVAL, "must be a number from 0 to 9999"},
    {"--set-config-index iso=1x", -EINVAL, "must be a number"},
    {"--get-config ''", -EINVAL, "is no name of a setting"},
    {"--get-config --list-config", -EINVAL, "is no name of a setting"},
    /* without an end */
    {"--capture-tethered", -EINVAL, "would have no end"},
    {"--wait-event", -EINVAL, "would have no end"},
    {"--wait-event --summary", -EINVAL, "would have no end"},
    {"--wait-event=0s", -EINVAL, "must be a number from 1"},
    {"--wait-event=FILEADDED", -EINVAL, "must be a time"},
    {"--wait-event=99999s", -EINVAL, "from 1 to 3600"},
    {"--wait-event=3600s --wait-event=1s", -EINVAL, "it would take 3601 s"},
    {"--interval 5 --capture-image", -EINVAL, "give --frames, too"},
    {"--interval -1 --frames 5 --capture-image", -EINVAL, "must be a number from 1"},
    {"--frames 0 --interval 5 --capture-image", -EINVAL, "must be a number from 1"},
    {"--frames 1000 --interval 60 --capture-image", -EINVAL, "it would take 60000 s"},
    {"--bulb 0 --capture-image", -EINVAL, "must be a number from 1"},
    {"--bulb 1e3 --capture-image", -EINVAL, "must be a number from 1"},
    /* forms that a naive filter takes for something else */
    {"-qL", -EINVAL, "write each option as a word of its own"},
    {"-F5 --capture-image", -EINVAL, "write each option as a word of its own"},
    {"-u/etc/shadow", -EINVAL, "write each option as a word of its own"},
    {"-hook-script x", -EINVAL, "write each option as a word of its own"},
    {"-capture-image", -EINVAL, "write each option as a word of its own"},
    {"--capture", -EINVAL, "gphoto2 has no option --capture"},
    {"--sumary", -EINVAL, "did you mean --summary?"},
    {"--SUMMARY", -EINVAL, "gphoto2 has no option --SUMMARY"},
    {"--summary=1", -EINVAL, "--summary takes no value"},
    {"--summary --", -EINVAL, "'--' belongs to no option"},
    {"-", -EINVAL, "'-' belongs to no option"},
    {"x", -EINVAL, "'x' belongs to no option"},
    {"''", -EINVAL, "'' belongs to no option"},
    {"--summary; reboot", -EINVAL, "gphoto2 has no option --summary;"},
    {"--summary > /etc/passwd", -EINVAL, "'>' belongs to no option"},
    {"--summary $(reboot)", -EINVAL, "'$(reboot)' belongs to no option"},
    {"--summary `reboot`", -EINVAL, "'`reboot`' belongs to no option"},
    {"gphoto2 --summary", -EINVAL, "'gphoto2' belongs to no option"},
    {"--summary 'x", -EINVAL, "begins at character 11 has no end"},
    {"--summary \\", -EINVAL, "has no end"},
    {"", -EINVAL, "there is no option"},
    {"   ", -EINVAL, "there is no option"},
    {"--get-config", -EINVAL, "its value is missing"},
    {"--quiet --capture-image-and-download", -EINVAL, "are not for downloads"},
    /* names of files */
    {"--filename x.jpg", -EINVAL, "nothing is downloaded"},
    {"--filename", -EINVAL, "its value is missing"},
    {"--filename= --capture-image-and-download", -EINVAL, "names no file"},
    {"--filename / --capture-image-and-download", -EINVAL, "names no file"},
    {"--filename a/.. --capture-image-and-download", -EINVAL, "names no file"},
    {"--filename .. --capture-image-and-download", -EINVAL, "names no file"},
    {"--filename a/ --capture-image-and-download", -EINVAL, "names no file"},
    {"--filename --capture-image-and-download", -EINVAL, "begins with '-'"},
    {"--filename a/-rf.jpg --capture-image-and-download", -EINVAL, "'-rf.jpg' begins with '-'"},
    {"--filename .ssh/authorized_keys --capture-image-and-download", -EINVAL, "begins with '.'"},
    {"--filename %F/x.jpg --capture-image-and-download", -EINVAL, "%F"},
    {"--filename %s.jpg --capture-image-and-download", -EINVAL, "'%s' is no placeholder"},
    {"--filename x% --capture-image-and-download", -EINVAL, "is no placeholder"},
    {"--filename %03C --capture-image-and-download", -EINVAL, "only %n takes a width"},
    {"--filename %999n --capture-image-and-download", -EINVAL, "the width of %n"},
    {"--filename 'a;b' --capture-image-and-download", -EINVAL, "';'"},
    {"--filename 'a\x01' --capture-image-and-download", -EINVAL, "code 1"},
    {"--filename 'a\xc2\x9b' --capture-image-and-download", -EINVAL, "invisible character"},
    {"--filename 'a\xe2\x80\xae' --capture-image-and-download", -EINVAL, "invisible character"},
    {"--filename 'a\xff' --capture-image-and-download", -EINVAL, "not valid UTF-8"},
    {"--filename a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q --capture-image-and-download", -EINVAL,
     "more than 15 directories"},
};

static void what_is_not_on_the_list_is_refused_with_its_name_and_the_reason(void **state)
{
    const struct gphoto2_rules rules = {.base_dir = BASE, .allow = &none};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct gphoto2_arguments got;
        struct error err = {0};
        int rc = make(refused[i].line, &rules, &got, &err);

        if (rc != refused[i].rc || !strstr(err.text, refused[i].says))
            fail_msg("%s: %d, \"%s\"; expected %d, \"%s\"", refused[i].line, rc, err.text,
                     refused[i].rc, refused[i].says);
    }
}

static void too_long_too_many_and_too_deep_are_refused(void **state)
{
    const struct gphoto2_rules rules = {.base_dir = BASE, .allow = &none};
    CLEANUP(free_p) char *many = xcalloc(1, 1000), *part = NULL, *path = NULL, *line = NULL;
    char text[300];
    struct gphoto2_arguments got;
    struct error err = {0};

    (void)state;
    for (size_t i = 0; i < GPHOTO2_WORDS_MAX + 1; i++)
        memcpy(many + 3 * i, "-q ", 3);
    assert_int_equal(make(many, &rules, &got, &err), -EINVAL);
    assert_string_equal(err.text, "more than 48 words");

    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    part = xasprintf("--capture-image-and-download --filename %s", text);
    assert_int_equal(make(part, &rules, &got, &err), -EINVAL);
    assert_non_null(strstr(err.text, "is longer than 128 bytes"));
    path = xasprintf("--capture-image-and-download --filename %.120s/%.120s/%.120s/%.120s/%.120s",
                     text, text, text, text, text);
    assert_int_equal(make(path, &rules, &got, &err), -EINVAL);
    assert_non_null(strstr(err.text, "is longer than 512 bytes"));
    line = xasprintf("--summary %5000s", "");
    assert_int_equal(make(line, &rules, &got, &err), -EINVAL);
    assert_string_equal(err.text, "longer than 4096 bytes");
}

/* --- the configuration --- */

static void the_configuration_adds_options_and_settings_by_their_exact_names(void **state)
{
    const struct gphoto2_rules rules = {.base_dir = BASE, .allow = &wide};
    static const char *const lines[][2] = {
        {"--folder /store_00010001/DCIM --list-files",
         "--folder=/store_00010001/DCIM --list-files"},
        {"-f '/store 1/DCIM' -L", "--folder=/store 1/DCIM --list-files"},
        {"--get-file 1-5,9 --filename %f.%C", "--get-file=1-5,9"},
        {"--get-file /store_00010001/DCIM/100D7000/DSC_0001.JPG",
         "--get-file=/store_00010001/DCIM/100D7000/DSC_0001.JPG"},
        {"--capture-movie=5s", "--capture-movie=5s"},
        {"--set-config ownername='Project PANOPTES'", "--set-config=ownername=Project PANOPTES"},
        {"--set-config-value /main/settings/artist=me",
         "--set-config-value=/main/settings/artist=me"},
        {"--capture-image-and-download --force-overwrite", "--capture-image-and-download"},
    };
    struct gphoto2_arguments got;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        CLEANUP(free_p) char *given = NULL;
        struct error err = {0};

        if (make(lines[i][0], &rules, &got, &err) < 0)
            fail_msg("%s: %s", lines[i][0], err.text);
        given = joined(&got);
        assert_string_equal(given, lines[i][1]);
        assert_int_equal(got.overwrite, strstr(lines[i][0], "--force-overwrite") != NULL);
        gphoto2_arguments_done(&got);
    }
}

static void what_is_added_is_still_checked(void **state)
{
    const struct gphoto2_rules rules = {.base_dir = BASE, .allow = &wide};
    static const char *const lines[] = {
        "--folder ../../etc", "--folder -x",
        "--get-file -1",      "--get-file ''",
        "--get-file '1;2'",   "--get-file ../x.jpg",
        "--capture-movie",    "--capture-movie=9999s",
        "--capture-movie=x",  "--set-config copyright=x",
        "--list-folders",     "--show-info 1",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct gphoto2_arguments got;

        if (make(lines[i], &rules, &got, NULL) == 0)
            fail_msg("%s: was accepted", lines[i]);
    }
}

static void a_port_of_the_configuration_is_the_only_one(void **state)
{
    const struct gphoto2_rules rules = {
        .base_dir = BASE, .allow = &none, .port = "ptpip:192.168.1.9"};
    struct gphoto2_arguments got;
    struct error err = {0};

    (void)state;
    assert_int_equal(make("--port ptpip:192.168.1.9 --summary", &rules, &got, &err), 0);
    assert_null(got.port);
    gphoto2_arguments_done(&got);
    assert_int_equal(make("--port usb:001,007 --summary", &rules, &got, &err), -EPERM);
    assert_string_equal(err.text, "--port usb:001,007: the configuration says that this camera is "
                                  "at ptpip:192.168.1.9; leave it out");
}

static void the_configuration_can_add_only_what_is_not_dangerous(void **state)
{
    static const char *const fine[] = {"--list-files", "--get-file", "--force-overwrite", "--debug",
                                       "--set-config ownername"};
    static const struct refused wrong[] = {
        {"--hook-script", -EPERM, "--hook-script can never be allowed: it runs a program"},
        {"--shell", -EPERM, "--shell can never be allowed"},
        {"--debug-logfile", -EPERM, "--debug-logfile can never be allowed"},
        {"--delete-all-files", -EPERM, "can never be allowed: it changes what is on"},
        {"--summary", -EINVAL, "--summary is allowed anyway"},
        {"--filename", -EINVAL, "--filename is allowed anyway"},
        {"--list-fils", -EINVAL, "did you mean --list-files?"},
        {"--list-files ", -EINVAL, "gphoto2 has no option"},
        {"-L", -EINVAL, "write it as \"--list-files\""},
        {"list-files", -EINVAL, "is no option"},
        {"", -EINVAL, "is no option"},
        {"--set-config opcode", -EPERM, "'opcode' can never be allowed"},
        {"--set-config actions", -EPERM, "'actions' can never be allowed"},
        {"--set-config /main/settings/ownername", -EINVAL, "\"--set-config ownername\""},
        {"--set-config iso", -EINVAL, "'iso' is allowed anyway"},
        {"--set-config a=b", -EINVAL, "is no name of a setting"},
        {"--set-config", -EINVAL, "allowed anyway"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fine); i++)
        assert_int_equal(gphoto2_allow_check(fine[i], NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct error err = {0};
        int rc = gphoto2_allow_check(wrong[i].line, &err);

        if (rc != wrong[i].rc || !strstr(err.text, wrong[i].says))
            fail_msg("%s: %d, \"%s\"", wrong[i].line, rc, err.text);
    }
}

static void waiting_and_exposing_count_in_the_time(void **state)
{
    const struct gphoto2_rules rules = {.base_dir = BASE, .allow = &none};
    static const struct {
        const char *line;
        int64_t ms;
    } lines[] = {
        {"--summary", 0},
        {"--wait-event=2s --wait-event-and-download=500ms", 2500},
        {"--bulb 30 --capture-image", 30000},
        {"--frames 4 --interval 10 --capture-image", 40000},
        {"--set-config shutterspeed=30 --capture-image-and-download", 60000},
        {"--set-config shutterspeed=1/60 --capture-image-and-download", 32},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct gphoto2_arguments got;

        assert_int_equal(make(lines[i].line, &rules, &got, NULL), 0);
        assert_int_equal(got.wait_ms, lines[i].ms);
        gphoto2_arguments_done(&got);
    }
}

/* --- whatever comes --- */

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static const char *any_line(uint32_t *random)
{
    uint32_t at = next_random(random) % (ARRAY_LEN(accepted) + ARRAY_LEN(refused));

    return at < ARRAY_LEN(accepted) ? accepted[at].line : refused[at - ARRAY_LEN(accepted)].line;
}

/* One byte changed, a piece doubled or taken out, or two lines put together. */
static char *mutate(const char *line, uint32_t *random)
{
    static const char bytes[] = "-=/.'\"\\ %~;$\n:,aFqLu01n\x01\xff";
    char *text = xasprintf("%s%s%s", line, next_random(random) % 3 ? "" : " ",
                           next_random(random) % 3 ? "" : any_line(random));
    size_t len = strlen(text);

    for (uint32_t times = next_random(random) % 4; len > 0 && times > 0; times--) {
        size_t at = next_random(random) % len;

        if (next_random(random) % 4) {
            text[at] = bytes[next_random(random) % (sizeof(bytes) - 1)];
        } else {
            memmove(text + at, text + at + 1, len - at);
            len--;
        }
    }
    return text;
}

static bool is_among(const char *word, const char *const *names)
{
    size_t len = strcspn(word, "=");

    for (; *names; names++)
        if (strlen(*names) == len && memcmp(*names, word, len) == 0)
            return true;
    return false;
}

/* What holds for every line that is accepted. */
static void check_harmless(const char *line, const struct gphoto2_arguments *got)
{
    static const char *const allowed[] = {"--auto-detect",
                                          "--version",
                                          "--help",
                                          "--usage",
                                          "--list-cameras",
                                          "--list-ports",
                                          "--abilities",
                                          "--summary",
                                          "--about",
                                          "--manual",
                                          "--storage-info",
                                          "--list-config",
                                          "--list-all-config",
                                          "--get-config",
                                          "--quiet",
                                          "--parsable",
                                          "--set-config",
                                          "--set-config-value",
                                          "--set-config-index",
                                          "--capture-image",
                                          "--trigger-capture",
                                          "--capture-image-and-download",
                                          "--capture-preview",
                                          "--wait-event",
                                          "--wait-event-and-download",
                                          "--capture-tethered",
                                          "--bulb",
                                          "--frames",
                                          "--interval",
                                          "--keep",
                                          "--keep-raw",
                                          "--no-keep",
                                          NULL};

    for (size_t i = 0; i < got->args.count; i++)
        if (!is_among(got->args.items[i], allowed) || strpbrk(got->args.items[i], ";$`'\"\\\n"))
            fail_msg("%s: '%s' was let through", line, got->args.items[i]);
    if (got->port && !str_starts_with(got->port, "usb:"))
        fail_msg("%s: port %s", line, got->port);
    if (!got->filename)
        return;
    if (got->filename[0] == '/' || got->filename[0] == '-' || got->filename[0] == '.' ||
        strstr(got->filename, "/.") || strstr(got->filename, "//") ||
        strlen(got->filename) > GPHOTO2_NAME_MAX)
        fail_msg("%s: name '%s'", line, got->filename);
}

static void no_mutation_of_a_line_lets_anything_else_through(void **state)
{
    const struct gphoto2_rules rules = {.base_dir = BASE, .allow = &none};
    uint32_t random = 20260101;
    size_t passed = 0;

    (void)state;
    for (size_t i = 0; i < MUTATIONS; i++) {
        CLEANUP(free_p) char *line = mutate(any_line(&random), &random);
        struct gphoto2_arguments got;
        struct error err = {0};
        int rc = make(line, &rules, &got, &err);

        if (rc == 0) {
            check_harmless(line, &got);
            gphoto2_arguments_done(&got);
            passed++;
        } else if ((rc != -EINVAL && rc != -EPERM) || !err.text[0]) {
            fail_msg("%s: %d \"%s\"", line, rc, err.text);
        }
    }
    assert_true(passed > MUTATIONS / 20); /* or the corpus says nothing */
}

/* --- names that are filled in --- */

static void expect_name(const char *pattern, const struct gphoto2_picture *picture,
                        const char *name)
{
    CLEANUP(free_p) char *got = NULL;
    struct error err = {0};

    if (gphoto2_name_fill(pattern, picture, &got, &err) < 0)
        fail_msg("%s: %s", pattern, err.text);
    assert_string_equal(got, name);
}

static void placeholders_are_filled_in_as_gphoto2_does(void **state)
{
    const struct gphoto2_picture file = {.name = "/store_00010001/DCIM/100D7000/DSC_0001.NEF",
                                         .number = 7,
                                         .taken_at_s = 1767323045}; /* 2026-01-02 03:04:05 UTC */

    (void)state;
    assert_int_equal(setenv("TZ", "UTC0", 1), 0);
    expect_name(NULL, &file, "DSC_0001.NEF");
    expect_name("x.cr2", &file, "x.cr2");
    expect_name("%n", &file, "7");
    expect_name("%03n.%C", &file, "007.NEF");
    expect_name("a/%f.%C", &file, "a/DSC_0001.NEF");
    expect_name("%:", &file, "dsc_0001.nef");
    expect_name("%Y%m%dT%H%M%S.%C", &file, "20260102T030405.NEF");
    expect_name("%Y/%j/%b-%a-%y.jpg", &file, "2026/002/Jan-Fri-26.jpg");
    expect_name("100%%.jpg", &file, "100%.jpg");
}

static void what_a_camera_calls_its_pictures_leads_nowhere_else(void **state)
{
    static const char *const names[][3] = {
        {"../../../etc/passwd", "passwd", "passwd.bin"},
        {"x.jpg/../../y.sh", "y.sh", "y.sh"},
        {"a.b\x01;rm -rf", "a.b-rm_-rf", "a.b-rm_-rf"},
        {"", "unnamed", "unnamed.bin"},
        {"..", "unnamed", "unnamed.bin"},
        {".hidden.jpg", "hidden.jpg", "hidden.jpg"},
        {NULL, "picture", "picture.bin"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct gphoto2_picture file = {.name = names[i][0]};

        expect_name(NULL, &file, names[i][1]);
        expect_name("%f.%C", &file, names[i][2]);
    }
}

static void a_name_is_fixed_when_nothing_in_it_changes(void **state)
{
    (void)state;
    assert_true(gphoto2_name_is_fixed("a/x.cr2"));
    assert_true(gphoto2_name_is_fixed("100%%.jpg"));
    assert_false(gphoto2_name_is_fixed("%n.jpg"));
    assert_false(gphoto2_name_is_fixed("%%%03n.jpg"));
    assert_false(gphoto2_name_is_fixed("x.%C"));
    assert_true(gphoto2_name_has("x.%C", 'C'));
    assert_false(gphoto2_name_has("x%%C", 'C'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            what_is_allowed_reaches_gphoto2_in_one_form_and_the_name_of_the_file_does_not),
        cmocka_unit_test(what_is_not_on_the_list_is_refused_with_its_name_and_the_reason),
        cmocka_unit_test(too_long_too_many_and_too_deep_are_refused),
        cmocka_unit_test(the_configuration_adds_options_and_settings_by_their_exact_names),
        cmocka_unit_test(what_is_added_is_still_checked),
        cmocka_unit_test(a_port_of_the_configuration_is_the_only_one),
        cmocka_unit_test(the_configuration_can_add_only_what_is_not_dangerous),
        cmocka_unit_test(waiting_and_exposing_count_in_the_time),
        cmocka_unit_test(no_mutation_of_a_line_lets_anything_else_through),
        cmocka_unit_test(placeholders_are_filled_in_as_gphoto2_does),
        cmocka_unit_test(what_a_camera_calls_its_pictures_leads_nowhere_else),
        cmocka_unit_test(a_name_is_fixed_when_nothing_in_it_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
