# The plugin with fakes around it, in virtual time: server/broker_testing.h.
set(plugin ${PROJECT_SOURCE_DIR}/plugins/kafka-proto)
add_library(kafka_broker_testing STATIC server/broker_testing.cc ${plugin}/plugin.cc)
target_link_libraries(kafka_broker_testing PUBLIC kafka_server chronik::sdk GTest::gtest)
target_include_directories(kafka_broker_testing PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})

chronik_test(kafka_handlers_test
  SOURCES handlers/produce_test.cc handlers/fetch_test.cc handlers/fetch_bounds_test.cc handlers/offsets_test.cc
          handlers/topics_test.cc handlers/describe_test.cc handlers/configs_test.cc handlers/replication_test.cc handlers/reassign_test.cc
  LINK kafka_broker_testing)
