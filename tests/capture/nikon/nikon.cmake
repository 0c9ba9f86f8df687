# SPDX-License-Identifier: MIT
# nikon_test(NAME): gives test NAME the virtual Nikon (NIKON_GPHOTO2 is the program), built when the
# first such test runs.
set(nikon_dir ${CMAKE_BINARY_DIR}/nikon)
set(nikon_recipe ${CMAKE_CURRENT_LIST_DIR}/build.sh)
add_test(NAME nikon COMMAND sh ${nikon_recipe} ${nikon_dir})
set_tests_properties(nikon PROPERTIES FIXTURES_SETUP nikon TIMEOUT 120)

function(nikon_test name)
    target_compile_definitions(test_${name} PRIVATE NIKON_GPHOTO2="${nikon_dir}/gphoto2")
    set_tests_properties(${name} PROPERTIES FIXTURES_REQUIRED nikon)
endfunction()
