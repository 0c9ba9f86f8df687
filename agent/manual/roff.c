/* SPDX-License-Identifier: MIT */
#include "agent/manual/roff.h"

#include "agent/base/str.h"

#include <string.h>

enum { SOURCE_COLUMNS = 70 };

/* One character. A minus is a minus, not a hyphen: people copy options from a manual. */
static size_t put_character(FILE *out, const char *at)
{
    static const struct {
        const char *text, *roff;
    } specials[] = {
        {"\\", "\\e"},
        {"-", "\\-"},
        {"\xe2\x80\xa6", "..."},
        {"\"", "\\(dq"},
        {"\xe2\x80\x93", "\\(en"},
        {"'", "\\(aq"},
        {"`", "\\(ga"},
        {"^", "\\(ha"},
        {"~", "\\(ti"},
    };

    for (size_t i = 0; i < ARRAY_LEN(specials); i++)
        if (str_starts_with(at, specials[i].text)) {
            fputs(specials[i].roff, out);
            return strlen(specials[i].text);
        }
    fputc(*at, out);
    return 1;
}

/* A line of text that is none of roff's requests. */
static void put_line(FILE *out, const char *text, size_t len)
{
    size_t at = 0;

    if (len > 0 && text[0] == '.')
        fputs("\\&", out);
    while (at < len)
        at += put_character(out, text + at);
    fputc('\n', out);
}

/* Arguments of a macro, one for each word: none may be taken for a macro itself. */
static void put_arguments(FILE *out, const char *text)
{
    fputs("\\&", out);
    while (*text) {
        if (*text == ' ') {
            fputs(" \\&", out);
            text++;
        } else {
            text += put_character(out, text);
        }
    }
}

void roff_begin(FILE *out, const char *name, const char *section, const char *date,
                const char *summary)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    int64_t year = 0, month = 0, day = 0;
    char part[3][5] = {"", "", ""};

    if (strlen(date) == strlen("2026-01-31")) {
        memcpy(part[0], date, 4);
        memcpy(part[1], date + 5, 2);
        memcpy(part[2], date + 8, 2);
    }
    if (str_to_int(part[0], &year) < 0 || str_to_int(part[1], &month) < 0 || month < 1 ||
        month > 12 || str_to_int(part[2], &day) < 0)
        fputs(".Dd $Mdocdate$\n", out);
    else
        fprintf(out, ".Dd %s %d, %d\n", months[month - 1], (int)day, (int)year);
    fputs(".Dt ", out);
    for (const char *at = name; *at; at++)
        fputc(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at, out);
    fprintf(out, " %s\n.Os lapsed\n.Sh NAME\n.Nm %s\n.Nd ", section, name);
    put_line(out, summary, strlen(summary));
}

void roff_section(FILE *out, const char *title)
{
    fprintf(out, ".Sh %s\n", title);
}

void roff_subsection(FILE *out, const char *title)
{
    fputs(".Ss ", out);
    put_line(out, title, strlen(title));
}

/* Whether a sentence ends in front of the space at; "..." is none. */
static bool ends_sentence(const char *text, const char *at)
{
    return at - text >= 2 && at[-1] == '.' && at[-2] != '.' && (at[1] < 'a' || at[1] > 'z');
}

/* How much of it stands in one line of the source: a sentence, or what an editor shows. */
static size_t line_len(const char *text)
{
    const char *end = text;

    for (const char *at = text; *at; at++) {
        if (*at != ' ')
            continue;
        if (end > text && at - text > SOURCE_COLUMNS)
            return (size_t)(end - text);
        end = at;
        if (ends_sentence(text, at))
            return (size_t)(at - text);
    }
    return end > text && strlen(text) > SOURCE_COLUMNS ? (size_t)(end - text) : strlen(text);
}

void roff_more(FILE *out, const char *text)
{
    while (*text) {
        size_t len = line_len(text);

        put_line(out, text, len);
        text += len;
        text += strspn(text, " ");
    }
}

void roff_text(FILE *out, const char *text)
{
    fputs(".Pp\n", out);
    roff_more(out, text);
}

void roff_list_begin(FILE *out)
{
    fputs(".Bl -tag -width Ds\n", out);
}

void roff_list_end(FILE *out)
{
    fputs(".El\n", out);
}

void roff_option(FILE *out, char letter, const char *name, const char *value)
{
    fputs(".It ", out);
    if (letter)
        fprintf(out, "Fl %c , ", letter);
    fputs("Fl ", out);
    put_arguments(out, "-");
    put_arguments(out, name);
    if (value) {
        fputs(" Ar ", out);
        put_arguments(out, value);
    }
    fputc('\n', out);
}

void roff_word(FILE *out, const char *word, const char *behind)
{
    fputs(".It Ic ", out);
    put_arguments(out, word);
    if (behind[0]) {
        fputs(" Ar ", out);
        put_arguments(out, behind);
    }
    fputc('\n', out);
}

void roff_example(FILE *out, const char *text)
{
    fputs(".Bd -literal -offset indent\n", out);
    while (*text) {
        size_t len = strcspn(text, "\n");

        put_line(out, text, len);
        text += len + (text[len] == '\n');
    }
    fputs(".Ed\n", out);
}

void roff_see_also(FILE *out, const char *const *pages)
{
    roff_section(out, "SEE ALSO");
    for (; pages[0]; pages += 2)
        fprintf(out, ".Xr %s %s%s\n", pages[0], pages[1], pages[2] ? " ," : "");
}
