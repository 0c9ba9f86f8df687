/* SPDX-License-Identifier: MIT */
/* Command lines of DuetLapse3: what each means here, that every option is known, and that whatever
 * passes is accepted by the table of units. */
#include "agent/convert/duetlapse.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define CAM "-camera1 stream -weburl1 http://cam/stream "

/* Words are separated by '|'; each must be the beginning of one item, and there are no other. NULL:
 * none at all. settings: "key=value" each, besides any others. */
static const struct {
    const char *line;
    const char *settings;
    const char *problems, *unsupported, *ignored;
} lines[] = {
    /* when a frame is taken */
    {.line = CAM "-duet printer",
     "trigger=layer|every_nth_layer=1|interval_s=0|restart=false|fps=10"},
    {.line = CAM "-duet printer -detect layer", "trigger=layer|dontwait=false|standby=false"},
    {.line = CAM "-duet printer -detect layer -numlayers 5", "trigger=layer|every_nth_layer=5"},
    {.line = CAM "-duet printer -numlayers 0", "every_nth_layer=1"},
    {.line = CAM "-duet printer -seconds 15",
     "trigger=layer,interval|interval_s=15|dontwait=false"},
    {.line = CAM "-duet printer -seconds 15 -detect none",
     "trigger=interval|interval_s=15|dontwait=true",
     .ignored = "-seconds with -detect none"},
    {.line = CAM "-duet printer -seconds 15 -detect none -dontwait",
     "trigger=interval|dontwait=true"},
    {.line = CAM "-duet printer -seconds 0.5 -detect none -dontwait", "interval_s=0.5"},
    {.line = CAM "-duet printer -detect none",
     "trigger=command",
     .ignored = "-detect none without"},
    {.line = CAM "-duet printer -detect pause", "trigger=pause|pause=false|rest_s=1"},
    {.line = CAM "-duet printer -detect pause -seconds 60", "trigger=pause,interval|interval_s=60"},
    {.line = CAM "-duet printer -detect pause -numlayers 2",
     "trigger=pause",
     .ignored = "-numlayers: "},
    {.line = CAM "-duet printer -dontwait", "dontwait=true"},
    {.line = CAM "-duet printer -standby", "standby=true"},
    {.line = CAM "-duet printer -standby -dontwait", "standby=true|dontwait=true"},
    {.line = CAM "-duet printer -restart", "restart=true"},
    /* the head */
    {.line = CAM "-duet printer -pause yes", "pause=true|park=false|rest_s=1"},
    {.line = CAM "-duet printer -pause no", "pause=false"},
    {.line = CAM "-duet printer -pause yes -movehead 10 200",
     "pause=true|park=true|park_x_mm=10|park_y_mm=200"},
    {.line = CAM "-duet printer -pause yes -movehead 10,200",
     "park=true|park_x_mm=10|park_y_mm=200"},
    {.line = CAM "-duet printer -pause yes -movehead -5 0.5", "park_x_mm=-5|park_y_mm=0.5"},
    {.line = CAM "-duet printer -pause yes -movehead 0 0", "park=false"},
    {.line = CAM "-duet printer -detect pause -movehead 1 2",
     "trigger=pause|park=true|park_x_mm=1"},
    {.line = CAM "-duet printer -pause yes -rest 3", "rest_s=3"},
    {.line = CAM "-duet printer -pause yes -rest 0", "rest_s=0"},
    {.line = CAM "-duet printer -movehead 1 2", .problems = "-movehead: requires"},
    {.line = CAM "-duet printer -pause no -movehead 1 2", .problems = "-movehead: requires"},
    {.line = CAM "-duet printer -pause yes -detect pause", .problems = "-pause yes: cannot"},
    {.line = CAM "-duet printer -pause yes -movehead 1", .problems = "-movehead: needs two"},
    {.line = CAM "-duet printer -pause yes -movehead a b", .problems = "-movehead: needs two"},
    /* the video */
    {.line = CAM "-duet printer -fps 25", "fps=25"},
    {.line = CAM "-duet printer -extratime 4", "hold_last_s=4"},
    {.line = CAM "-duet printer -minvideo 6", "min_frames=60"},
    {.line = CAM "-duet printer -minvideo 6 -fps 5", "min_frames=30"},
    {.line = CAM "-duet printer -maxvideo 30", "target_length_s=30"},
    {.line = CAM "-duet printer -maxvideo 30 -minvideo 6", "target_length_s=30|min_frames=6"},
    {.line = CAM "-duet printer -maxvideo 3 -minvideo 6",
     "target_length_s=6",
     .ignored = "-maxvideo: "},
    {.line = CAM "-duet printer -novideo", "video=false|delete_frames=false"},
    {.line = CAM "-duet printer -deletepics", "delete_frames=true|keep_files=false"},
    {.line = CAM "-duet printer -keepfiles", "keep_files=true|delete_frames=false"},
    {.line = CAM "-duet printer -keepfiles -deletepics",
     "keep_files=true|delete_frames=false",
     .ignored = "-deletepics: -keepfiles"},
    {.line = CAM "-duet printer -novideo -deletepics", .problems = "-deletepics: would delete"},
    {.line = CAM "-duet printer -vidparam1 'x'", .unsupported = "-vidparam1: "},
    {.line = CAM "-duet printer -vidparam2=\"a b\"", .unsupported = "-vidparam2: "},
    /* cameras */
    {.line = "-duet printer", ""},
    {.line = "-duet printer -camera1 pi", ""},
    {.line = "-duet printer -camera1 web -weburl1 http://cam/p.jpg", ""},
    {.line = "-duet printer -camera1 web -weburl1 https://cam/p.jpg", ""},
    {.line = "-duet printer -camera1 stream -weburl1 front", ""},
    {.line = CAM "-duet printer -camera2 web -weburl2 http://two/p.jpg", ""},
    {.line = "-duet printer -camera1 stream", .problems = "-camera1 stream: cannot"},
    {.line = "-duet printer -camera1 web -weburl1 ftp://x/y", .problems = "-camera1 web: cannot"},
    {.line = "-duet printer -weburl1 http://cam/p.jpg", .problems = "-weburl1: needs"},
    {.line = CAM "-duet printer -camera2 web", .problems = "-camera2 web: cannot"},
    {.line = CAM "-duet printer -weburl2 http://x/", .problems = "-weburl2: needs"},
    {.line = "-duet printer -camera1 scanner",
     .problems = "-camera1: 'scanner' is none of: usb, pi"},
    {.line = CAM "-duet printer -camparam1 'x'",
     .problems = "-camparam1: can only",
     .unsupported = "-camparam1: "},
    {.line = "-duet printer -camera1 other -camparam1=\"'raspistill '+fn\"",
     "",
     .unsupported = "-camparam1: "},
    {.line = CAM "-duet printer -camera2 other -camparam2 a b c",
     "",
     .unsupported = "-camparam2: "},
    /* the printer */
    {.line = CAM "-duet 192.168.7.101:8080", ""},
    {.line = CAM, ""},
    {.line = CAM "-duet printer -password reprap", ""},
    {.line = CAM "-duet printer -password hush", ""},
    {.line = CAM "-duet 'two words'", .problems = "-duet: is not"},
    {.line = CAM "-duet user:pw@printer", .problems = "-duet: is not"},
    /* what has no meaning here */
    {.line =
         CAM "-duet printer -poll 12 -basedir /tmp -instances many -logtype both -nolog -verbose",
     "",
     .ignored = "-poll: |-basedir: |-instances: |-logtype: |-nolog: |-verbose: "},
    {.line = CAM "-duet printer -host 0.0.0.0 -port 8082 -keeplogs -maxffmpeg 2 -hidebuttons",
     "",
     .ignored = "-host: |-port: |-keeplogs: |-maxffmpeg: |-hidebuttons: "},
    {.line = CAM "-duet printer -# \"a comment\"", ""},
    {.line = CAM "-duet printer -execkey sudo -simulate all -M3291 x -file y",
     "",
     .unsupported = "-execkey: |-simulate: |-M3291: |-file: "},
    /* the line itself */
    {.line = "python3 ./DuetLapse3.py " CAM "-duet printer &", "trigger=layer"},
    {.line = "nohup python3 /opt/dl/DuetLapse3.py " CAM "-duet printer", "trigger=layer"},
    {.line = "-duet printer\n-seconds 20 # every 20 s\n# a line\n" CAM, "interval_s=20"},
    {.line = CAM "-duet=printer -seconds=15", "interval_s=15"},
    {.line = CAM "-duet printer -seconds 5 -seconds 7", "interval_s=7"},
    {.line = CAM "-duet \"printer", .problems = "a quote is never closed"},
    {.line = CAM "-duet printer -seconds", .problems = "-seconds: needs a value"},
    {.line = CAM "-duet printer -seconds -restart", .problems = "-seconds: needs a value"},
    {.line = CAM "-duet printer -seconds soon", .problems = "-seconds: 'soon' is not a number"},
    {.line = CAM "-duet printer -seconds -5", .problems = "-seconds: is less than 0"},
    {.line = CAM "-duet printer -detect noon", .problems = "-detect: 'noon' is none of: layer"},
    {.line = CAM "-duet printer -pause maybe", .problems = "-pause: 'maybe' is none of: yes, no"},
    {.line = CAM "-duet printer -sec 5", .problems = "-sec: DuetLapse3 has no such option"},
    {.line = CAM "-duet printer -Seconds 5", .problems = "-Seconds: DuetLapse3 has no such option"},
    {.line = CAM "-duet printer --seconds 5",
     .problems = "--seconds: DuetLapse3 has no such option"},
    {.line = CAM "-duet printer -verbose=yes",
     .problems = "-verbose: takes no '='",
     .ignored = "-verbose: "},
    {.line = CAM "-duet printer 5", .problems = "-duet: there is a word too many"},
    {.line = CAM "-duet printer -seconds x -detect y -bad -pause",
     .problems = "-seconds: |-detect: |-bad: |-pause: needs"},
};

