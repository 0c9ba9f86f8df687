/* SPDX-License-Identifier: MIT */
/* conf/home-assistant/: what is shipped for users to copy is YAML, names entities that the agent
 * really announces and keys that its events really have. Home Assistant itself is no Debian
 * package; that its own parser takes them was not tried here. */
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"
#include "agent/config.h"
#include "agent/publish/report.h"
#include "mqtt/discovery.h"
#include "tests/agent/yaml_file.h"
#include "tests/mqtt/discovery_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define DIRECTORY SOURCE_DIR "/conf/home-assistant/"

enum { README_MAX_BYTES = 1 << 20 };

static const char *const words[] = {"a", NULL};
static char front[] = "front", top[] = "top", bed[] = "bed", tool0[] = "tool0";
static char *camera_names[] = {front, top}, *heater_names[] = {bed, tool0};
static const struct conf_strings cameras = {camera_names, 2}, heaters = {heater_names, 2};

/* The agent that the files speak of. */
static struct discovery_check *announce_all(void)
{
    static const struct discovery_home home = {"homeassistant", "timelapse", "pi01", "1"};
    struct discovery_check *check = check_new();
    struct config *config = config_blank();
    const struct discovery_device devices[] = {
        {.kind = DISCOVERY_OF_AGENT, .events = words},
        {.kind = DISCOVERY_OF_UNIT,
         .id = "mk4",
         .has_printer = true,
         .each = &cameras,
         .states = words,
         .events = words,
         .triggers = words,
         .settings = &config->unit_table},
        {.kind = DISCOVERY_OF_PRINTER, .id = "mk4", .states = words, .each = &heaters},
        {.kind = DISCOVERY_OF_CAMERA, .id = "front"},
    };

    for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
        CLEANUP(json_free_p) cJSON *document = discovery_document(&home, &devices[i], NULL);
        CLEANUP(free_p) char *topic = discovery_topic(&home, &devices[i]);
        CLEANUP(free_p) char *text = json_print(document);

        check_document(check, topic, text);
    }
    assert_string_equal(check_faults(check), "");
    config_free(config);
    return check;
}

static const char id_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

/* The next "<domain>.[lapsed_]pi01_<name>" at or behind *at, which goes behind it; NULL: none. The
 * caller frees. */
static char *next_entity(const char **at)
{
    for (const char *dot = *at; (dot = strchr(dot, '.')); dot++) {
        const char *begin = dot;

        if (!str_starts_with(dot, ".pi01_") && !str_starts_with(dot, ".lapsed_pi01_"))
            continue;
        while (begin > *at && (islower((unsigned char)begin[-1]) || begin[-1] == '_'))
            begin--;
        *at = dot + 1 + strspn(dot + 1, id_letters);
        return xstrndup(begin, (size_t)(*at - begin));
    }
    return NULL;
}

static size_t check_entities(const struct discovery_check *check, const char *text)
{
    size_t count = 0;

    for (const char *at = text; *at;) {
        CLEANUP(free_p) char *entity = next_entity(&at);

        if (!entity)
            break;
        count++;
        if (!check_has_entity(check, entity))
            fail_msg("nobody announces %s", entity);
    }
    return count;
}

static void every_entity_of_the_card_is_announced(void **state)
{
    struct discovery_check *check = announce_all();
    struct yaml_file *card = yaml_file_read(DIRECTORY "card.yaml");
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < yaml_file_count(card); i++)
        if (yaml_file_at(card, i)->text)
            count += check_entities(check, yaml_file_at(card, i)->text);
    assert_true(count >= 15);
    yaml_file_free(card);
    check_free(check);
}

static void every_card_has_a_type_and_what_it_needs(void **state)
{
    static const struct {
        const char *type, *member;
    } needs[] = {
        {"picture-entity", "entity"}, {"gauge", "entity"},           {"tile", "entity"},
        {"conditional", "card"},      {"horizontal-stack", "cards"}, {"entities", "entities"},
        {"markdown", "content"},      {"vertical-stack", "cards"},   {"section", "label"}};
    struct yaml_file *card = yaml_file_read(DIRECTORY "card.yaml");

    (void)state;
    for (size_t i = 0; i < yaml_file_count(card); i++) {
        const struct yaml_item *item = yaml_file_at(card, i);
        size_t need = 0;

        if (!str_ends_with(item->path, "type"))
            continue;
        while (need < ARRAY_LEN(needs) && !str_equal(needs[need].type, item->text))
            need++;
        if (need == ARRAY_LEN(needs))
            fail_msg("%s: there is no card '%s'", item->path, item->text);
        {
            CLEANUP(free_p)
            char *path = xasprintf("%.*s%s", (int)(strlen(item->path) - strlen("type")), item->path,
                                   needs[need].member);

            if (!yaml_file_find(card, path))
                fail_msg("%s is missing", path);
        }
    }
    yaml_file_free(card);
}

