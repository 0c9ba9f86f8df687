# SPDX-License-Identifier: MIT
# Relative to agent/, which includes this file.
set(PRINTER_SOURCES
    printer/hold_state.c
    printer/job_tracker.c
    printer/layer_counter.c
    printer/printer_names.c)