/* The next word of a list; false: there is none. */
static bool next_word(const char **list, char **ret_word)
{
    size_t len = *list ? strcspn(*list, "|") : 0;

    if (len == 0)
        return false;
    *ret_word = xstrndup(*list, len);
    *list += len + ((*list)[len] == '|');
    return true;
}

static bool has_item(const struct problems *problems, const char *start)
{
    for (size_t i = 0; i < problems->count; i++)
        if (str_starts_with(problems->items[i], start))
            return true;
    return false;
}

static void check_list(const char *line, const char *what, const struct problems *problems,
                       const char *expected)
{
    CLEANUP(free_p) char *all = problems_join(problems);
    size_t count = 0;
    char *word;

    while (next_word(&expected, &word)) {
        if (!has_item(problems, word))
            fail_msg("%s\n%s: no \"%s\" in: %s", line, what, word, all);
        free(word);
        count++;
    }
    if (problems->count != count)
        fail_msg("%s\n%s: %zu expected: %s", line, what, count, all);
}

static bool has_setting(const struct duetlapse *words, const char *assignment)
{
    for (size_t i = 0; i < words->setting_count; i++) {
        CLEANUP(free_p)
        char *text = xasprintf("%s=%s", words->settings[i].key, words->settings[i].text);

        if (str_equal(text, assignment))
            return true;
    }
    return false;
}

