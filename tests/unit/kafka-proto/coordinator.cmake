# What coordinators share. The program counts its allocations.
chronik_test(kafka_coordinator_test SOURCES coordinator/timers_test.cc coordinator/allocations.cc LINK kafka_coordinator)
target_include_directories(kafka_coordinator_test PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
