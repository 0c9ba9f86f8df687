/* SPDX-License-Identifier: MIT */
#include "capture/camera/gphoto2_name.h"

#include "agent/base/buf.h"
#include "agent/base/mem.h"
#include "agent/base/path.h"
#include "agent/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PADDING_MAX = 20, TIME_MAX = 64 };

static const char of_time[] = "aAbBdHkIljmMSyY";

/* --- the path becomes a name --- */

struct parts {
    const char *at[GPHOTO2_NAME_DEPTH]; /* not terminated */
    size_t len[GPHOTO2_NAME_DEPTH];
    size_t count;
};

static int add_part(struct parts *parts, const char *at, size_t len, struct error *err)
{
    if (len == 0 || (len == 1 && at[0] == '.'))
        return 0;
    if (len == 2 && at[0] == '.' && at[1] == '.') {
        parts->count -= parts->count > 0;
        return 0;
    }
    if (parts->count == GPHOTO2_NAME_DEPTH)
        return error_set(err, -EINVAL, "has more than %d directories", GPHOTO2_NAME_DEPTH - 1);
    parts->at[parts->count] = at;
    parts->len[parts->count++] = len;
    return 0;
}

/* Without "." and "..", which never lead above the first part. */
static int split_path(const char *path, struct parts *ret_parts, struct error *err)
{
    *ret_parts = (struct parts){0};
    for (const char *at = path; *at;) {
        size_t len = strcspn(at, "/");

        if (add_part(ret_parts, at, len, err) < 0)
            return -EINVAL;
        at += len + (at[len] == '/');
    }
    return 0;
}

static bool same_part(const struct parts *a, const struct parts *b, size_t index)
{
    return a->len[index] == b->len[index] && memcmp(a->at[index], b->at[index], a->len[index]) == 0;
}

/* How many parts of an absolute path are the base directory itself. */
static size_t count_base(const struct parts *path, const char *base_dir)
{
    struct parts base;

    if (split_path(base_dir, &base, NULL) < 0 || base.count >= path->count)
        return 0;
    for (size_t i = 0; i < base.count; i++)
        if (!same_part(path, &base, i))
            return 0;
    return base.count;
}

/* Separators and the like mean something to a shell or a web page that lists the pictures. */
static bool is_harmless(unsigned char byte)
{
    return byte >= 0x80 || isalnum(byte) || (byte && strchr(" ._-+=,@()[]%:#~", byte));
}

/* C1 controls, and the marks that turn the direction of writing, to show another name than there
 * is. */
static bool is_trick(const char *at)
{
    return (at[0] == '\xc2' && (unsigned char)at[1] < 0xa0) ||
           (at[0] == '\xe2' && at[1] == '\x80' && at[2] >= '\xaa' && at[2] <= '\xae') ||
           (at[0] == '\xe2' && at[1] == '\x81' && at[2] >= '\xa6' && at[2] <= '\xa9');
}

static int check_part(const char *part, size_t len, struct error *err)
{
    if (len > GPHOTO2_NAME_PART_MAX)
        return error_set(err, -EINVAL, "'%.24s…' is longer than %d bytes", part,
                         GPHOTO2_NAME_PART_MAX);
    if (part[0] == '.' || part[0] == '-')
        return error_set(err, -EINVAL, "'%.*s' begins with '%c'", (int)len, part, part[0]);
    for (size_t i = 0; i < len; i++)
        if (!is_harmless((unsigned char)part[i]))
            return error_set(err, -EINVAL,
                             isprint((unsigned char)part[i])
                                 ? "has the character '%c', which no name may have"
                                 : "has a character of code %d in its name",
                             part[i]);
    for (size_t i = 0; i < len; i++)
        if (is_trick(part + i))
            return error_set(err, -EINVAL, "has an invisible character in its name");
    return 0;
}