static void check_settings(const char *line, const struct duetlapse *words, const char *expected)
{
    char *word;

    while (next_word(&expected, &word)) {
        if (!has_setting(words, word))
            fail_msg("%s\nno setting %s", line, word);
        free(word);
    }
}

static void every_line_means_what_it_meant(void **state)
{
    (void)state;
    assert_true(ARRAY_LEN(lines) >= 60);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        CLEANUP(duetlapse_done) struct duetlapse words;

        duetlapse_parse(lines[i].line, &words);
        check_list(lines[i].line, "problems", &words.problems, lines[i].problems);
        check_list(lines[i].line, "unsupported", &words.unsupported, lines[i].unsupported);
        check_list(lines[i].line, "ignored", &words.ignored, lines[i].ignored);
        check_settings(lines[i].line, &words, lines[i].settings);
    }
}

/* What passes makes a unit without contradictions, whatever its printer is called. */
static void every_good_line_makes_a_unit(void **state)
{
    struct config *config = config_blank();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        CLEANUP(duetlapse_done) struct duetlapse words;
        struct unit_settings unit = {0};
        struct config_contradiction broken;
        struct error err = {0};

        duetlapse_parse(lines[i].line, &words);
        conf_set_defaults(&config->unit_table, &unit);
        replace_str(&unit.printer, "mk4");
        for (size_t s = 0; s < words.setting_count && words.problems.count == 0; s++)
            if (conf_init_text(&config->unit_table, &unit, words.settings[s].key,
                               words.settings[s].text, &err) < 0)
                fail_msg("%s\n%s", lines[i].line, err.text);
        if (words.problems.count == 0 && config_contradiction(&unit, 0, &broken))
            fail_msg("%s\n%s: %s", lines[i].line, broken.key, broken.text);
        conf_values_done(&config->unit_table, &unit);
    }
    config_free(config);
}

