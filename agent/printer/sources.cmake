# SPDX-License-Identifier: MIT
# Relative to agent/, which includes this file.
set(PRINTER_SOURCES
    printer/hold_state.c)
