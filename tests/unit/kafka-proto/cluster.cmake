# What brokers know of one another.
chronik_test(kafka_cluster_test SOURCES cluster/in_sync_test.cc cluster/peer_calls_test.cc
             cluster/producer_ids_test.cc LINK kafka_broker_testing)
