/* SPDX-License-Identifier: MIT */
/* hold_rules: when the printer may be paused, and whose pause it is that we see. Pure. */
#ifndef AGENT_PRINTER_HOLD_RULES_H
#define AGENT_PRINTER_HOLD_RULES_H

#include "agent/printer/hold_state.h"
#include "agent/printer/printer.h"

/* What is known of the pause that is ours. */
struct hold_facts {
    char job_file[PRINTER_FILE_MAX];
    int64_t elapsed_s;
    int64_t intent_bytes; /* where the file was before the pause */
    int64_t paused_bytes; /* where it stands since; -1 = not read yet */
    int64_t paused_at_us; /* first seen paused; 0 = not yet */
    bool recovered;       /* from the ledger: all but the job and intent_bytes is unknown */
    bool adopted;         /* the job paused itself */
    bool macro_seen;      /* the job was in a macro after our pause was sent */
    bool resumed;         /* it was asked to go on */
};

void hold_facts_begin(struct hold_facts *facts, const struct printer_view *view);
void hold_facts_recover(struct hold_facts *facts, const struct pause_record *record);
/* Keeps what the view tells about the pause; call it before hold_judge(). */
void hold_facts_see(struct hold_facts *facts, const struct printer_view *view);

/* What the view means for the pause; HOLD_EVENT_COUNT = nothing (offline). */
enum hold_event hold_judge(const struct hold_facts *facts, const struct printer_view *view);

/* 0, or why it must not be paused (adopted: held) for the request now: -EAGAIN, -EPERM,
 * -EHOSTUNREACH. */
int hold_may_begin(const struct printer_view *view, const struct hold_request *request,
                   struct error *err) MUST_CHECK;
/* The same at the last look before the pause, when all of the view is fresh. */
int hold_may_pause(const struct printer_view *view, const struct hold_request *request,
                   struct error *err) MUST_CHECK;

#endif
