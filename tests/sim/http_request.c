/* SPDX-License-Identifier: MIT */
#include "tests/sim/http_request.h"

#include "tests/sim/scan.h"

#include <string.h>

static bool copy_field(const char *text, size_t len, char *ret_field, size_t size)
{
    if (len >= size)
        return false;
    memcpy(ret_field, text, len);
    ret_field[len] = '\0';
    return true;
}

/* "GET /path?query HTTP/1.1" */
static bool parse_request_line(const char *line, size_t len, struct http_request *request)
{
    const char *end = line + len;
    const char *target = memchr(line, ' ', len), *version, *query;

    if (!target)
        return false;
    target++;
    version = memchr(target, ' ', (size_t)(end - target));
    if (!version)
        return false;
    query = memchr(target, '?', (size_t)(version - target));
    if (!query)
        query = version;
    return copy_field(line, (size_t)(target - 1 - line), request->method,
                      sizeof(request->method)) &&
           copy_field(target, (size_t)(query - target), request->path, sizeof(request->path)) &&
           (query == version || copy_field(query + 1, (size_t)(version - query - 1), request->query,
                                           sizeof(request->query)));
}

static const char *header_value(const char *line, size_t len, const char *name)
{
    size_t name_len = strlen(name);

    if (len <= name_len || strncasecmp(line, name, name_len) != 0 || line[name_len] != ':')
        return NULL;
    line += name_len + 1;
    return line + strspn(line, " ");
}

bool http_request_parse(const char *head, struct http_request *request, size_t *ret_body_len)
{
    size_t len = strcspn(head, "\r\n");
    int64_t body_len;

    *ret_body_len = 0;
    if (!parse_request_line(head, len, request))
        return false;
    for (head += len; *head; head += len) {
        const char *value;

        head += strspn(head, "\r\n");
        len = strcspn(head, "\r\n");
        request->header_count += len > 0;
        value = header_value(head, len, "X-Session-Key");
        if (value)
            copy_field(value, strspn(value, "0123456789"), request->session_key,
                       sizeof(request->session_key));
        value = header_value(head, len, "Content-Length");
        if (value && scan_int(value, &body_len))
            *ret_body_len = (size_t)body_len;
    }
    return true;
}
