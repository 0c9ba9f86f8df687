/* SPDX-License-Identifier: MIT */
/* names: the words of the contract for states and ends, and the settings of a printer. */
#include "agent/printer/driver.h"

#include <errno.h>

const char *const printer_kinds[] = {"duet", NULL};

static const char *const state_names[] = {
    [PRINTER_OFFLINE] = "offline",   [PRINTER_IDLE] = "idle",
    [PRINTER_BUSY] = "busy",         [PRINTER_PRINTING] = "printing",
    [PRINTER_PAUSING] = "pausing",   [PRINTER_PAUSED] = "paused",
    [PRINTER_RESUMING] = "resuming", [PRINTER_CANCELLING] = "cancelling",
    [PRINTER_FINISHED] = "finished", [PRINTER_ERROR] = "error",
};

static const char *const end_names[] = {
    [PRINTER_JOB_DONE] = "done",
    [PRINTER_JOB_CANCELLED] = "cancelled",
    [PRINTER_JOB_LOST] = "lost",
};

const char *printer_state_name(enum printer_state state)
{
    return state_names[state];
}

const char *printer_job_end_name(enum printer_job_end end)
{
    return end_names[end];
}
