/* SPDX-License-Identifier: MIT */
/* duet_model: what the answers of RepRapFirmware's rr_* requests mean. Pure: bytes in, a view out.
 *
 * The protocol facts are those of RepRapFirmware 3.3 to 3.6. An answer that makes no sense changes
 * nothing: each is read completely before the first field is taken over. */
#ifndef AGENT_PRINTER_DUET_MODEL_H
#define AGENT_PRINTER_DUET_MODEL_H

#include "agent/printer/printer.h"

enum duet_query {
    DUET_STATE,    /* status, up time */
    DUET_JOB,      /* layer, position, times */
    DUET_FILE,     /* the same and the file's name, size, layers */
    DUET_INPUTS,   /* the file's G-code channel: in a macro, waiting for heat */
    DUET_BOX,      /* a message that waits for a person */
    DUET_SEQS,     /* counters: has something been replied? */
    DUET_AXES,     /* letters, limits, homed */
    DUET_POSITION, /* where the axes are */
    DUET_FIRMWARE,
    DUET_BEDS, /* which heater is what: before the heat */
    DUET_CHAMBERS,
    DUET_TOOLS,
    DUET_HEAT,
    DUET_QUERY_COUNT
};

enum { DUET_AXES_MAX = 9, DUET_ANSWER_MAX_BYTES = 32 * 1024 };

struct duet_model {
    struct printer_view view;
    bool has_job;    /* by the last status */
    bool job_denied; /* the job part knows of none, the status is older */
    bool file_known;
    bool box, acknowledge;
    int64_t seq_reply, seq_move; /* -1 = never read */
    int64_t axes_seq_move;       /* when the axes were read */
    bool axes_known;
    char axis_letters[DUET_AXES_MAX];
    int beds[PRINTER_HEATERS_MAX], chambers[PRINTER_HEATERS_MAX], tools[PRINTER_HEATERS_MAX];
    size_t bed_count, chamber_count, tool_count;
};

void duet_model_init(struct duet_model *model);

/* For "/rr_model?key=…&flags=…"; need no escaping but of brackets, which are escaped here. */
const char *duet_query_target(enum duet_query query);

/* at_mono_us: when the answer arrived. -EPROTO: no sense, err says what is wrong. */
int duet_model_read(struct duet_model *model, enum duet_query query, const char *body, size_t len,
                    int64_t at_mono_us, struct error *err) MUST_CHECK;

/* The part of the view that says that it restarted since before; gap_s: between the two. */
bool duet_restarted(int64_t up_time_before_s, int64_t up_time_s, int64_t gap_s);

struct duet_session {
    bool has_key;
    uint32_t key;
    int64_t timeout_ms;
};

/* An answer to rr_connect. -EACCES (password), -EUSERS (all sessions taken), -ENOTSUP (an SBC that
 * pretends), -EPROTO. */
int duet_parse_connect(const char *body, size_t len, struct duet_session *ret_session,
                       struct error *err) MUST_CHECK;

/* An answer to rr_gcode. -EAGAIN: nothing of it was accepted. -EPROTO. */
int duet_parse_gcode(const char *body, size_t len, struct error *err) MUST_CHECK;

#endif
