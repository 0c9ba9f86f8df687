# SPDX-License-Identifier: MIT
set(CTL_SOURCES ctl.c ctl_command.c ctl_help.c ctl_options.c ctl_status.c ctl_table.c ctl_task.c
    ctl_text.c ctl_watch.c ctl_world.c)
