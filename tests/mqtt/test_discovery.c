/* SPDX-License-Identifier: MIT */
/* The discovery documents against the rules of Home Assistant, and the reader of those rules
 * against deliberate mistakes. */
#include "mqtt/discovery.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "tests/mqtt/discovery_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct discovery_home home = {
    .prefix = "homeassistant", .topics = "timelapse", .agent = "pi01", .version = "1.2.3"};

static const char *const states[] = {"standby", "capturing", "error", NULL};
static const char *const events[] = {"frame", "video_ready", NULL};
static const char *const triggers[] = {"layer", "interval", "layer,interval", "command", NULL};

static const struct conf_field fields[] = {
    {.key = "interval_s", .type = CONF_FLOAT, .min = 0, .max = 86400, .unit = "s"},
    {.key = "every_nth_layer", .type = CONF_INT, .min = 1, .max = 10000},
    {.key = "fps", .type = CONF_FLOAT, .min = 1, .max = 240},
    {.key = "target_length_s", .type = CONF_FLOAT, .min = 0, .max = 3600, .unit = "s"},
    {.key = "hold_last_s", .type = CONF_FLOAT, .min = 0, .max = 600, .unit = "s"},
};
static const struct conf_table settings = {
    .name = "units", .fields = fields, .field_count = ARRAY_LEN(fields)};

static char front[] = "front", top_left[] = "top-left";
static char bed[] = "bed", tool0[] = "tool0", odd[] = "Heated Chamber";
static char *camera_names[] = {front, top_left};
static char *heater_names[] = {bed, tool0, odd};
static const struct conf_strings cameras = {camera_names, 2};
static const struct conf_strings heaters = {heater_names, 3};

static const struct discovery_device devices[] = {
    {.kind = DISCOVERY_OF_AGENT, .events = events},
    {.kind = DISCOVERY_OF_UNIT,
     .id = "mk4",
     .has_printer = true,
     .each = &cameras,
     .states = states,
     .events = events,
     .triggers = triggers,
     .settings = &settings},
    {.kind = DISCOVERY_OF_UNIT,
     .id = "garden",
     .each = &cameras,
     .states = states,
     .events = events,
     .triggers = triggers,
     .settings = &settings},
    {.kind = DISCOVERY_OF_PRINTER,
     .id = "mk4",
     .model = "duet",
     .states = states,
     .each = &heaters},
    {.kind = DISCOVERY_OF_CAMERA, .id = "front", .model = "mjpeg"},
    {.kind = DISCOVERY_OF_CAMERA, .id = "top-left", .model = "mjpeg"},
};
enum { AGENT, MK4, GARDEN, PRINTER, FRONT, TOP_LEFT };

struct shelf { /* what discovery_write() gave */
    struct discovery_check *check;
    size_t count;
    char *topics[256];
};

static void take(const char *topic, const cJSON *document, void *user)
{
    struct shelf *shelf = user;
    CLEANUP(free_p) char *text = json_print(document);
    struct discovery_place place;

    assert_true(shelf->count < ARRAY_LEN(shelf->topics));
    shelf->topics[shelf->count++] = xstrdup(topic);
    check_document(shelf->check, topic, text);
    assert_int_equal(discovery_parse_topic(&home, topic, &place), 0);
}

static void shelf_done(struct shelf *shelf)
{
    for (size_t i = 0; i < shelf->count; i++)
        free(shelf->topics[i]);
    check_free(shelf->check);
}

static void write_all(struct shelf *shelf, enum discovery_form form)
{
    *shelf = (struct shelf){.check = check_new()};
    for (size_t i = 0; i < ARRAY_LEN(devices); i++)
        discovery_write(&home, &devices[i], form, take, shelf);
}

