#include "kafka-proto/records/validate.h"

#include <fmt/format.h>

#include <algorithm>

#include "kafka-proto/records/builder.h"
#include "kafka-proto/records/record_scan.h"

namespace chronik::kafka {

CompressionLevel BatchRules::compression_level() const {
  if (compression == Compression::kGzip) return gzip_level;
  if (compression == Compression::kLz4) return lz4_level;
  if (compression == Compression::kZstd) return zstd_level;
  return std::nullopt;
}

namespace {

template <class T>
using Checked = std::expected<T, Refusal>;

std::unexpected<Refusal> refuse(ErrorCode error, std::string message) {
  return std::unexpected(Refusal{error, std::move(message), {}});
}

// The smallest length that the oldest format can have: Kafka calls anything below
// damaged, whatever the magic.
constexpr int32_t kMinLengthOfAnyMagic = 14;

// Whether a whole batch of any magic stands at the start of bytes. Less than that at the
// end is ignored, as in Kafka.
Checked<bool> stands_batch(Bytes bytes) {
  if (bytes.size() < kBatchPrefixSize) return false;
  const auto length = load_be<int32_t>(bytes.data() + kLengthAt);
  if (length < kMinLengthOfAnyMagic)
    return refuse(
        ErrorCode::kCorruptMessage,
        fmt::format("a batch has length {}, at least {} bytes are needed", length, kMinLengthOfAnyMagic));
  if (bytes.size() <= kMagicAt) return false;
  const auto magic = load_be<int8_t>(bytes.data() + kMagicAt);
  if (magic < 0 || magic > kBatchMagic)
    return refuse(ErrorCode::kCorruptMessage, fmt::format("a batch has the unknown magic {}", magic));
  return bytes.size() - kBatchPrefixSize >= static_cast<size_t>(length);
}

// Exactly one batch of magic 2.
Checked<BatchHeader> find_batch(Bytes records, int16_t version) {
  auto first = stands_batch(records);
  if (!first) return std::unexpected(std::move(first).error());
  if (!*first)
    return refuse(ErrorCode::kInvalidRecord, "a partition of a Produce request holds no whole record batch");
  const auto magic = load_be<int8_t>(records.data() + kMagicAt);
  if (magic != kBatchMagic)
    return refuse(ErrorCode::kInvalidRecord,
                  fmt::format("a batch has magic {}, Produce takes {}", magic, kBatchMagic));
  auto header = decode_batch_header(records);
  if (!header) return refuse(ErrorCode::kCorruptMessage, std::move(header).error().message);
  if (version < 7 && header->compression() == Compression::kZstd)
    return refuse(ErrorCode::kUnsupportedCompressionType,
                  fmt::format("Produce version {} does not carry zstd, version 7 does", version));
  auto second = stands_batch(records.subspan(header->size()));
  if (!second) return std::unexpected(std::move(second).error());
  if (*second)
    return refuse(ErrorCode::kInvalidRecord,
                  "a partition of a Produce request holds more than one record batch");
  return *header;
}

Checked<void> check_whole(Bytes batch, const BatchHeader& header, const BatchRules& topic) {
  if (header.base_offset != 0)
    return refuse(ErrorCode::kInvalidRecord,
                  fmt::format("a produced batch has base offset {}, it must be 0", header.base_offset));
  if (batch.size() > static_cast<size_t>(topic.max_message_bytes))
    return refuse(ErrorCode::kMessageTooLarge,
                  fmt::format("a batch of {} bytes exceeds max.message.bytes, which is {}", batch.size(),
                              topic.max_message_bytes));
  if (!batch_crc_matches(batch))
    return refuse(
        ErrorCode::kCorruptMessage,
        fmt::format("the CRC of a batch is {:08x}, its bytes give {:08x}", header.crc, batch_crc(batch)));
  return {};
}

Checked<void> check_fields(const BatchHeader& header, const ProduceContext& context) {
  const auto invalid = [](std::string message) {
    return refuse(ErrorCode::kInvalidRecord, std::move(message));
  };
  if (!header.compression())
    return invalid(
        fmt::format("a batch names codec {}, which does not exist", header.attributes & kCompressionMask));
  if (header.record_count <= 0)
    return invalid(fmt::format("a batch says it holds {} records", header.record_count));
  if (header.last_offset_delta != header.record_count - 1)
    return invalid(fmt::format("a batch of {} records ends at offset delta {}", header.record_count,
                               header.last_offset_delta));
  if (header.control()) return invalid("clients are not allowed to write control records");
  if (header.has_producer() && header.base_sequence < 0)
    return invalid(fmt::format("a batch of producer {} has sequence number {}", header.producer_id,
                               header.base_sequence));
  if (!header.transactional()) return {};
  if (!header.has_producer()) return invalid("a transactional batch has no producer id");
  if (!context.transactions)
    return refuse(
        ErrorCode::kInvalidTxnState,
        fmt::format("producer {} has no ongoing transaction on this partition", header.producer_id));
  return {};
}

int64_t add_saturating(int64_t a, int64_t b) {
  int64_t sum;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return b < 0 ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
}

// What a codec or the walk over the records says.
std::unexpected<Refusal> unreadable(Error error) {
  const bool ran_out = error.code == Code::kOutOfRange;
  return std::unexpected(Refusal{ran_out ? ErrorCode::kMessageTooLarge : ErrorCode::kInvalidRecord,
                                 std::move(error.message),
                                 {},
                                 ran_out});
}

// How many bytes, uncompressed, codecs work on.
struct CodecWork {
  uint64_t most;
  uint64_t done = 0;
};

// A run of a codec whose output is counted.
class CountedRun : public Decompression {
 public:
  CountedRun(Decompression& run, CodecWork& work) : run_(run), work_(work) {}
  Result<Bytes> next() override {
    Result<Bytes> piece = run_.next();
    if (piece) work_.done += piece->size();
    return piece;
  }

