chronik_test(kafka_records_test
  SOURCES records_testing.cc records_crc32c_test.cc records_batch_test.cc records_compression_test.cc records_scan_test.cc
          records_validate_test.cc records_producer_test.cc records_config_test.cc
  LINK kafka_records)
