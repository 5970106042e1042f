# The pure core of groups, with the scripts of tests/golden/kafka-proto/group.
find_package(fmt REQUIRED)
chronik_test(kafka_group_core_test SOURCES group/core/script.cc group/core/script_test.cc LINK kafka_group_core fmt::fmt)
target_include_directories(kafka_group_core_test PRIVATE ${CMAKE_SOURCE_DIR}/tests)

# Groups on a partition: their records, and what the shard makes of them.
chronik_test(kafka_group_test SOURCES group/classic_shard_test.cc group/records_test.cc group/shard_test.cc LINK kafka_group)
target_include_directories(kafka_group_test PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
