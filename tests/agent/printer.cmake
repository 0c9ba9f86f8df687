# SPDX-License-Identifier: MIT
lapsed_test(printer_hold_state agent_core)
lapsed_test(printer_layers agent_core)
lapsed_test(printer_jobs agent_core)
