# chronik_add_storage_conformance(<name> PLUGIN <target or file> [ARGS <arguments of storage_conformance>...])
#
# Adds a test that runs the conformance kit of chronik.storage/1 on a plugin. Needs GoogleTest and chronik::sdk.

set(CHRONIK_CONFORMANCE_DIR ${CMAKE_CURRENT_LIST_DIR})

function(chronik_add_storage_conformance name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "PLUGIN" "ARGS")
  if(NOT TARGET storage_conformance)
    find_package(GTest REQUIRED)
    set(dir ${CHRONIK_CONFORMANCE_DIR}/storage)
    add_executable(storage_conformance ${dir}/main.cc ${dir}/subject.cc ${dir}/model.cc ${dir}/trace.cc
                   ${dir}/file_recorder.cc ${dir}/storage_test.cc ${dir}/pressure_test.cc ${dir}/random_test.cc
                   ${dir}/crash_test.cc ${dir}/fault_test.cc ${dir}/drain_test.cc)
    target_link_libraries(storage_conformance PRIVATE chronik::sdk GTest::gtest ${CMAKE_DL_LIBS})
    # The store under test must find our write and fsync first.
    set_target_properties(storage_conformance PROPERTIES ENABLE_EXPORTS ON)
  endif()
  if(TARGET ${arg_PLUGIN})
    add_dependencies(storage_conformance ${arg_PLUGIN})
    set(file $<TARGET_FILE:${arg_PLUGIN}>)
  else()
    set(file ${arg_PLUGIN})
  endif()
  add_test(NAME ${name} COMMAND storage_conformance ${file} ${arg_ARGS})
endfunction()
