# The pure core of groups, with the scripts of tests/golden/kafka-proto/group. The program counts its allocations.
find_package(fmt REQUIRED)
chronik_test(kafka_group_core_test
  SOURCES coordinator/allocations.cc group/core/classic_group_test.cc group/core/classic_sessions_test.cc
          group/core/classic_subscription_test.cc group/core/group_table_test.cc group/core/model_test.cc
          group/core/script.cc group/core/script_test.cc group/core/table_image_test.cc
  LINK kafka_group_core fmt::fmt)
target_include_directories(kafka_group_core_test PRIVATE ${CMAKE_SOURCE_DIR}/tests ${CMAKE_CURRENT_SOURCE_DIR})
include(group-consumer.cmake)

# Groups on a partition: their records, and what the shard makes of them.
chronik_test(kafka_group_test
  SOURCES group/catalog_topics_test.cc group/classic_shard_test.cc group/consumer_shard_test.cc group/core/consumer_testing.cc
          group/description_test.cc group/group_rules_test.cc group/migration_shard_test.cc group/pass_test.cc
          group/records_test.cc group/section_test.cc group/shard_test.cc
  LINK kafka_group fmt::fmt)
target_include_directories(kafka_group_test PRIVATE ${CMAKE_SOURCE_DIR}/tests ${CMAKE_CURRENT_SOURCE_DIR})