static void device_documents_have_no_fault(void **state)
{
    struct shelf shelf;

    (void)state;
    write_all(&shelf, DISCOVERY_DEVICE);
    assert_string_equal(check_faults(shelf.check), "");
    assert_int_equal(shelf.count, ARRAY_LEN(devices));
    assert_string_equal(shelf.topics[AGENT], "homeassistant/device/pi01/lapsed/config");
    assert_string_equal(shelf.topics[MK4], "homeassistant/device/pi01/lapsed_mk4/config");
    assert_string_equal(shelf.topics[PRINTER],
                        "homeassistant/device/pi01/lapsed-printer_mk4/config");
    shelf_done(&shelf);
}

static void component_documents_have_no_fault_and_are_as_many(void **state)
{
    struct shelf device, component;

    (void)state;
    write_all(&device, DISCOVERY_DEVICE);
    write_all(&component, DISCOVERY_COMPONENT);
    assert_string_equal(check_faults(component.check), "");
    assert_int_equal(component.count, check_entity_count(device.check));
    assert_int_equal(check_entity_count(component.check), check_entity_count(device.check));
    for (size_t i = 0; i < component.count; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(component.topics[i], component.topics[j]);
    shelf_done(&device);
    shelf_done(&component);
}

static void both_forms_name_the_same_entities(void **state)
{
    static const char *const some[] = {"sensor.pi01_mk4_frames",
                                       "switch.pi01_mk4_armed",
                                       "button.pi01_mk4_snapshot",
                                       "image.pi01_mk4_last_picture",
                                       "sensor.pi01_printer_mk4_temperature_bed",
                                       "number.pi01_garden_interval"};

    (void)state;
    for (int form = DISCOVERY_DEVICE; form <= DISCOVERY_COMPONENT; form++) {
        struct shelf shelf;

        write_all(&shelf, (enum discovery_form)form);
        for (size_t i = 0; i < ARRAY_LEN(some); i++)
            if (!check_has_entity(shelf.check, some[i]))
                fail_msg("no %s", some[i]);
        shelf_done(&shelf);
    }
}

/* Versions that do not know default_entity_id make it of the names of device and entity. */
static void entity_ids_are_those_that_older_versions_make_themselves(void **state)
{
    CLEANUP(json_free_p) cJSON *json = discovery_document(&home, &devices[TOP_LEFT], NULL);

    (void)state;
    assert_string_equal(json_get_string(json, "device.name"), "pi01 camera top-left");
    assert_string_equal(json_get_string(json, "components.last_picture.name"), "Last picture time");
    assert_string_equal(json_get_string(json, "components.last_picture.default_entity_id"),
                        "sensor.pi01_camera_top_left_last_picture_time");
}

static cJSON *document_of(size_t index) MUST_CHECK;
static cJSON *document_of(size_t index)
{
    return discovery_document(&home, &devices[index], NULL);
}

static void a_unit_without_a_printer_shows_none(void **state)
{
    CLEANUP(json_free_p) cJSON *with = document_of(MK4);
    CLEANUP(json_free_p) cJSON *without = document_of(GARDEN);

    (void)state;
    assert_non_null(json_get(with, "components.layer"));
    assert_non_null(json_get(with, "components.park"));
    assert_null(json_get(without, "components.layer"));
    assert_null(json_get(without, "components.progress"));
    assert_null(json_get(without, "components.park"));
}

static void a_printer_shows_the_heaters_that_it_has(void **state)
{
    CLEANUP(json_free_p) cJSON *json = document_of(PRINTER);

    (void)state;
    assert_non_null(json_get(json, "components.temperature_bed"));
    assert_non_null(json_get(json, "components.target_tool0"));
    assert_null(json_get(json, "components.temperature_chamber"));
    assert_string_equal(discovery_heater_of("temperature_bed"), "bed");
    assert_null(discovery_heater_of("state"));
}

static void each_camera_of_a_unit_has_its_picture(void **state)
{
    CLEANUP(json_free_p) cJSON *json = document_of(MK4);

    (void)state;
    assert_string_equal(json_get_string(json, "components.image.image_topic"),
                        "timelapse/v1/pi01/image/front/last");
    assert_string_equal(json_get_string(json, "components.image.name"), "Last picture");
    assert_string_equal(json_get_string(json, "components.image_topDleft.image_topic"),
                        "timelapse/v1/pi01/image/top-left/last");
    assert_string_equal(json_get_string(json, "components.image_topDleft.name"),
                        "Last picture top-left");
}

static void a_number_has_the_range_of_the_configuration(void **state)
{
    CLEANUP(json_free_p) cJSON *json = document_of(MK4);
    double max = 0;

    (void)state;
    assert_true(json_get_number(json, "components.interval_s.max", &max));
    assert_true(max > 86399 && max < 86401);
    assert_string_equal(json_get_string(json, "components.interval_s.unit_of_measurement"), "s");
    assert_string_equal(json_get_string(json, "components.interval_s.command_topic"),
                        "timelapse/v1/pi01/unit/mk4/set/interval_s");
}

static void every_component_says_its_qos_and_no_command_is_retained(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
        CLEANUP(json_free_p) cJSON *json = document_of(i);
        const cJSON *components = json_get(json, "components");

        for (const cJSON *at = json_first(components); at; at = json_next(at)) {
            bool retain = true;

            if (!json_get(at, "image_topic") && !str_equal(json_key(at), "camera"))
                assert_non_null(json_get(at, "qos"));
            if (json_get(at, "command_topic"))
                assert_true(json_get_bool(at, "retain", &retain) && !retain);
        }
    }
}

