// Building record batches: tests, batches that the broker writes itself, and those
// that a leader compresses anew.
#pragma once

#include <chronik/result.hpp>

#include <cstdint>
#include <optional>
#include <vector>

#include "kafka-proto/records/compression.h"
#include "kafka-proto/records/record.h"

namespace chronik::kafka {

// A batch of `records` (plain, `fields.record_count` of them) compressed with the codec and all else as in
// `fields`, whose length, CRC and codec bits are filled in.
Result<std::vector<uint8_t>> assemble_batch(BatchHeader fields, Bytes records, Compression codec,
                                            CompressionLevel level, Codecs& codecs);

class BatchBuilder {
 public:
  // What is set in `fields` stays; count, deltas, timestamps, length and CRC are filled in. Its timestamp
  // type bit makes it a batch of LogAppendTime with the largest timestamp that add() saw.
  explicit BatchBuilder(BatchHeader fields = {}) : fields_(fields) {}

  // Copies everything. The first timestamp becomes the base.
  void add(int64_t timestamp, std::optional<Bytes> key, std::optional<Bytes> value,
           const std::vector<RecordHeader>& headers = {});

  int32_t count() const { return fields_.record_count; }
  // Of the records so far, before compression.
  size_t record_bytes() const { return records_.size(); }

  // At least one record was added. The builder is done afterwards.
  Result<std::vector<uint8_t>> finish(Codecs& codecs, Compression codec = Compression::kNone,
                                      CompressionLevel level = std::nullopt);

 private:
  BatchHeader fields_;
  std::vector<uint8_t> records_;
};

}  // namespace chronik::kafka
