# SPDX-License-Identifier: MIT
lapsed_test(printer_hold_state agent_core)