static int check_placeholder(const char *at, size_t *ret_len, struct error *err)
{
    size_t digits = strspn(at + 1, "0123456789");
    char letter = at[1 + digits];

    *ret_len = digits + 2;
    if (digits > 0 && letter != 'n')
        return error_set(err, -EINVAL, "'%%%.*s' is no placeholder: only %%n takes a width",
                         (int)MIN(digits + 1, (size_t)8), at + 1);
    if (digits > 2)
        return error_set(err, -EINVAL, "the width of %%n is more than %d", PADDING_MAX);
    if (letter == 'F')
        return error_set(err, -EINVAL, "%%F (the camera's own directory) is not allowed here");
    if (letter && (strchr("nCf:%", letter) || strchr(of_time, letter)))
        return 0;
    return error_set(err, -EINVAL,
                     "'%%%c' is no placeholder; there are %%n %%C %%f %%: %%%% and, of the "
                     "time, %%Y %%m %%d %%H %%M %%S and others",
                     letter ? letter : ' ');
}

static int check_placeholders(const char *name, struct error *err)
{
    for (const char *at = strchr(name, '%'); at; at = strchr(at, '%')) {
        size_t len;

        if (check_placeholder(at, &len, err) < 0)
            return -EINVAL;
        at += len;
    }
    return 0;
}

static int join_parts(const struct parts *parts, size_t first, char **ret_name, struct error *err)
{
    CLEANUP(buf_done) struct buf name = BUF_INIT(GPHOTO2_NAME_MAX);

    for (size_t i = first; i < parts->count; i++) {
        if (check_part(parts->at[i], parts->len[i], err) < 0)
            return -EINVAL;
        if (buf_printf(&name, "%s%.*s", name.len > 0 ? "/" : "", (int)parts->len[i], parts->at[i]) <
            0)
            return error_set(err, -EINVAL, "is longer than %d bytes", GPHOTO2_NAME_MAX);
    }
    if (name.len == 0)
        return error_set(err, -EINVAL, "names no file");
    *ret_name = xstrdup(buf_text(&name));
    return 0;
}

int gphoto2_name_confine(const char *path, const char *base_dir, char **ret_name, struct error *err)
{
    struct parts parts;
    size_t len = strlen(path);

    if (len > GPHOTO2_NAME_MAX)
        return error_set(err, -EINVAL, "is longer than %d bytes", GPHOTO2_NAME_MAX);
    if (!str_is_utf8(path, len))
        return error_set(err, -EINVAL, "is not valid UTF-8");
    if (len == 0 || path[len - 1] == '/')
        return error_set(err, -EINVAL, "names no file");
    if (check_placeholders(path, err) < 0 || split_path(path, &parts, err) < 0)
        return -EINVAL;
    return join_parts(&parts, path[0] == '/' ? count_base(&parts, base_dir) : 0, ret_name, err);
}

/* --- placeholders --- */

/* "%%" is no placeholder for this: it is the same in every name. */
static const char *next_placeholder(const char *at, char *ret_letter)
{
    while ((at = strchr(at, '%'))) {
        at += 1 + strspn(at + 1, "0123456789");
        if (*at == '\0')
            return NULL;
        *ret_letter = *at++;
        if (*ret_letter != '%')
            return at;
    }
    return NULL;
}

bool gphoto2_name_is_fixed(const char *name)
{
    char letter;

    return !next_placeholder(name, &letter);
}

bool gphoto2_name_has(const char *name, char placeholder)
{
    char letter;

    for (const char *at = name; (at = next_placeholder(at, &letter));)
        if (letter == placeholder)
            return true;
    return false;
}

const char *gphoto2_name_suffix(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot && !strchr(dot, '/') ? dot + 1 : "";
}

/* What the camera calls the picture, as one harmless name. */
static char *camera_name(const struct gphoto2_picture *picture)
{
    const char *slash = picture->name ? strrchr(picture->name, '/') : NULL;

    if (!picture->name)
        return xstrdup("picture");
    return path_safe_name(slash ? slash + 1 : picture->name);
}

