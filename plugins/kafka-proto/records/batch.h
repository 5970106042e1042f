// A record batch of magic 2, as it lies on the wire and in the log.
//
// Everything here works on borrowed bytes; nothing is allocated. Batches come from clients and disks, so each
// function that reads says what it already relies on.
#pragma once

#include <chronik/result.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "kafka-proto/records/encoding.h"

namespace chronik::kafka {

inline constexpr size_t kBatchHeaderSize = 61;  // up to the first record
inline constexpr size_t kBatchPrefixSize = 12;  // base offset and length, which the length does not count
inline constexpr int8_t kBatchMagic = 2;

// Where the fields lie, for those who patch them (a proposal names the first two).
inline constexpr size_t kBaseOffsetAt = 0;
inline constexpr size_t kLengthAt = 8;
inline constexpr size_t kLeaderEpochAt = 12;
inline constexpr size_t kMagicAt = 16;
inline constexpr size_t kCrcAt = 17;
inline constexpr size_t kAttributesAt = 21;  // the CRC covers the rest, from here on
inline constexpr size_t kLastOffsetDeltaAt = 23;
inline constexpr size_t kBaseTimestampAt = 27;
inline constexpr size_t kMaxTimestampAt = 35;
inline constexpr size_t kProducerIdAt = 43;
inline constexpr size_t kProducerEpochAt = 51;
inline constexpr size_t kBaseSequenceAt = 53;
inline constexpr size_t kRecordCountAt = 57;

inline constexpr int64_t kNoTimestamp = -1;
inline constexpr int64_t kNoProducerId = -1;
inline constexpr int16_t kNoProducerEpoch = -1;
inline constexpr int32_t kNoSequence = -1;

enum class Compression : int8_t { kNone = 0, kGzip = 1, kSnappy = 2, kLz4 = 3, kZstd = 4 };
enum class TimestampType : int8_t { kCreateTime = 0, kLogAppendTime = 1 };

inline constexpr int16_t kCompressionMask = 0x07;
inline constexpr int16_t kTimestampTypeBit = 0x08;
inline constexpr int16_t kTransactionalBit = 0x10;
inline constexpr int16_t kControlBit = 0x20;
inline constexpr int16_t kKnownAttributes =
    kCompressionMask | kTimestampTypeBit | kTransactionalBit | kControlBit;

// The sequence number that lies `delta` records after `first`; they wrap from 2^31 - 1 to 0.
constexpr int32_t sequence_after(int32_t first, int32_t delta) {
  const int64_t sum = static_cast<int64_t>(first) + delta;
  constexpr int64_t kWrap = int64_t{1} << 31;
  return static_cast<int32_t>(sum >= kWrap ? sum - kWrap : sum);
}

struct BatchHeader {
  int64_t base_offset = 0;
  int32_t length = 0;  // of what follows this field
  int32_t leader_epoch = -1;
  int8_t magic = kBatchMagic;
  uint32_t crc = 0;
  int16_t attributes = 0;
  int32_t last_offset_delta = 0;
  int64_t base_timestamp = kNoTimestamp;
  int64_t max_timestamp = kNoTimestamp;
  int64_t producer_id = kNoProducerId;
  int16_t producer_epoch = kNoProducerEpoch;
  int32_t base_sequence = kNoSequence;
  int32_t record_count = 0;

  size_t size() const { return kBatchPrefixSize + static_cast<size_t>(length); }
  int64_t last_offset() const { return base_offset + last_offset_delta; }
  bool has_producer() const { return producer_id > kNoProducerId; }
  int32_t last_sequence() const {
    return base_sequence < 0 ? kNoSequence : sequence_after(base_sequence, last_offset_delta);
  }
  bool control() const { return (attributes & kControlBit) != 0; }
  bool transactional() const { return (attributes & kTransactionalBit) != 0; }
  TimestampType timestamp_type() const {
    return (attributes & kTimestampTypeBit) != 0 ? TimestampType::kLogAppendTime : TimestampType::kCreateTime;
  }
  // Nothing where the bits name no codec (5 to 7).
  std::optional<Compression> compression() const {
    const int codec = attributes & kCompressionMask;
    if (codec > static_cast<int>(Compression::kZstd)) return std::nullopt;
    return static_cast<Compression>(codec);
  }
};

// Decodes the header at the start of bytes. CORRUPT: too few bytes for it, another magic, or a length that
// cannot hold a header. The CRC is not looked at, nor whether all of the batch is there.
Result<BatchHeader> decode_batch_header(Bytes bytes);

// Writes all fields, the CRC included, into the first kBatchHeaderSize bytes.
void encode_batch_header(const BatchHeader& header, MutableBytes out);

// The checksum that a whole batch (exactly header.size() bytes) should carry.
uint32_t batch_crc(Bytes batch);
inline bool batch_crc_matches(Bytes batch) {
  return load_be<uint32_t>(batch.data() + kCrcAt) == batch_crc(batch);
}

// Both lie outside the CRC. The bytes hold at least a header.
inline void patch_base_offset(MutableBytes batch, int64_t offset) {
  store_be(batch.data() + kBaseOffsetAt, offset);
}
inline void patch_leader_epoch(MutableBytes batch, int32_t epoch) {
  store_be(batch.data() + kLeaderEpochAt, epoch);
}

// Sets the timestamp type and the largest timestamp of a whole batch whose CRC is right, and corrects the CRC
// without reading the records. Returns false where nothing had to change.
bool rewrite_timestamps(MutableBytes batch, TimestampType type, int64_t max_timestamp);

// Walks the whole batches in bytes that hold some in a row, as a Fetch answer or Produce request does.
class BatchCursor {
 public:
  struct Batch {
    BatchHeader header;
    Bytes bytes;  // exactly header.size()
  };

  explicit BatchCursor(Bytes bytes) : rest_(bytes) {}

  // The next batch; nothing at the end, where a part of a batch may still stand (see rest()); CORRUPT where
  // what stands there cannot be a batch of magic 2.
  Result<std::optional<Batch>> next();
  Bytes rest() const { return rest_; }

 private:
  Bytes rest_;
};

}  // namespace chronik::kafka