/* A unit named "printer_mk4" is not the printer "mk4", and "b_c" of agent "a" not "c" of "a_b". */
static void no_two_things_share_an_id_or_a_topic(void **state)
{
    static const struct discovery_home others[] = {
        {.prefix = "homeassistant", .topics = "timelapse", .agent = "a", .version = "1"},
        {.prefix = "homeassistant", .topics = "timelapse", .agent = "a_b", .version = "1"},
    };
    static const struct discovery_device look_alikes[] = {
        {.kind = DISCOVERY_OF_PRINTER, .id = "mk4", .states = states},
        {.kind = DISCOVERY_OF_CAMERA, .id = "printer_mk4"},
        {.kind = DISCOVERY_OF_PRINTER, .id = "camera_mk4", .states = states},
    };
    struct discovery_device one = devices[GARDEN], other = devices[GARDEN];
    CLEANUP(free_p) char *one_topic = NULL;
    CLEANUP(free_p) char *other_topic = NULL;
    CLEANUP(json_free_p) cJSON *one_json = NULL;
    CLEANUP(json_free_p) cJSON *other_json = NULL;

    (void)state;
    one.id = "b_c";
    other.id = "c";
    one_json = discovery_document(&others[0], &one, NULL);
    other_json = discovery_document(&others[1], &other, NULL);
    assert_string_not_equal(json_get_string(one_json, "device.identifiers[0]"),
                            json_get_string(other_json, "device.identifiers[0]"));
    other.id = "printer_mk4";
    other_topic = discovery_topic(&home, &other);
    for (size_t i = 0; i < ARRAY_LEN(look_alikes); i++) {
        one_topic = discovery_topic(&home, &look_alikes[i]);
        assert_string_not_equal(one_topic, other_topic);
        free(TAKE(one_topic));
    }
}

static void what_is_gone_is_removed_once(void **state)
{
    CLEANUP(json_free_p) cJSON *earlier = NULL;
    CLEANUP(json_free_p) cJSON *first = NULL;
    CLEANUP(json_free_p) cJSON *seen = NULL;
    CLEANUP(json_free_p) cJSON *second = NULL;
    CLEANUP(json_free_p) cJSON *plain = document_of(GARDEN);
    CLEANUP(free_p) char *second_text = NULL;
    CLEANUP(free_p) char *plain_text = json_print(plain);
    struct discovery_check *check = check_new();

    (void)state;
    {
        CLEANUP(json_free_p) cJSON *with_printer = document_of(MK4);

        earlier = discovery_components(with_printer);
    }
    first = discovery_document(&home, &devices[GARDEN], earlier);
    assert_int_equal(json_size(json_get(first, "components.layer")), 1);
    assert_string_equal(json_get_string(first, "components.layer.platform"), "sensor");
    assert_string_equal(json_get_string(first, "components.park.platform"), "switch");
    {
        CLEANUP(free_p) char *text = json_print(first);

        check_document(check, "homeassistant/device/pi01/lapsed_garden/config", text);
        assert_string_equal(check_faults(check), "");
    }
    seen = discovery_components(first);
    assert_null(json_get(seen, "layer"));
    second = discovery_document(&home, &devices[GARDEN], seen);
    second_text = json_print(second);
    assert_string_equal(second_text, plain_text);
    check_free(check);
}

