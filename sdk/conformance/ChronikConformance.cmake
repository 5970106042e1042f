# chronik_add_storage_conformance(<name> PLUGIN <target or file> [ARGS <arguments of storage_conformance>...])
# chronik_add_assignor_conformance(<name> PLUGIN <target or file> ARGS <arguments of assignor_conformance>...)
#
# Adds a test that runs the conformance kit of chronik.storage/1, or of chronik.assignor/1, on a plugin. Needs GoogleTest
# and chronik::sdk.

set(CHRONIK_CONFORMANCE_DIR ${CMAKE_CURRENT_LIST_DIR})

function(chronik_add_storage_conformance name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PLUGIN" "ARGS")
  if(NOT TARGET storage_conformance)
    find_package(GTest REQUIRED)
    set(dir ${CHRONIK_CONFORMANCE_DIR}/storage)
    add_executable(storage_conformance ${dir}/main.cc ${dir}/subject.cc ${dir}/model.cc ${dir}/trace.cc
                   ${dir}/file_recorder.cc ${dir}/storage_test.cc ${dir}/pressure_test.cc ${dir}/random_test.cc
                   ${dir}/crash_test.cc ${dir}/fault_test.cc ${dir}/drain_test.cc ${dir}/admin_test.cc)
    target_link_libraries(storage_conformance PRIVATE chronik::sdk GTest::gtest ${CMAKE_DL_LIBS})
    # The store under test must find our write and fsync first.
    set_target_properties(storage_conformance PROPERTIES ENABLE_EXPORTS ON)
  endif()
  chronik_run_conformance(${name} storage_conformance "${arg_PLUGIN}" ${arg_ARGS})
endfunction()

function(chronik_add_assignor_conformance name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PLUGIN" "ARGS")
  if(NOT TARGET assignor_conformance)
    find_package(GTest REQUIRED)
    find_package(Threads REQUIRED)
    set(dir ${CHRONIK_CONFORMANCE_DIR}/assignor)
    add_executable(assignor_conformance ${dir}/main.cc ${dir}/subject.cc ${dir}/test_group.cc ${dir}/assignor_test.cc)
    target_link_libraries(assignor_conformance PRIVATE chronik::sdk GTest::gtest Threads::Threads ${CMAKE_DL_LIBS})
  endif()
  chronik_run_conformance(${name} assignor_conformance "${arg_PLUGIN}" ${arg_ARGS})
endfunction()

function(chronik_run_conformance name kit plugin)
  set(file ${plugin})
  if(TARGET ${plugin})
    add_dependencies(${kit} ${plugin})
    set(file $<TARGET_FILE:${plugin}>)
  endif()
  add_test(NAME ${name} COMMAND ${kit} ${file} ${ARGN})
endfunction()
