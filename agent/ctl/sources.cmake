# SPDX-License-Identifier: MIT
set(CTL_SOURCES
    convert/camparam.c convert/convert.c convert/convert_moonraker.c
    convert/fswebcam.c ctl/acl.c ctl/args.c
    ctl/await.c ctl/choose.c ctl/command.c ctl/commands.c ctl/complete.c ctl/completion.c ctl/convert.c ctl/fleet.c
    ctl/help.c ctl/many.c ctl/options.c ctl/print.c ctl/progress.c ctl/request.c ctl/say.c
    ctl/status.c ctl/table.c ctl/task.c ctl/text.c ctl/watch.c ctl/world.c)

add_library(ctl_core STATIC ${CTL_SOURCES})
target_link_libraries(ctl_core PUBLIC agent_core)
add_executable(lapsectl ctl/main.c)
target_link_libraries(lapsectl PRIVATE ctl_core)

# The manual pages come from the tables of the programs.
include(GNUInstallDirs)
string(TIMESTAMP MANUAL_DATE "%Y-%m-%d" UTC) # of SOURCE_DATE_EPOCH, when set
add_executable(lapsed_manual lapsed_options.c
    manual/conf.c manual/lapsectl.c manual/lapsed.c manual/main.c manual/roff.c)
target_link_libraries(lapsed_manual PRIVATE ctl_core)
set(MANUAL_DIR ${CMAKE_BINARY_DIR}/man)
file(MAKE_DIRECTORY ${MANUAL_DIR})
foreach(page lapsectl.1 lapsed.conf.5 lapsed.8)
    string(REGEX MATCH "[0-9]$" section ${page})
    add_custom_command(OUTPUT ${MANUAL_DIR}/${page}
        COMMAND lapsed_manual ${page} ${MANUAL_DATE} ${MANUAL_DIR}/${page}
        DEPENDS lapsed_manual VERBATIM)
    list(APPEND MANUAL_PAGES ${MANUAL_DIR}/${page})
    install(FILES ${MANUAL_DIR}/${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
add_custom_target(manual ALL DEPENDS ${MANUAL_PAGES})

# The shells find their scripts by these names.
set(COMPLETION_DIR ${CMAKE_BINARY_DIR}/completion)
file(MAKE_DIRECTORY ${COMPLETION_DIR})
foreach(shell bash zsh fish)
    add_custom_command(OUTPUT ${COMPLETION_DIR}/lapsectl.${shell}
        COMMAND lapsectl completion ${shell} > ${COMPLETION_DIR}/lapsectl.${shell}
        DEPENDS lapsectl)
    list(APPEND COMPLETIONS ${COMPLETION_DIR}/lapsectl.${shell})
endforeach()
add_custom_target(completion ALL DEPENDS ${COMPLETIONS})
install(FILES ${COMPLETION_DIR}/lapsectl.bash RENAME lapsectl
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${COMPLETION_DIR}/lapsectl.zsh RENAME _lapsectl
    DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${COMPLETION_DIR}/lapsectl.fish
    DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