 private:
  Decompression& run_;
  CodecWork& work_;
};

// Walks the records of one batch.
class RecordCheck {
 public:
  RecordCheck(const BatchHeader& header, const BatchRules& topic, const ProduceContext& context)
      : header_(header),
        topic_(topic),
        create_time_(topic.timestamp_type == TimestampType::kCreateTime),
        says_append_time_(header.timestamp_type() == TimestampType::kLogAppendTime),
        oldest_(add_saturating(context.now_ms, -topic.timestamp_before_max_ms)),
        newest_(add_saturating(context.now_ms, topic.timestamp_after_max_ms)),
        most_errors_(context.most_record_errors) {}

  // The largest timestamp, or what is wrong. Once per object.
  Checked<int64_t> run(RecordScan records) {
    RecordFields record;
    for (;;) {
      auto more = records.next(record);
      if (!more) return unreadable(std::move(more).error());
      if (!*more) break;
      if (count_ == header_.record_count) return wrong_count("more");
      if (record.offset_delta != count_)
        return refuse(ErrorCode::kInvalidRecord,
                      fmt::format("record {} of a batch has offset delta {}", count_, record.offset_delta));
      check(record);
      ++count_;
    }
    if (count_ != header_.record_count) return wrong_count(fmt::format("{}", count_));
    if (failed_ > 0) return std::unexpected(std::move(*this).refusal());
    return max_timestamp_;
  }

 private:
  std::unexpected<Refusal> wrong_count(std::string_view found) const {
    return refuse(ErrorCode::kInvalidRecord,
                  fmt::format("a batch says it holds {} records, it holds {}", header_.record_count, found));
  }

  void check(const RecordFields& record) {
    // A client that claims LogAppendTime makes the header's timestamp that of every record.
    const int64_t timestamp =
        says_append_time_ ? header_.max_timestamp : timestamp_of(header_.base_timestamp, record);
    max_timestamp_ = std::max(max_timestamp_, timestamp);
    if (topic_.compacted && !record.has_key) {
      add_error("Compacted topic cannot accept message without key", ErrorCode::kInvalidRecord);
    } else if (create_time_ && timestamp != kNoTimestamp) {
      if (timestamp < oldest_ || timestamp > newest_) add_timestamp_error(timestamp);
    } else if (says_append_time_) {
      add_error("Invalid timestamp type in message. Producer should not set timestamp type to LogAppendTime.",
                ErrorCode::kInvalidTimestamp);
    }
  }

  void add_timestamp_error(int64_t timestamp) {
    std::string text;
    if (errors_.size() < most_errors_)
      text = fmt::format(
          "Timestamp {} of message with offset {} is out of range. The timestamp should be within [{}, {}]",
          timestamp, count_, oldest_, newest_);
    add_error(std::move(text), ErrorCode::kInvalidTimestamp);
  }

  void add_error(std::string message, ErrorCode error) {
    ++failed_;
    if (error == ErrorCode::kInvalidTimestamp) timestamp_failed_ = true;
    if (errors_.size() < most_errors_) errors_.push_back({count_, std::move(message)});
  }

  Refusal refusal() && {
    if (timestamp_failed_)
      return {ErrorCode::kInvalidTimestamp, "One or more records have been rejected due to invalid timestamp",
              std::move(errors_)};
    return {ErrorCode::kInvalidRecord,
            fmt::format("One or more records have been rejected due to {} record errors in total", failed_),
            std::move(errors_)};
  }

