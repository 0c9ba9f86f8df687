/* SPDX-License-Identifier: MIT */
/* envelope: strict on purpose.
 *
 * A command moves a printer or deletes a session: what we do not understand completely we do not do
 * in part. So an unknown member is refused and not ignored ("arg" for "args" would else run a verb
 * with its defaults), and each refusal names the member. */
#include "mqtt/envelope.h"

#include "agent/base/buf.h"
#include "agent/base/clock.h"
#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

enum { KNOWN_MAX_BYTES = 256 };

#define YEAR_9999_S 253402300799.0

/* --- the codes --- */

static const struct {
    enum ack_code code;
    const char *name;
} code_names[] = {
    {ACK_OK, "ok"},
    {ACK_PARSE, "parse_error"},
    {ACK_INVALID_REQUEST, "invalid_request"},
    {ACK_UNKNOWN_VERB, "unknown_verb"},
    {ACK_BAD_PARAMS, "bad_params"},
    {ACK_INTERNAL, "internal_error"},
    {ACK_BUSY, "busy"},
    {ACK_UNKNOWN_TARGET, "unknown_target"},
    {ACK_WRONG_STATE, "wrong_state"},
    {ACK_EXPIRED, "expired"},
    {ACK_ID_REUSED, "id_reused"},
    {ACK_RETAINED, "retained_refused"},
    {ACK_PRINTER_UNREACHABLE, "printer_unreachable"},
    {ACK_CAMERA_FAILED, "camera_failed"},
    {ACK_STORAGE_FULL, "storage_full"},
    {ACK_ENCODER_FAILED, "encoder_failed"},
    {ACK_FORBIDDEN, "forbidden"},
    {ACK_TOO_LARGE, "too_large"},
    {ACK_RATE_LIMITED, "rate_limited"},
    {ACK_SHUTTING_DOWN, "shutting_down"},
    {ACK_TIMEOUT, "timeout"},
    {ACK_CANCELLED, "cancelled"},
    {ACK_UNSUPPORTED, "unsupported"},
    {ACK_CLOCK, "clock_not_synchronised"},
};

const char *ack_code_name(enum ack_code code)
{
    for (size_t i = 0; i < ARRAY_LEN(code_names); i++)
        if (code_names[i].code == code)
            return code_names[i].name;
    return "unknown_error";
}

bool ack_code_at(size_t index, enum ack_code *ret_code)
{
    if (index >= ARRAY_LEN(code_names))
        return false;
    *ret_code = code_names[index].code;
    return true;
}

/* --- the text of the payload --- */

struct text {
    const char *data; /* not terminated */
    size_t len;
};

/* "mosquitto_pub -s" and "-l" leave the newline of echo behind the word. */
static struct text trim(const uint8_t *payload, size_t len)
{
    const char *data = len ? (const char *)payload : "";

    while (len > 0 && isspace((unsigned char)*data)) {
        data++;
        len--;
    }
    while (len > 0 && isspace((unsigned char)data[len - 1]))
        len--;
    return (struct text){.data = data, .len = len};
}

static bool is_word(const struct text *text, const char *word)
{
    return text->len == strlen(word) && strncasecmp(text->data, word, text->len) == 0;
}

static bool is_press(const struct text *text)
{
    return text->len == 0 || is_word(text, "PRESS") || is_word(text, "ON") || is_word(text, "1") ||
           is_word(text, "true");
}

/* Whoever sends no object is told what could be sent, not at which byte JSON ends. */
static enum ack_code refuse_form(enum ack_code code, struct error *err)
{
    error_set(
        err, -EINVAL,
        "the payload must be empty, PRESS, ON, 1, true or a JSON object with \"id\", \"args\" "
        "and \"expires\"");
    return code;
}

static enum ack_code parse_object(const struct text *text, cJSON **ret_json, struct error *err)
{
    static const struct json_limits limits = {
        .max_bytes = ENVELOPE_MAX_BYTES,
        .max_depth = ENVELOPE_MAX_DEPTH,
    };
    CLEANUP(json_free_p) cJSON *json = NULL;
    int rc = json_parse(text->data, text->len, &limits, &json, err);

    if (rc == -EINVAL && *text->data != '{' && str_is_utf8(text->data, text->len))
        return refuse_form(ACK_PARSE, err);
    if (rc < 0)
        return ACK_PARSE;
    if (!json_is_object(json))
        return refuse_form(ACK_INVALID_REQUEST, err);
    *ret_json = TAKE(json);
    return ACK_OK;
}

