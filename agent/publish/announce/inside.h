/* SPDX-License-Identifier: MIT */
/* inside: what the files of the announcer share: announce.c decides when, papers.c knows what
 * should stand at the broker, heaters.c what a printer has. */
#ifndef AGENT_ANNOUNCE_INSIDE_H
#define AGENT_ANNOUNCE_INSIDE_H

#include "agent/base/list.h"
#include "agent/publish/announce.h"

/* A document as the broker has it. */
struct copy {
    struct list link;
    bool present; /* seen on this connection */
    uint64_t hash;
    cJSON *components; /* NULL: none known */
    char topic[];
};

struct announcer {
    struct announcer_config config;
    const struct discovery_settings *settings;
    struct discovery_home home;
    struct list copies;
    size_t copy_count;
    struct list heaters;
    struct timer *settle;
    struct timer *birth;
    bool stopped;
    const char *unit_states[SESSION_STATE_COUNT + 1];
    const char *printer_states[PRINTER_ERROR + 2];
};

/* --- announce.c --- */
/* NULL: the broker never had one there. */
struct copy *announce_find_copy(const struct announcer *announcer, const char *topic);

/* --- papers.c --- */
struct paper {
    struct list link;
    char *text;
    char *removing; /* the same with removals; NULL: nothing is to be removed */
    char topic[];
};

struct round {
    struct announcer *announcer;
    struct list papers;
    bool again; /* something is left over for the next */
};

void announce_list_papers(struct round *round);
struct paper *announce_find_paper(const struct round *round, const char *topic);
void announce_paper_free(struct paper *paper);

/* --- heaters.c --- */
/* False: they are the same, or the printer has not told them. */
bool announce_learn_heaters(struct announcer *announcer, const struct printer *printer);
const struct conf_strings *announce_heaters_of(struct announcer *announcer,
                                               const struct printer *printer);
void announce_forget_heaters(struct announcer *announcer);

#endif
