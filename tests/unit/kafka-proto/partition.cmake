# Partitions: what time, elections, snapshots and deletion do to them.
chronik_test(kafka_partition_test
  SOURCES partition/partition_test.cc partition/codec_lane_test.cc partition/by_shard_test.cc partition/throttle_test.cc
  LINK kafka_broker_testing)