static int fill_name(char letter, const struct gphoto2_picture *picture, struct buf *filled)
{
    CLEANUP(free_p) char *name = camera_name(picture);
    const char *suffix = gphoto2_name_suffix(name);

    if (letter == 'C')
        return buf_printf(filled, "%s", *suffix ? suffix : "bin");
    if (letter == 'f')
        return buf_printf(filled, "%.*s", (int)(strlen(name) - strlen(suffix) - (*suffix != '\0')),
                          name);
    for (char *at = name; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return buf_printf(filled, "%s", name);
}

/* Formats in plain sight, so that the compiler checks them. */
static size_t format_time(char letter, const struct tm *at, char ret_text[TIME_MAX])
{
    switch (letter) {
    case 'a':
        return strftime(ret_text, TIME_MAX, "%a", at);
    case 'A':
        return strftime(ret_text, TIME_MAX, "%A", at);
    case 'b':
        return strftime(ret_text, TIME_MAX, "%b", at);
    case 'B':
        return strftime(ret_text, TIME_MAX, "%B", at);
    case 'd':
        return strftime(ret_text, TIME_MAX, "%d", at);
    case 'H':
    case 'k':
        return strftime(ret_text, TIME_MAX, "%H", at);
    case 'I':
    case 'l':
        return strftime(ret_text, TIME_MAX, "%I", at);
    case 'j':
        return strftime(ret_text, TIME_MAX, "%j", at);
    case 'm':
        return strftime(ret_text, TIME_MAX, "%m", at);
    case 'M':
        return strftime(ret_text, TIME_MAX, "%M", at);
    case 'S':
        return strftime(ret_text, TIME_MAX, "%S", at);
    case 'y':
        return (size_t)snprintf(ret_text, TIME_MAX, "%02d", at->tm_year % 100);
    default:
        return strftime(ret_text, TIME_MAX, "%Y", at);
    }
}

static int fill_time(char letter, const struct gphoto2_picture *picture, struct buf *filled)
{
    time_t at = (time_t)picture->taken_at_s;
    char text[TIME_MAX];
    struct tm local;

    if (!localtime_r(&at, &local) || format_time(letter, &local, text) == 0)
        return 0;
    return buf_printf(filled, "%s", text);
}

/* at: behind the '%'. Returns what follows the placeholder. */
static const char *fill_one(const char *at, const struct gphoto2_picture *picture,
                            struct buf *filled, int *rc)
{
    int64_t width = 0;

    for (; isdigit((unsigned char)*at); at++)
        width = MIN(width * 10 + (*at - '0'), (int64_t)PADDING_MAX);
    if (*at == 'n')
        *rc = buf_printf(filled, "%0*lld", (int)width, (long long)picture->number);
    else if (*at == '%')
        *rc = buf_append(filled, "%", 1);
    else if (strchr(of_time, *at))
        *rc = fill_time(*at, picture, filled);
    else
        *rc = fill_name(*at, picture, filled);
    return at + 1;
}

static int fill(const char *name, const struct gphoto2_picture *picture, struct buf *filled)
{
    int rc = 0;

    while (*name && rc == 0) {
        size_t plain = strcspn(name, "%");

        rc = buf_append(filled, name, plain);
        name += plain;
        if (rc == 0 && *name == '%' && name[1])
            name = fill_one(name + 1, picture, filled, &rc);
    }
    return rc;
}

int gphoto2_name_fill(const char *name, const struct gphoto2_picture *picture, char **ret_name,
                      struct error *err)
{
    CLEANUP(buf_done) struct buf filled = BUF_INIT(GPHOTO2_NAME_MAX);
    struct parts parts;

    if (!name) {
        *ret_name = camera_name(picture);
        return 0;
    }
    if (fill(name, picture, &filled) < 0)
        return error_set(err, -EINVAL, "is longer than %d bytes", GPHOTO2_NAME_MAX);
    if (split_path(buf_text(&filled), &parts, err) < 0)
        return -EINVAL;
    return join_parts(&parts, 0, ret_name, err);
}
