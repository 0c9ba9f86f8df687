/* SPDX-License-Identifier: MIT */
#include "tests/sim/spoil.h"

#include <string.h>

static const char html_page[] = "<html><body><h1>It works!</h1></body></html>\n";

enum { GARBAGE_BYTES = 700 };

static void fill_garbage(uint8_t *bytes, size_t len, uint64_t state)
{
    for (size_t i = 0; i < len; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bytes[i] = (uint8_t)(state >> 56);
    }
}

static void replace_body(struct http_answer *answer, const void *body, size_t len)
{
    answer->body = body;
    answer->body_len = len;
}

static void spoil_content(struct faults *faults, int scope, int64_t now_us,
                          uint8_t garbage[GARBAGE_BYTES], struct http_answer *answer)
{
    if (faults_hit(faults, FAULT_GARBAGE, scope, now_us)) {
        fill_garbage(garbage, GARBAGE_BYTES, (uint64_t)now_us);
        replace_body(answer, garbage, GARBAGE_BYTES);
    }
    if (faults_hit(faults, FAULT_HTML, scope, now_us)) {
        answer->content_type = "text/html";
        replace_body(answer, html_page, strlen(html_page));
    }
    if (faults_hit(faults, FAULT_503, scope,
                   now_us)) { /* as the firmware: neither body nor length */
        *answer =
            (struct http_answer){.status = 503, .content_type = "text/html", .no_length = true};
    }
    if (faults_hit(faults, FAULT_401, scope, now_us))
        *answer = (struct http_answer){.status = 401, .reason = "Not authorized"};
}

static void spoil_manner(struct faults *faults, int scope, int64_t now_us,
                         struct http_answer *answer)
{
    const struct fault *fault;

    if (faults_hit(faults, FAULT_CUT, scope, now_us))
        answer->manner = HTTP_CUT;
    fault = faults_hit(faults, FAULT_DRIP, scope, now_us);
    if (fault) {
        answer->manner = HTTP_DRIP;
        answer->drip_ms = fault->ms;
    }
    if (faults_hit(faults, FAULT_DROP, scope, now_us))
        answer->manner = HTTP_DROP;
    if (faults_hit(faults, FAULT_HANG, scope, now_us))
        answer->manner = HTTP_HANG;
    fault = faults_hit(faults, FAULT_DELAY, scope, now_us);
    if (fault)
        answer->delay_ms += fault->ms;
}

void spoil_and_answer(struct faults *faults, int scope, int64_t now_us,
                      struct http_exchange *exchange, const struct http_answer *answer)
{
    struct http_answer spoilt = *answer;
    uint8_t garbage[GARBAGE_BYTES];

    spoil_content(faults, scope, now_us, garbage, &spoilt);
    spoil_manner(faults, scope, now_us, &spoilt);
    http_exchange_answer(exchange, &spoilt);
}
