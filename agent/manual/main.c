/* SPDX-License-Identifier: MIT */
/* manual: lapsed_manual PAGE DATE FILE */
#include "agent/manual/main.h"

#include "agent/base/str.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name;
    void (*write)(const char *date, FILE *out);
} pages[] = {
    {"lapsed.8", manual_lapsed},
    {"lapsectl.1", manual_lapsectl},
    {"lapsed.conf.5", manual_conf},
};

static int write_page(size_t page, const char *date, const char *file)
{
    FILE *out = fopen(file, "we");

    if (!out) {
        perror(file);
        return EXIT_FAILURE;
    }
    pages[page].write(date, out);
    if (fclose(out) == 0)
        return EXIT_SUCCESS;
    perror(file);
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 4 && i < ARRAY_LEN(pages); i++)
        if (str_equal(argv[1], pages[i].name))
            return write_page(i, argv[2], argv[3]);
    fputs("usage: lapsed_manual PAGE DATE FILE\n", stderr);
    return EXIT_FAILURE;
}
