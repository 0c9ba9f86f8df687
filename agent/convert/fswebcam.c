/* SPDX-License-Identifier: MIT */
#include "agent/convert/fswebcam.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <string.h>

enum { SIDE_MAX_PX = 8192, FPS_MAX = 120 };

/* Of its manual page; those that say nothing about the picture. */
static const char *const silent[] = {"-q",          "--quiet",  "-v",         "--verbose",
                                     "--no-banner", "{output}", "--no-title", NULL};

static bool is_word(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (str_equal(word, *words))
            return true;
    return false;
}

static bool read_size(const char *text, struct fswebcam *ret)
{
    const char *x = strchr(text, 'x');
    CLEANUP(free_p) char *width = xstrndup(text, x ? (size_t)(x - text) : 0);

    return x && str_to_int(width, &ret->width) == 0 && str_to_int(x + 1, &ret->height) == 0 &&
           ret->width > 0 && ret->width <= SIDE_MAX_PX && ret->height > 0 &&
           ret->height <= SIDE_MAX_PX;
}

static bool read_pair(const char *option, const char *value, struct fswebcam *ret)
{
    if (str_equal(option, "-d") || str_equal(option, "--device")) {
        ret->device = value;
        return str_starts_with(value, "/dev/");
    }
    if (str_equal(option, "-r") || str_equal(option, "--resolution"))
        return read_size(value, ret);
    return str_equal(option, "--fps") && str_to_int(value, &ret->fps) == 0 && ret->fps > 0 &&
           ret->fps <= FPS_MAX;
}

bool fswebcam_read(const struct camparam *command, struct fswebcam *ret)
{
    const char *slash = command->count > 0 ? strrchr(command->words[0], '/') : NULL;

    *ret = (struct fswebcam){0};
    if (command->count == 0 || !str_equal(slash ? slash + 1 : command->words[0], "fswebcam"))
        return false;
    for (size_t i = 1; i < command->count; i++) {
        if (is_word(command->words[i], silent))
            continue;
        if (i + 1 == command->count || !read_pair(command->words[i], command->words[i + 1], ret))
            return false;
        i++;
    }
    return true;
}
