# What operators ask over HTTP, of brokers on fakes: server/broker_testing.h.
chronik_test(kafka_admin_test SOURCES admin/group_metrics_test.cc admin/groups_test.cc admin/reset_offsets_test.cc LINK kafka_broker_testing)
target_include_directories(kafka_admin_test PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
