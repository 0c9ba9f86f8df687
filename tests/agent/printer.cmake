# SPDX-License-Identifier: MIT
lapsed_test(printer_hold_state agent_core)
lapsed_test(printer_layers agent_core)
lapsed_test(printer_jobs agent_core)
lapsed_test(printer_rules agent_core)
lapsed_test(printer_schedule agent_core)
lapsed_test(printer_duet_model agent_core)
target_compile_definitions(test_printer_duet_model PRIVATE REPOSITORY="${CMAKE_SOURCE_DIR}")

# The rest runs at the real simulator.
add_library(printer_rig STATIC ${CMAKE_CURRENT_LIST_DIR}/printer_rig.c)
target_link_libraries(printer_rig PUBLIC agent_core PRIVATE PkgConfig::CMOCKA)
target_compile_definitions(printer_rig PRIVATE SIM_PATH="$<TARGET_FILE:lapsed-sim>")
add_dependencies(printer_rig lapsed-sim)

foreach(name duet duet_session duet_wire holds hold_limits hold_late hold_layers hold_people
        hold_wire recovery stop)
    lapsed_test(printer_${name} printer_rig)
endforeach()
