/* SPDX-License-Identifier: MIT */
#include "agent/base/text_wrap.h"

#include <string.h>

enum { LINE_COLUMNS = 80 };

void text_wrap(const char *text, size_t indent, size_t at, FILE *out)
{
    bool line_begins = true;

    while (*text) {
        size_t len = strcspn(text, " ");

        if (!line_begins && at + 1 + len > LINE_COLUMNS) {
            fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (!line_begins) {
            fputc(' ', out);
            at++;
        }
        line_begins = false;
        fwrite(text, 1, len, out);
        at += len;
        text += len + strspn(text + len, " ");
    }
    fputc('\n', out);
}
