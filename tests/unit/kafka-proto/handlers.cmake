# The plugin with fakes around it, in virtual time: server/broker_testing.h.
set(plugin ${PROJECT_SOURCE_DIR}/plugins/kafka-proto)
add_library(kafka_broker_testing STATIC server/broker_testing.cc ${plugin}/plugin.cc)
target_link_libraries(kafka_broker_testing PUBLIC kafka_handlers kafka_admin chronik::sdk GTest::gtest)
target_include_directories(kafka_broker_testing PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})

chronik_test(kafka_handlers_test
  SOURCES handlers/produce_test.cc handlers/acks_test.cc handlers/fetch_test.cc handlers/fetch_bounds_test.cc handlers/fetch_sessions_test.cc
          handlers/offsets_test.cc handlers/consumer_groups_test.cc handlers/group_offsets_test.cc handlers/group_members_test.cc
          handlers/hostile_members_test.cc handlers/topics_test.cc handlers/delete_records_test.cc handlers/describe_test.cc handlers/configs_test.cc
          handlers/group_configs_test.cc handlers/config_resources_test.cc handlers/describe_producers_test.cc
          handlers/unregister_broker_test.cc
          handlers/replication_test.cc handlers/reassign_test.cc handlers/features_test.cc
  LINK kafka_broker_testing)

# What was mended, put back: a planted bug in a comment of its source (tests/sim/mutants/plant.py), which must be caught.
# mutant_source(<name> <file> <variable>): the copy's path. Where it comes first among the sources of a program, its
# counterpart in the library is not looked at any more.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
function(mutant_source name file copy)
  get_filename_component(base ${file} NAME)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/mutants/${name}/${base})
  set(plant ${PROJECT_SOURCE_DIR}/tests/sim/mutants/plant.py)
  add_custom_command(OUTPUT ${out} DEPENDS ${plugin}/${file} ${plant} VERBATIM
                     COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_CURRENT_BINARY_DIR}/mutants/${name}
                     COMMAND ${Python3_EXECUTABLE} -B ${plant} ${name} ${plugin}/${file} ${out})
  set(${copy} ${out} PARENT_SCOPE)
endfunction()

mutant_source(fetch_reads_all_at_once handlers/fetch_pass.cc copy)
chronik_test(kafka_fetch_reads_all_at_once SOURCES ${copy} handlers/fetch_bounds_test.cc LINK kafka_broker_testing)
set_tests_properties(kafka_fetch_reads_all_at_once PROPERTIES
                     PASS_REGULAR_EXPRESSION "Expected: .broker.consensus.held_reads... <= .16u.")
