#include "kafka-proto/records/builder.h"

#include <algorithm>

namespace chronik::kafka {

Result<std::vector<uint8_t>> assemble_batch(BatchHeader fields, Bytes records, Compression codec,
                                            CompressionLevel level, Codecs& codecs) {
  std::vector<uint8_t> batch(kBatchHeaderSize);
  CHRONIK_CHECK(codecs.compress(codec, level, records, batch));
  if (batch.size() > static_cast<size_t>(std::numeric_limits<int32_t>::max()))
    return fail(Code::kOutOfRange, "a batch cannot be longer than 2 GiB");
  fields.length = static_cast<int32_t>(batch.size() - kBatchPrefixSize);
  fields.attributes = static_cast<int16_t>((fields.attributes & ~kCompressionMask) | static_cast<int>(codec));
  encode_batch_header(fields, batch);
  store_be(batch.data() + kCrcAt, batch_crc(batch));
  return batch;
}

void BatchBuilder::add(int64_t timestamp, std::optional<Bytes> key, std::optional<Bytes> value,
                       const std::vector<RecordHeader>& headers) {
  if (fields_.record_count == 0) fields_.base_timestamp = fields_.max_timestamp = timestamp;
  fields_.max_timestamp = std::max(fields_.max_timestamp, timestamp);
  std::vector<uint8_t> encoded_headers;
  append_headers(encoded_headers, headers);
  Record record;
  record.timestamp_delta = timestamp - fields_.base_timestamp;
  record.offset_delta = fields_.record_count;
  record.key = key;
  record.value = value;
  record.header_count = static_cast<int32_t>(headers.size());
  record.headers = encoded_headers;
  append_record(records_, record);
  fields_.last_offset_delta = fields_.record_count++;
}

Result<std::vector<uint8_t>> BatchBuilder::finish(Codecs& codecs, Compression codec, CompressionLevel level) {
  return assemble_batch(fields_, records_, codec, level, codecs);
}

}  // namespace chronik::kafka