static void topics_of_others_are_not_ours(void **state)
{
    static const char *const foreign[] = {
        "homeassistant/device/pi02/lapsed_mk4/config",
        "homeassistant/device/pi01/lapse_mk4/config",
        "homeassistant/device/pi01/lapsedmk4/config",
        "homeassistant/device/pi01/lapsed_/config",
        "homeassistant/device/pi01/lapsed_MK4/config",
        "homeassistant/device/pi01/lapsed_mk4",
        "homeassistant/device/pi01/lapsed_mk4/config/more",
        "homeassistant/device/pi01/lapsed-garage_mk4/config",
        "homeassistant/sensor/pi01/cpu/config",
        "homeassistant/sensor/pi01/lapsed_mk4/config",
        "homeassistant/status",
        "homeassistantx/device/pi01/lapsed_mk4/config",
        "timelapse/v1/pi01/status",
        "",
    };
    struct discovery_place place;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
        if (discovery_parse_topic(&home, foreign[i], &place) != -ENOENT)
            fail_msg("%s is taken for ours", foreign[i]);
}

static void our_topics_are_taken_apart(void **state)
{
    struct discovery_place place;

    (void)state;
    assert_int_equal(
        discovery_parse_topic(&home, "homeassistant/device/pi01/lapsed_a-b/config", &place), 0);
    assert_true(place.device_form);
    assert_int_equal(place.kind, DISCOVERY_OF_UNIT);
    assert_string_equal(place.id, "a-b");
    assert_int_equal(
        discovery_parse_topic(&home, "homeassistant/sensor/pi01/lapsed-printer_a-b-layer/config",
                              &place),
        0);
    assert_false(place.device_form);
    assert_int_equal(place.kind, DISCOVERY_OF_PRINTER);
    assert_string_equal(place.id, "a-b");
    assert_string_equal(place.component, "layer");
    assert_string_equal(place.platform, "sensor");
}

/* --- the reader itself --- */

static const char good[] =
    "{'device':{'identifiers':['x'],'name':'MK4'},'origin':{'name':'lapsed'},"
    "'availability':[{'topic':'t/av'}],'availability_mode':'all','state_topic':'t/status',"
    "'components':{"
    "'a':{'platform':'sensor','unique_id':'a','default_entity_id':'sensor.a','name':'State',"
    "'device_class':'enum','options':['on','off'],'value_template':'{{ value_json.state }}'},"
    "'b':{'platform':'sensor','unique_id':'b','default_entity_id':'sensor.b','name':'Size',"
    "'device_class':'duration','unit_of_measurement':'s','state_class':'measurement',"
    "'entity_category':'diagnostic','icon':'mdi:x','qos':1},"
    "'c':{'platform':'button','unique_id':'c','name':'Press','command_topic':'t/cmd',"
    "'retain':false},"
    "'d':{'platform':'number','unique_id':'d','name':'Count','command_topic':'t/set','min':1,"
    "'max':9,'step':0.5},"
    "'e':{'platform':'event','unique_id':'e','name':'News','state_topic':'t/event',"
    "'event_types':['video']},"
    "'f':{'platform':'image','unique_id':'f','name':'Image','image_topic':'t/image',"
    "'content_type':'image/jpeg'},"
    "'g':{'platform':'device_automation','automation_type':'trigger','topic':'t/event',"
    "'type':'ready','subtype':'video'},"
    "'h':{'platform':'select','unique_id':'h','name':'Choice','command_topic':'t/set',"
    "'options':['x','y']},"
    "'i':{'platform':'sensor'}}}";

