# SPDX-License-Identifier: MIT
# Relative to agent/, which includes this file.
set(PRINTER_SOURCES
    printer/duet.c
    printer/duet_commands.c
    printer/duet_model.c
    printer/duet_schedule.c
    printer/gcode_queue.c
    printer/hold.c
    printer/hold_requests.c
    printer/hold_rules.c
    printer/hold_state.c
    printer/job_tracker.c
    printer/layer_counter.c
    printer/printer.c
    printer/printer_settings.c)