/* --- the members --- */

static enum ack_code refuse(struct error *err, const char *path, const char *what)
{
    error_set(err, -EINVAL, "\"%s\" %s", path, what);
    return ACK_BAD_PARAMS;
}

static enum ack_code read_id(const cJSON *value, struct envelope *envelope, struct error *err)
{
    const char *id = json_string(value);
    size_t len = id ? strlen(id) : 0;

    if (len < 1 || len > ENVELOPE_ID_MAX)
        return refuse(err, json_key(value), "must be a text of 1 to 64 bytes");
    memcpy(envelope->id, id, len + 1);
    return ACK_OK;
}

static enum ack_code read_args(const cJSON *value, struct envelope *envelope, struct error *err)
{
    if (!json_is_object(value))
        return refuse(err, "args", "must be an object");
    envelope->args = json_copy(value);
    return ACK_OK;
}

static enum ack_code read_expires(const cJSON *value, struct envelope *envelope, struct error *err)
{
    const char *text = json_string(value);
    double unix_s = json_number(value);
    int64_t wall_ms;

    if (text && clock_parse_rfc3339(text, &wall_ms) == 0 && wall_ms > 0)
        envelope->expires_at = wall_ms;
    else if (unix_s >= 1 && unix_s <= YEAR_9999_S)
        envelope->expires_at = (int64_t)(unix_s * 1000);
    else
        return refuse(err, "expires", "must be a time as \"2026-01-31T12:00:00Z\" or unix seconds");
    return ACK_OK;
}

static enum ack_code read_value(const cJSON *value, struct envelope *envelope, struct error *err)
{
    if (!json_is_string(value) && !json_is_number(value) && !json_is_bool(value))
        return refuse(err, "value", "must be a text, a number, true or false");
    envelope->args = json_object();
    json_add(envelope->args, "value", json_copy(value));
    return ACK_OK;
}

struct member {
    const char *key;
    enum ack_code (*read)(const cJSON *value, struct envelope *envelope, struct error *err);
};

static const struct member *find_member(const struct member *members, const char *key)
{
    for (; members->key; members++)
        if (str_equal(members->key, key))
            return members;
    return NULL;
}

static enum ack_code refuse_member(struct error *err, const char *key, const struct member *members)
{
    CLEANUP(buf_done) struct buf known = BUF_INIT(KNOWN_MAX_BYTES);

    for (; members->key; members++)
        if (buf_printf(&known, "%s%s", known.len > 0 ? ", " : "", members->key) < 0)
            break;
    error_set(err, -EINVAL, "\"%s\" is not known here; there are %s", key, buf_text(&known));
    return ACK_BAD_PARAMS;
}

/* The id is read first, whatever stands before it: the refusal of another member shall carry it. */
static enum ack_code read_members(const cJSON *json, const struct member *members,
                                  struct envelope *envelope, struct error *err)
{
    const cJSON *id = json_get(json, "id");
    enum ack_code code = id ? read_id(id, envelope, err) : ACK_OK;

    for (const cJSON *value = json_first(json); code == ACK_OK && value; value = json_next(value)) {
        const struct member *member = find_member(members, json_key(value));

        if (!member)
            return refuse_member(err, json_key(value), members);
        if (value != id)
            code = member->read(value, envelope, err);
    }
    return code;
}

static enum ack_code parse_members(const struct text *text, const struct member *members,
                                   struct envelope *envelope, struct error *err)
{
    CLEANUP(json_free_p) cJSON *json = NULL;
    enum ack_code code = parse_object(text, &json, err);

    if (code == ACK_OK)
        code = read_members(json, members, envelope, err);
    if (code != ACK_OK)
        envelope_done(envelope);
    return code;
}

static enum ack_code check_size(size_t len, struct error *err)
{
    if (len <= ENVELOPE_MAX_BYTES)
        return ACK_OK;
    error_set(err, -EMSGSIZE, "a payload of %zu bytes: at most %d are accepted", len,
              ENVELOPE_MAX_BYTES);
    return ACK_TOO_LARGE;
}

static const struct member command_members[] = {
    {"id", read_id}, {"args", read_args}, {"expires", read_expires}, {NULL, NULL}};

enum ack_code envelope_parse_command(const uint8_t *payload, size_t len, struct envelope *ret,
                                     struct error *err)
{
    struct text text = trim(payload, len);
    enum ack_code code = check_size(len, err);