static const struct {
    const char *from, *to, *fault;
} mistakes[] = {
    {"'state_topic':'t/status',", "'state_topic':'t/status','retain':true,",
     "unknown key 'retain'"},
    {"'name':'MK4'}", "'name':'MK4','foo':1}", "unknown key 'foo' in device"},
    {"{'name':'lapsed'}", "{'name':'lapsed','url':'x'}", "unknown key 'url' in origin"},
    {"{'name':'lapsed'}", "{}", "origin.name is required"},
    {"'identifiers':['x'],", "", "identifiers or connections"},
    {"'unique_id':'a',", "", "unique_id is required"},
    {"'unique_id':'b'", "'unique_id':'a'", "'a' is taken"},
    {"'default_entity_id':'sensor.b'", "'default_entity_id':'sensor.a'", "'sensor.a' is taken"},
    {"'default_entity_id':'sensor.b'", "'default_entity_id':'b'", "is not sensor.<name>"},
    {"'default_entity_id':'sensor.b'", "'object_id':'b'", "object_id is gone"},
    {"'platform':'select'", "'platform':'selection'", "platform 'selection'"},
    {"'name':'State'", "'name':'MK4 State'", "begins with the name of the device"},
    {"'device_class':'enum',", "", "options are for device_class enum only"},
    {"'options':['on','off'],", "", "device_class enum needs options"},
    {"['on','off']", "['on','on']", "option 'on' is there twice"},
    {"['on','off']", "[]", "options are empty"},
    {"'device_class':'duration'", "'device_class':'frames'", "no device_class 'frames'"},
    {"'unit_of_measurement':'s'", "'unit_of_measurement':'kg'", "does not belong to"},
    {"'unit_of_measurement':'s',", "", "does not belong to"},
    {"'device_class':'duration'", "'device_class':'timestamp'", "takes neither unit nor"},
    {"'state_class':'measurement'", "'state_class':'rising'", "state_class 'rising'"},
    {"'entity_category':'diagnostic'", "'entity_category':'config'", "cannot have the category"},
    {"'entity_category':'diagnostic'", "'entity_category':'other'", "entity_category 'other'"},
    {"'icon':'mdi:x'", "'icon':'x.png'", "is not mdi:"},
    {"'qos':1", "'qos':3", "qos is not"},
    {"'retain':false", "'retain':true", "commands must not be retained"},
    {"'command_topic':'t/cmd',", "", "'command_topic' is required"},
    {"'min':1", "'min':9", "max is not above min"},
    {"'step':0.5", "'step':0.0001", "step is below"},
    {"'event_types':['video']", "'event_types':[]", "event_types are empty"},
    {"'image_topic':'t/image'", "'url_topic':'t/image'", "content_type is for image_topic"},
    {"'image_topic':'t/image',", "'image_topic':'t/image','url_topic':'u',", "exclude each other"},
    {"'automation_type':'trigger'", "'automation_type':'action'", "automation_type is not"},
    {"'subtype':'video'", "'subtypes':'video'", "'subtype' is required"},
    {"'options':['x','y']", "'choices':['x','y']", "'options' is required"},
    {"'availability_mode':'all'", "'availability_mode':'most'", "availability_mode 'most'"},
    {"'availability':[{'topic':'t/av'}]", "'availability':[{}]", "topic is required"},
    {"'qos':1}", "'qos':1,'availability_topic':'t'}", "exclude each other"},
    {"'state_topic':'t/event'", "'state_topic':'t/#'", "cannot be published to"},
    {"'options':['x','y']", "'options':['x','y'],'colour':1", "unknown key 'colour'"},
    {"'name':'News',", "", "no name"},
    {"'components':{", "'component':{", "'components' are required"},
};

/* JSON with real quotes; from NULL: as it is. */
static char *changed(const char *from, const char *to)
{
    const char *at = from ? strstr(good, from) : NULL;
    char *text;

    if (from && !at)
        fail_msg("the document has no %s", from);
    text =
        at ? xasprintf("%.*s%s%s", (int)(at - good), good, to, at + strlen(from)) : xstrdup(good);
    for (char *quote = text; (quote = strchr(quote, '\''));)
        *quote = '"';
    return text;
}

