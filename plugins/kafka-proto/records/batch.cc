#include "kafka-proto/records/batch.h"

#include <fmt/format.h>
#include <chronik/crc32c.hpp>

namespace chronik::kafka {

Result<BatchHeader> decode_batch_header(Bytes bytes) {
  if (bytes.size() < kBatchHeaderSize)
    return fail(Code::kCorrupt,
                fmt::format("a batch header takes {} bytes, {} are there", kBatchHeaderSize, bytes.size()));
  const uint8_t* p = bytes.data();
  BatchHeader header;
  header.base_offset = load_be<int64_t>(p + kBaseOffsetAt);
  header.length = load_be<int32_t>(p + kLengthAt);
  header.leader_epoch = load_be<int32_t>(p + kLeaderEpochAt);
  header.magic = load_be<int8_t>(p + kMagicAt);
  header.crc = load_be<uint32_t>(p + kCrcAt);
  header.attributes = load_be<int16_t>(p + kAttributesAt);
  header.last_offset_delta = load_be<int32_t>(p + kLastOffsetDeltaAt);
  header.base_timestamp = load_be<int64_t>(p + kBaseTimestampAt);
  header.max_timestamp = load_be<int64_t>(p + kMaxTimestampAt);
  header.producer_id = load_be<int64_t>(p + kProducerIdAt);
  header.producer_epoch = load_be<int16_t>(p + kProducerEpochAt);
  header.base_sequence = load_be<int32_t>(p + kBaseSequenceAt);
  header.record_count = load_be<int32_t>(p + kRecordCountAt);
  if (header.magic != kBatchMagic)
    return fail(Code::kCorrupt,
                fmt::format("a batch has magic {}, only {} is known", header.magic, kBatchMagic));
  if (header.length < static_cast<int32_t>(kBatchHeaderSize - kBatchPrefixSize))
    return fail(Code::kCorrupt, fmt::format("a batch has length {}, below the {} of its header",
                                            header.length, kBatchHeaderSize - kBatchPrefixSize));
  return header;
}

void encode_batch_header(const BatchHeader& header, MutableBytes out) {
  uint8_t* p = out.data();
  store_be(p + kBaseOffsetAt, header.base_offset);
  store_be(p + kLengthAt, header.length);
  store_be(p + kLeaderEpochAt, header.leader_epoch);
  store_be(p + kMagicAt, header.magic);
  store_be(p + kCrcAt, header.crc);
  store_be(p + kAttributesAt, header.attributes);
  store_be(p + kLastOffsetDeltaAt, header.last_offset_delta);
  store_be(p + kBaseTimestampAt, header.base_timestamp);
  store_be(p + kMaxTimestampAt, header.max_timestamp);
  store_be(p + kProducerIdAt, header.producer_id);
  store_be(p + kProducerEpochAt, header.producer_epoch);
  store_be(p + kBaseSequenceAt, header.base_sequence);
  store_be(p + kRecordCountAt, header.record_count);
}

uint32_t batch_crc(Bytes batch) { return crc32c::value(batch.subspan(kAttributesAt)); }

bool rewrite_timestamps(MutableBytes batch, TimestampType type, int64_t max_timestamp) {
  uint8_t* p = batch.data();
  const auto old_attributes = load_be<int16_t>(p + kAttributesAt);
  const int bit = type == TimestampType::kLogAppendTime ? kTimestampTypeBit : 0;
  const bool is_so = (old_attributes & kTimestampTypeBit) == bit;
  if (is_so && load_be<int64_t>(p + kMaxTimestampAt) == max_timestamp) return false;
  // Bits without a meaning go with the first change, as in Kafka, which gives this one a meaning.
  constexpr int16_t kDeleteHorizonBit = 0x40;
  const auto attributes = static_cast<int16_t>(
      (old_attributes & (kKnownAttributes | kDeleteHorizonBit) & ~kTimestampTypeBit) | bit);

  constexpr size_t kPrefix = kBatchHeaderSize - kAttributesAt;
  const uint32_t before = crc32c::extend(0, p + kAttributesAt, kPrefix);
  store_be(p + kAttributesAt, attributes);
  store_be(p + kMaxTimestampAt, max_timestamp);
  const uint32_t after = crc32c::extend(0, p + kAttributesAt, kPrefix);
  const auto crc = load_be<uint32_t>(p + kCrcAt);
  store_be(p + kCrcAt, crc32c::replace_prefix(crc, before, after, batch.size() - kBatchHeaderSize));
  return true;
}

Result<std::optional<BatchCursor::Batch>> BatchCursor::next() {
  if (rest_.size() < kBatchHeaderSize) return std::nullopt;
  CHRONIK_TRY(const BatchHeader header, decode_batch_header(rest_));
  if (rest_.size() < header.size()) return std::nullopt;
  Batch batch{header, rest_.first(header.size())};
  rest_ = rest_.subspan(header.size());
  return batch;
}

}  // namespace chronik::kafka
