# Connections: order, backpressure, memory, bad input, stop.
chronik_test(kafka_server_test SOURCES server/connection_test.cc server/call_test.cc server/request_budget_test.cc server/mutation_test.cc LINK kafka_broker_testing)