static void printer_cameras_and_password_are_handed_on(void **state)
{
    CLEANUP(duetlapse_done) struct duetlapse words;

    (void)state;
    duetlapse_parse("-duet 10.0.0.5 -password 'it is' -camera1 web -weburl1 http://a/1 "
                    "-camera2 stream -weburl2 \"http://b/2?x=1&y=2\"",
                    &words);
    assert_string_equal(words.duet, "10.0.0.5");
    assert_string_equal(words.password, "it is");
    assert_string_equal(words.cameras[0].word, "web");
    assert_string_equal(words.cameras[0].url, "http://a/1");
    assert_string_equal(words.cameras[1].word, "stream");
    assert_string_equal(words.cameras[1].url, "http://b/2?x=1&y=2");
}

static void a_default_password_is_none_and_no_camera_two_is_none(void **state)
{
    CLEANUP(duetlapse_done) struct duetlapse words;

    (void)state;
    duetlapse_parse("-duet 10.0.0.5 -password reprap", &words);
    assert_null(words.password);
    assert_string_equal(words.cameras[0].word, "usb");
    assert_null(words.cameras[1].word);
}

static void a_password_is_in_no_message(void **state)
{
    CLEANUP(duetlapse_done) struct duetlapse words;
    CLEANUP(free_p) char *text = NULL;

    (void)state;
    duetlapse_parse("-duet x -password canary canary -pasword=canary -camera1 web "
                    "-weburl1 ftp://u:canary@x/",
                    &words);
    text = problems_join(&words.problems);
    assert_int_equal(words.problems.count, 3);
    assert_null(strstr(text, "canary"));
}

static void a_line_without_end_is_refused(void **state)
{
    CLEANUP(free_p) char *text = xmalloc(DUETLAPSE_MAX_BYTES + 2);
    CLEANUP(duetlapse_done) struct duetlapse words;

    (void)state;
    memset(text, 'x', DUETLAPSE_MAX_BYTES + 1);
    text[DUETLAPSE_MAX_BYTES + 1] = '\0';
    duetlapse_parse(text, &words);
    assert_int_equal(words.problems.count, 1);
}

static void too_many_words_are_refused(void **state)
{
    CLEANUP(free_p) char *text = xmalloc(2 * 1000 + 1);
    CLEANUP(duetlapse_done) struct duetlapse words;

    (void)state;
    for (size_t i = 0; i < 1000; i++)
        memcpy(text + 2 * i, "x ", 2);
    text[2000] = '\0';
    duetlapse_parse(text, &words);
    assert_true(words.problems.count > 0);
    assert_true(words.problems.count <= PROBLEMS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_means_what_it_meant),
        cmocka_unit_test(every_good_line_makes_a_unit),
        cmocka_unit_test(printer_cameras_and_password_are_handed_on),
        cmocka_unit_test(a_default_password_is_none_and_no_camera_two_is_none),
        cmocka_unit_test(a_password_is_in_no_message),
        cmocka_unit_test(a_line_without_end_is_refused),
        cmocka_unit_test(too_many_words_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