  const BatchHeader& header_;
  const BatchRules& topic_;
  const bool create_time_;
  const bool says_append_time_;
  const int64_t oldest_;
  const int64_t newest_;
  const size_t most_errors_;
  int32_t count_ = 0;
  int64_t max_timestamp_ = kNoTimestamp;
  int64_t failed_ = 0;
  bool timestamp_failed_ = false;
  std::vector<RecordError> errors_;
};

// Checks the records of a batch that is stored as it came.
Checked<int64_t> check_in_place(Bytes payload, const BatchHeader& header, RecordCheck& check, CodecWork& work,
                                Codecs& codecs) {
  if (*header.compression() == Compression::kNone) return check.run(RecordScan(payload));
  auto run = codecs.start(*header.compression(), payload, work.most);
  if (!run) return unreadable(std::move(run).error());
  CountedRun counted(**run, work);
  return check.run(RecordScan(counted));
}

// Checks the records of a batch and compresses them as the topic asks. Base timestamp
// and deltas stay as they are.
Checked<int64_t> check_and_recompress(Bytes payload, const BatchHeader& header, RecordCheck& check,
                                      const BatchRules& topic, CodecWork& work, Codecs& codecs,
                                      std::vector<uint8_t>& out) {
  if (payload.size() > work.most)
    return unreadable({Code::kOutOfRange, fmt::format("a batch of {} bytes is to be compressed, {} may be",
                                                      payload.size(), work.most)});
  std::vector<uint8_t> decompressed;
  if (header.compression() != Compression::kNone) {
    auto whole = codecs.decompress(*header.compression(), payload, work.most);
    if (!whole) return unreadable(std::move(whole).error());
    decompressed = std::move(*whole);
    payload = decompressed;
    work.done += payload.size();
  }
  work.done += payload.size();
  auto max_timestamp = check.run(RecordScan(payload));
  if (!max_timestamp) return max_timestamp;
  BatchHeader fields = header;
  fields.attributes = static_cast<int16_t>(fields.attributes & kKnownAttributes);
  auto batch = assemble_batch(fields, payload, *topic.compression, topic.compression_level(), codecs);
  if (!batch) return refuse(ErrorCode::kUnknownServerError, std::move(batch).error().message);
  if (batch->size() > static_cast<size_t>(topic.max_message_bytes))
    return refuse(
        ErrorCode::kMessageTooLarge,
        fmt::format("a batch takes {} bytes in the topic's compression.type, max.message.bytes is {}",
                    batch->size(), topic.max_message_bytes));
  out = std::move(*batch);
  return max_timestamp;
}

}  // namespace

uint64_t max_decompressed_bytes(const BatchRules& topic) {
  constexpr uint64_t kFloor = 64 * 1024 * 1024;
  constexpr uint64_t kTimesMaxMessage = 16;
  return std::max(kFloor, kTimesMaxMessage * static_cast<uint64_t>(topic.max_message_bytes));
}

std::expected<AdmittedBatch, Refusal> validate_batch(MutableBytes records, const BatchRules& topic,
                                                     const ProduceContext& context, Codecs& codecs) {
  auto header = find_batch(records, context.version);
  if (!header) return std::unexpected(std::move(header).error());
  const MutableBytes batch = records.first(header->size());
  if (auto whole = check_whole(batch, *header, topic); !whole)
    return std::unexpected(std::move(whole).error());
  if (auto fields = check_fields(*header, context); !fields)
    return std::unexpected(std::move(fields).error());

  AdmittedBatch admitted{*header, batch, {}, kNoTimestamp};
  const Bytes payload = Bytes(batch).subspan(kBatchHeaderSize);
  RecordCheck check(*header, topic, context);
  const bool in_place = !topic.compression || topic.compression == header->compression();
  const uint64_t most = max_decompressed_bytes(topic);
  uint64_t* const left = context.codec_bytes_left;
  CodecWork work{left == nullptr ? most : std::min(most, *left)};
  auto max_timestamp =
      in_place ? check_in_place(payload, *header, check, work, codecs)
               : check_and_recompress(payload, *header, check, topic, work, codecs, admitted.recompressed);
  if (left != nullptr) *left -= std::min(*left, work.done);
  if (!max_timestamp) {
    max_timestamp.error().too_much_work = max_timestamp.error().too_much_work && work.most < most;
    return std::unexpected(std::move(max_timestamp).error());
  }

  if (!in_place) admitted.bytes = admitted.recompressed;
  if (topic.timestamp_type == TimestampType::kLogAppendTime)
    max_timestamp = admitted.log_append_time_ms = context.now_ms;
  rewrite_timestamps(admitted.bytes, topic.timestamp_type, *max_timestamp);
  admitted.header = *decode_batch_header(admitted.bytes);
  return admitted;
}

}  // namespace chronik::kafka
