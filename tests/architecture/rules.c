/* SPDX-License-Identifier: MIT */
/* rules: the drawing in README.md as a machine reads it. A reader is added here only when the
 * library really needs a second door. */
#include "tests/architecture/rules.h"

#include "agent/base/str.h"

const struct room_rule room_rules[] = {
    {"agent/base/", {"agent/base/"}},
    {"mqtt/", {"mqtt/", "agent/base/"}},
    {"capture/", {"capture/", "agent/base/"}},
    {"encode/", {"encode/", "agent/base/"}},
    {"agent/", {"agent/", "mqtt/", "capture/", "encode/"}},
    {"tests/", {"tests/", "agent/", "mqtt/", "capture/", "encode/"}},
};
const size_t room_rule_count = ARRAY_LEN(room_rules);

#define DOOR(name, ...)                                                                            \
    {                                                                                              \
        .header = (name), .readers = { __VA_ARGS__ }                                               \
    }
#define ONE_DOOR(name, ...)                                                                        \
    {                                                                                              \
        .header = (name), .readers = {__VA_ARGS__}, .one_reader = true                             \
    }

const struct door_rule door_rules[] = {
    DOOR("uv.h", "agent/base/loop.c", "agent/base/process.c", "tests/sim/"),
    DOOR("curl/", "agent/base/http.c"),
    DOOR("libconfig.h", "agent/base/conf.c"),
    DOOR("cjson/", "agent/base/json.c"),
    ONE_DOOR("mosquitto.h", "mqtt/"),
    DOOR("sqlite3.h", "agent/journal/database.c"),
    DOOR("openssl/", "mqtt/tls.c", "tests/"),
    DOOR("turbojpeg.h", "capture/jpeg.c", "tests/"),
    DOOR("libexif/", "capture/exif.c", "tests/"),
    DOOR("jpeglib.h", "capture/jpeg.c", "tests/"),
    DOOR("linux/videodev2.h", "capture/camera/v4l2_control.c", "capture/camera/v4l2_device.c",
         "capture/camera/v4l2_format.c", "capture/camera/v4l2_node.c", "tests/"),
    DOOR("agent/base/conf_value.h", "agent/base/conf.c", "agent/base/conf_value.c"),
    DOOR("agent/printer/driver.h", "agent/printer/", "tests/agent/"),
    DOOR("agent/unit/inside.h", "agent/unit/unit.c", "agent/unit/"),
    DOOR("agent/journal/rooms.h", "agent/journal/journal.c", "agent/journal/"),
    DOOR("gpiod.h", "capture/gpio_v1.c", "capture/gpio_v2.c", "tests/device/"),
    DOOR("agent/light/driver.h", "agent/light/", "tests/agent/"),
    DOOR("capture/camera/driver.h", "capture/camera/", "tests/capture/"),
};
const size_t door_rule_count = ARRAY_LEN(door_rules);

const char *const banned_calls[] = {
    "strcpy", "strcat", "sprintf", "strncpy", "gets",      "strtok", "atoi",   "atof", "strtol",
    "system", "popen",  "sleep",   "usleep",  "localtime", "gmtime", "alloca", NULL,
};
const char *const banned_in[] = {"agent/", "mqtt/", "capture/", "encode/", NULL};

const char *const top_level_names[] = {
    "agent",       "mqtt",    "capture",        "encode",     "tests",
    "conf",        ".ci",     "CMakeLists.txt", "README.md",  "CHANGELOG.md",
    "SECURITY.md", "LICENSE", ".clang-format",  ".gitignore", "CMakePresets.json",
    NULL,
};
const char *const ignored_names[] = {".git", "build", ".cache", "compile_commands.json", NULL};

/* With an escaped first character, or this file would be found. */
const char *const foreign_paths[] = {
    "\x2fhome/", "\x2froot/", "\x2fUsers/", "\x2fwork/", "\x24{CMAKE_SOURCE_DIR}/..", NULL,
};

bool rule_covers(const char *place, const char *path)
{
    return str_ends_with(place, "/") ? str_starts_with(path, place) : str_equal(path, place);
}

bool rule_any_covers(const char *const *places, const char *path)
{
    for (; *places; places++)
        if (rule_covers(*places, path))
            return true;
    return false;
}
