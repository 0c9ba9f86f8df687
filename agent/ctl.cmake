# SPDX-License-Identifier: MIT
set(CTL_SOURCES ctl_acl.c ctl_args.c ctl_command.c ctl_commands.c ctl_fleet.c ctl_help.c ctl_many.c
    ctl_options.c ctl_print.c ctl_request.c ctl_say.c ctl_status.c ctl_table.c ctl_task.c ctl_text.c ctl_watch.c
    ctl_world.c)

add_library(ctl_core STATIC ${CTL_SOURCES})
target_link_libraries(ctl_core PUBLIC agent_core)
add_executable(lapsectl ctl.c)
target_link_libraries(lapsectl PRIVATE ctl_core)
