// BatchRules: what a topic asks of batches that are produced to it.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "kafka-proto/records/batch.h"
#include "kafka-proto/records/compression.h"

namespace chronik::kafka {

struct BatchRules {
  bool compacted = false;                  // cleanup.policy: each record has a key
  int32_t max_message_bytes = 1'048'588;   // of one batch, as it is stored
  std::optional<Compression> compression;  // nothing: as the producer sent it
  int gzip_level = -1;
  int lz4_level = 9;
  int zstd_level = 3;
  TimestampType timestamp_type = TimestampType::kCreateTime;
  int64_t timestamp_before_max_ms = std::numeric_limits<int64_t>::max();
  int64_t timestamp_after_max_ms = 3'600'000;

  // Of `compression`; a codec without levels has none.
  CompressionLevel compression_level() const;
};

}  // namespace chronik::kafka