    *ret = (struct envelope){0};
    if (code != ACK_OK || is_press(&text))
        return code;
    return parse_members(&text, command_members, ret, err);
}

/* Puts what is no member of an envelope into "args". */
static cJSON *wrap(const cJSON *json)
{
    cJSON *wrapped = json_object();
    cJSON *args = json_object();

    for (const cJSON *value = json_first(json); value; value = json_next(value))
        json_add(find_member(command_members, json_key(value)) ? wrapped : args, json_key(value),
                 json_copy(value));
    json_add(wrapped, "args", args);
    return wrapped;
}

enum ack_code envelope_parse_bare(const uint8_t *payload, size_t len, struct envelope *ret,
                                  struct error *err)
{
    CLEANUP(json_free_p) cJSON *json = NULL;
    CLEANUP(json_free_p) cJSON *wrapped = NULL;
    struct text text = trim(payload, len);
    enum ack_code code = check_size(len, err);

    *ret = (struct envelope){0};
    if (code != ACK_OK || is_press(&text))
        return code;
    code = parse_object(&text, &json, err);
    if (code == ACK_OK && !json_get(json, "args"))
        wrapped = wrap(json);
    if (code == ACK_OK)
        code = read_members(wrapped ? wrapped : json, command_members, ret, err);
    if (code != ACK_OK)
        envelope_done(ret);
    return code;
}

static enum ack_code parse_value(const struct text *text, struct envelope *ret, struct error *err)
{
    CLEANUP(free_p) char *value = NULL;

    if (text->len == 0)
        return refuse(err, "value", "is missing: the payload is empty");
    if (!str_is_utf8(text->data, text->len)) {
        error_set(err, -EINVAL, "the payload is not valid UTF-8, or has a NUL byte");
        return ACK_PARSE;
    }
    value = xstrndup(text->data, text->len);
    ret->args = json_object();
    json_add_string(ret->args, "value", value);
    return ACK_OK;
}

enum ack_code envelope_parse_set(const uint8_t *payload, size_t len, struct envelope *ret,
                                 struct error *err)
{
    static const struct member members[] = {
        {"id", read_id}, {"value", read_value}, {"expires", read_expires}, {NULL, NULL}};
    struct text text = trim(payload, len);
    enum ack_code code = check_size(len, err);

    *ret = (struct envelope){0};
    if (code != ACK_OK)
        return code;
    if (text.len == 0 || *text.data != '{')
        return parse_value(&text, ret, err);
    code = parse_members(&text, members, ret, err);
    if (code == ACK_OK && !ret->args)
        code = refuse(err, "value", "is missing");
    return code;
}

enum ack_code envelope_parse_params(const cJSON *params, struct envelope *ret, struct error *err)
{
    const cJSON *id = json_get(params, "command_id"), *expires = json_get(params, "expires");
    enum ack_code code = ACK_OK;

    *ret = (struct envelope){0};
    if (id)
        code = read_id(id, ret, err);
    if (code == ACK_OK && expires)
        code = read_expires(expires, ret, err);
    ret->args = json_object();
    for (const cJSON *member = json_first(params); member; member = json_next(member))
        if (member != id && member != expires)
            json_add(ret->args, json_key(member), json_copy(member));
    return code;
}

void envelope_done(struct envelope *envelope)
{
    json_free(envelope->args);
    envelope->args = NULL;
}

/* --- the acknowledgement --- */

char *ack_print(const struct ack *ack)
{
    CLEANUP(json_free_p) cJSON *json = json_object();

    json_add_int(json, "v", 1);
    json_add_string(json, "id", ack->id && *ack->id ? ack->id : NULL);
    json_add_string(json, "agent", ack->agent);
    json_add_string(json, "unit", ack->unit);
    if (ack->camera)
        json_add_string(json, "camera", ack->camera);
    json_add_string(json, "cmd", ack->cmd);
    json_add_string(json, "phase", ack->final ? "final" : "accepted");
    json_add_bool(json, "ok", ack->code == ACK_OK);
    json_add_int(json, "code", ack->code);
    if (ack->code != ACK_OK) {
        json_add_string(json, "error", ack_code_name(ack->code));
        json_add_string(json, "message", ack->message);
    }
    if (ack->result)
        json_add(json, "result", json_copy(ack->result));
    if (ack->note)
        json_add_string(json, "note", ack->note);
    if (ack->dup)
        json_add_bool(json, "dup", true);
    json_add_time(json, "ts", clock_wall_ms());
    return json_print(json);
}
