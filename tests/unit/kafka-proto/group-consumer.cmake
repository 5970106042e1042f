# Groups of the consumer protocol. The program counts its allocations.
find_package(fmt REQUIRED)
chronik_test(kafka_consumer_group_test
  SOURCES group/core/consumer_group_test.cc group/core/consumer_migration_test.cc group/core/consumer_offsets_test.cc
          group/core/consumer_model_test.cc group/core/consumer_script_test.cc
          group/core/consumer_testing.cc coordinator/allocations.cc
  LINK kafka_group_core fmt::fmt)
target_include_directories(kafka_consumer_group_test PRIVATE ${CMAKE_SOURCE_DIR}/tests ${CMAKE_CURRENT_SOURCE_DIR})
chronik_test(kafka_group_regex_test SOURCES group/regex_test.cc LINK kafka_group_regex)
