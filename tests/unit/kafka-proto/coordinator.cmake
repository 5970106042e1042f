# What coordinators share. The first program counts its allocations.
chronik_test(kafka_coordinator_test SOURCES coordinator/timers_test.cc coordinator/allocations.cc LINK kafka_coordinator)
chronik_test(kafka_shard_test SOURCES coordinator/internal_topic_test.cc coordinator/place_test.cc coordinator/shard_test.cc LINK kafka_coordinator)
foreach(test kafka_coordinator_test kafka_shard_test)
  target_include_directories(${test} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
endforeach()