static void the_reader_finds_every_mistake(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        CLEANUP(free_p) char *text = changed(mistakes[i].from, mistakes[i].to);
        struct discovery_check *check = check_new();

        check_document(check, "homeassistant/device/pi01/x/config", text);
        if (!strstr(check_faults(check), mistakes[i].fault))
            fail_msg("%s: no '%s', but: %s", mistakes[i].to, mistakes[i].fault,
                     check_faults(check));
        check_free(check);
    }
}

static void the_reader_finds_no_mistake_where_there_is_none(void **state)
{
    CLEANUP(free_p) char *text = changed(NULL, NULL);
    struct discovery_check *check = check_new();

    (void)state;
    check_document(check, "homeassistant/device/pi01/x/config", text);
    assert_string_equal(check_faults(check), "");
    assert_int_equal(check_entity_count(check), 8);
    check_free(check);
}

static void the_reader_refuses_a_topic_that_home_assistant_ignores(void **state)
{
    static const char *const topics[] = {"homeassistant/device/pi 01/x/config",
                                         "homeassistant/device/pi01/x.y/config",
                                         "homeassistant/device/pi01/x/conf"};
    CLEANUP(free_p) char *text = changed(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(topics); i++) {
        struct discovery_check *check = check_new();

        check_document(check, topics[i], text);
        assert_non_null(strstr(check_faults(check), "no discovery topic"));
        check_free(check);
    }
}

static void the_reader_looks_templates_up_in_what_was_said(void **state)
{
    static const struct {
        const char *status;
        bool retained_event;
        const char *fault; /* NULL: none */
    } cases[] = {
        {"{\"state\":\"on\"}", false, NULL},
        {"{\"status\":\"on\"}", false, "nobody said 'state' on t/status"},
        {NULL, false, "nobody spoke on t/status"},
        {"{\"state\":\"on\"}", true, "an event was retained on t/event"},
    };
    CLEANUP(free_p) char *text = changed(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct discovery_check *check = check_new();

        check_document(check, "homeassistant/device/pi01/x/config", text);
        check_said(check, "t/av", "online", true);
        check_said(check, "t/image", "JPEG", true);
        check_said(check, "t/event", "{\"event_type\":\"video\"}", cases[i].retained_event);
        if (cases[i].status)
            check_said(check, "t/status", cases[i].status, true);
        check_templates(check, NULL);
        if (cases[i].fault)
            assert_non_null(strstr(check_faults(check), cases[i].fault));
        else
            assert_string_equal(check_faults(check), "");
        check_free(check);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(device_documents_have_no_fault),
        cmocka_unit_test(component_documents_have_no_fault_and_are_as_many),
        cmocka_unit_test(both_forms_name_the_same_entities),
        cmocka_unit_test(entity_ids_are_those_that_older_versions_make_themselves),
        cmocka_unit_test(a_unit_without_a_printer_shows_none),
        cmocka_unit_test(a_printer_shows_the_heaters_that_it_has),
        cmocka_unit_test(each_camera_of_a_unit_has_its_picture),
        cmocka_unit_test(a_number_has_the_range_of_the_configuration),
        cmocka_unit_test(every_component_says_its_qos_and_no_command_is_retained),
        cmocka_unit_test(no_two_things_share_an_id_or_a_topic),
        cmocka_unit_test(what_is_gone_is_removed_once),
        cmocka_unit_test(topics_of_others_are_not_ours),
        cmocka_unit_test(our_topics_are_taken_apart),
        cmocka_unit_test(the_reader_finds_every_mistake),
        cmocka_unit_test(the_reader_finds_no_mistake_where_there_is_none),
        cmocka_unit_test(the_reader_refuses_a_topic_that_home_assistant_ignores),
        cmocka_unit_test(the_reader_looks_templates_up_in_what_was_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