static void the_blueprint_has_what_home_assistant_requires(void **state)
{
    static const char *const paths[] = {
        "blueprint.name",      "blueprint.domain",  "blueprint.input.event.selector.entity",
        "triggers[0].trigger", "conditions[0]",     "blueprint.homeassistant.min_version",
        "actions[0].message",  "actions[0].domain", "actions[0].data.image"};
    struct yaml_file *blueprint = yaml_file_read(DIRECTORY "video_ready.yaml");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (!yaml_file_find(blueprint, paths[i]))
            fail_msg("%s is missing", paths[i]);
    assert_string_equal(yaml_file_find(blueprint, "blueprint.domain")->text, "automation");
    assert_string_equal(yaml_file_find(blueprint, "blueprint.homeassistant.min_version")->text,
                        "2024.11.0");
    yaml_file_free(blueprint);
}

static void every_input_of_the_blueprint_is_declared_and_used(void **state)
{
    struct yaml_file *blueprint = yaml_file_read(DIRECTORY "video_ready.yaml");
    size_t used = 0, declared = 0;

    (void)state;
    for (size_t i = 0; i < yaml_file_count(blueprint); i++) {
        const struct yaml_item *item = yaml_file_at(blueprint, i);
        CLEANUP(free_p) char *path = NULL;

        if (str_starts_with(item->path, "blueprint.input.") &&
            !strchr(item->path + strlen("blueprint.input."), '.'))
            declared++;
        if (!str_equal(item->tag, "!input"))
            continue;
        used++;
        path = xasprintf("blueprint.input.%s.selector", item->text);
        if (!yaml_file_find(blueprint, path))
            fail_msg("%s: there is no input '%s'", item->path, item->text);
    }
    assert_int_equal(used, declared);
    yaml_file_free(blueprint);
}

/* "video.<key>" in its templates is a key of the event video_ready. */
static void the_blueprint_reads_keys_that_the_event_has(void **state)
{
    const struct report_video about = {.job = "j", .kind = "final", .session = "s", .camera = "c"};
    const struct video_result video = {0};
    CLEANUP(json_free_p) cJSON *event = report_video(&about, &video);
    struct yaml_file *blueprint = yaml_file_read(DIRECTORY "video_ready.yaml");
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < yaml_file_count(blueprint); i++) {
        const char *at = yaml_file_at(blueprint, i)->text;

        while (at && (at = strstr(at, "video."))) {
            CLEANUP(free_p) char *key = NULL;

            at += strlen("video.");
            key = xstrndup(at, strspn(at, id_letters));
            if (!json_get(event, key))
                fail_msg("video_ready has no '%s'", key);
            count++;
        }
    }
    assert_true(count >= 4);
    yaml_file_free(blueprint);
}

/* "…_frames" behind "sensor.pi01_mk4_state": the same with another end. */
static bool has_sibling(const struct discovery_check *check, const char *entity, const char *end)
{
    CLEANUP(free_p) char *start = xstrdup(entity);

    for (char *cut; (cut = strrchr(start, '_'));) {
        CLEANUP(free_p) char *sibling = NULL;

        *cut = '\0';
        sibling = xasprintf("%s_%s", start, end);
        if (check_has_entity(check, sibling))
            return true;
    }
    return false;
}

static size_t check_siblings(const struct discovery_check *check, const char *text)
{
    static const char mark[] = "…_";
    CLEANUP(free_p) char *last = NULL;
    size_t count = 0;

    for (const char *at = text; (at = strchr(at, '`')); at++) {
        const char *begin = at + 1;

        if (str_starts_with(begin, mark)) {
            CLEANUP(free_p)
            char *end =
                xstrndup(begin + sizeof(mark) - 1, strspn(begin + sizeof(mark) - 1, id_letters));

            if (begin[sizeof(mark) - 1 + strlen(end)] != '<' && !has_sibling(check, last, end))
                fail_msg("nobody announces …_%s, after %s", end, last);
            count++;
        } else if (strcspn(begin, "`") > strcspn(begin, ".")) {
            char *entity = next_entity(&begin);

            free(last);
            last = entity;
            if (!last)
                break;
        }
    }
    return count;
}

static void the_page_names_entities_that_are_announced(void **state)
{
    struct discovery_check *check = announce_all();
    CLEANUP(free_p) char *text = NULL;
    struct error err = {0};

    (void)state;
    if (path_read_file(DIRECTORY "README.md", README_MAX_BYTES, &text, NULL, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(check_entities(check, text) >= 15);
    assert_true(check_siblings(check, text) >= 30);
    check_free(check);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entity_of_the_card_is_announced),
        cmocka_unit_test(every_card_has_a_type_and_what_it_needs),
        cmocka_unit_test(the_blueprint_has_what_home_assistant_requires),
        cmocka_unit_test(every_input_of_the_blueprint_is_declared_and_used),
        cmocka_unit_test(the_blueprint_reads_keys_that_the_event_has),
        cmocka_unit_test(the_page_names_entities_that_are_announced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
