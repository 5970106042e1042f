// Fuzzes what Produce does with a client's records, and what reads batches back from the log.
//
// The first bytes choose the topic's configs; the rest is a batch, as it is and with a CRC that fits, so that
// the checks behind the CRC are reached, too.
#include "kafka-proto/records/record.h"
#include "kafka-proto/records/validate.h"

#include <cstdint>
#include <cstdlib>
#include <vector>

using namespace chronik::kafka;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

BatchRules topic_of(uint8_t choice) {
  BatchRules topic;
  topic.compacted = (choice & 0x01) != 0;
  topic.timestamp_type = (choice & 0x02) != 0 ? TimestampType::kLogAppendTime : TimestampType::kCreateTime;
  if ((choice & 0x04) != 0) topic.compression = static_cast<Compression>((choice >> 3) % 5);
  topic.max_message_bytes = (choice & 0x80) != 0 ? 4096 : 1'048'588;
  return topic;
}

// What was admitted can be read by every consumer.
void read_back(const AdmittedBatch& batch, Codecs& codecs) {
  require(batch_crc_matches(batch.bytes));
  BatchCursor cursor(batch.bytes);
  const auto whole = cursor.next();
  require(whole.has_value() && whole->has_value() && cursor.rest().empty());
  const auto plain = codecs.decompress(*batch.header.compression(),
                                       Bytes(batch.bytes).subspan(kBatchHeaderSize), uint64_t{1} << 30);
  require(plain.has_value());
  int32_t count = 0;
  for (Bytes records(*plain); !records.empty(); ++count) {
    const auto record = decode_record(records);
    require(record.has_value());
    require(decode_headers(*record).size() == static_cast<size_t>(record->header_count));
  }
  require(count == batch.header.record_count);
}

void produce(std::vector<uint8_t> bytes, const BatchRules& topic, const ProduceContext& context) {
  Codecs codecs;
  const auto batch = validate_batch(bytes, topic, context, codecs);
  if (batch) read_back(*batch, codecs);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const BatchRules topic = topic_of(data[0]);
  const ProduceContext context{.version = static_cast<int16_t>(3 + data[1] % 11),
                               .now_ms = 1'700'000'000'000,
                               .transactions = data[1] >= 128};
  const auto* begin = reinterpret_cast<const uint8_t*>(data + 2);
  std::vector<uint8_t> bytes(begin, begin + size - 2);
  produce(bytes, topic, context);
  if (bytes.size() >= kBatchHeaderSize) {
    store_be(bytes.data() + kLengthAt, static_cast<int32_t>(bytes.size() - kBatchPrefixSize));
    bytes[kMagicAt] = uint8_t{kBatchMagic};
    store_be(bytes.data() + kBaseOffsetAt, int64_t{0});
    store_be(bytes.data() + kCrcAt, batch_crc(bytes));
    produce(std::move(bytes), topic, context);
  }
  return 0;
}
