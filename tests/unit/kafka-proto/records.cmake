chronik_test(kafka_records_test
  SOURCES records/records_testing.cc records/crc32c_test.cc records/batch_test.cc records/compression_test.cc
          records/scan_test.cc records/validate_test.cc records/producer_test.cc
  LINK kafka_records)
target_include_directories(kafka_records_test PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
