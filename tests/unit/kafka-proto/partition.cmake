# Partitions: what time, elections, snapshots and deletion do to them.
chronik_test(kafka_partition_test
  SOURCES partition/partition_test.cc partition/append_queue_test.cc partition/by_shard_test.cc partition/codec_lane_test.cc
          partition/held_appends_test.cc partition/in_sync_replicas_test.cc partition/observers_test.cc partition/producer_dedup_test.cc
          partition/reassignment_test.cc partition/record_deletion_test.cc partition/replica_test.cc partition/retention_test.cc partition/snapshot_stream_test.cc
          partition/throttle_test.cc
  LINK kafka_broker_testing)
