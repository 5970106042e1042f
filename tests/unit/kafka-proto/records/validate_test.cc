#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "records/records_testing.h"

namespace chronik::kafka {
namespace {

using namespace testing;

constexpr std::array kAllCodecs = {Compression::kNone, Compression::kGzip, Compression::kSnappy,
                                   Compression::kLz4, Compression::kZstd};

class Validate : public ::testing::Test {
 protected:
  // What the checks say of a copy of the records; kNone: admitted.
  ErrorCode verdict(std::vector<uint8_t> records) {
    kept_ = std::move(records);
    auto result = validate_batch(kept_, topic_, context_, codecs_);
    if (!result) {
      refusal_ = result.error();
      EXPECT_FALSE(refusal_.message.empty());
      return refusal_.error;
    }
    admitted_ = std::move(*result);
    return ErrorCode::kNone;
  }
  std::vector<uint8_t> batch(int n = 3, Compression codec = Compression::kNone) {
    return sample_batch(codecs_, codec, n);
  }

  Codecs codecs_;
  BatchRules topic_;
  ProduceContext context_{.version = 13, .now_ms = kNow, .transactions = false};
  std::vector<uint8_t> kept_;
  AdmittedBatch admitted_;
  Refusal refusal_;
};

TEST_F(Validate, AdmitsGoodBatchesUntouched) {
  for (const Compression codec : kAllCodecs) {
    const auto good = batch(50, codec);
    ASSERT_EQ(verdict(good), ErrorCode::kNone) << refusal_.message;
    EXPECT_EQ(kept_, good);
    EXPECT_EQ(admitted_.bytes.data(), kept_.data());
    EXPECT_EQ(admitted_.bytes.size(), good.size());
    EXPECT_EQ(admitted_.header.record_count, 50);
    EXPECT_EQ(admitted_.header.max_timestamp, kNow + 49);
    EXPECT_EQ(admitted_.log_append_time_ms, -1);
    EXPECT_TRUE(admitted_.recompressed.empty());
  }
}

TEST_F(Validate, AdmitsBatchesOfRealClients) {
  for (const char* name :
       {"java-none-small", "java-gzip-small", "java-snappy-small", "java-lz4-small", "java-zstd-small",
        "java-gzip-large", "java-snappy-large", "java-lz4-large", "java-zstd-large", "librdkafka-gzip",
        "librdkafka-snappy", "librdkafka-lz4", "librdkafka-zstd"})
    EXPECT_EQ(verdict(golden(name)), ErrorCode::kNone) << name << " " << refusal_.message;
}

TEST_F(Validate, ExactlyOneBatchOfMagicTwo) {
  EXPECT_EQ(verdict({}), ErrorCode::kInvalidRecord);
  EXPECT_EQ(verdict(joined(batch(), batch())), ErrorCode::kInvalidRecord);
  auto old = batch();
  old[kMagicAt] = uint8_t{1};
  EXPECT_EQ(verdict(old), ErrorCode::kInvalidRecord);
  old[kMagicAt] = uint8_t{3};
  EXPECT_EQ(verdict(old), ErrorCode::kCorruptMessage);
  for (const int32_t length : {-5, 0, 13, 30, 48}) {
    auto wrong = batch();
    store_be(wrong.data() + kLengthAt, length);
    EXPECT_EQ(verdict(wrong), ErrorCode::kCorruptMessage) << length;
  }
}

TEST_F(Validate, APartOfABatchBehindItIsIgnored) {
  const auto good = batch();
  ASSERT_EQ(verdict(joined(good, std::vector<uint8_t>(11))), ErrorCode::kNone);
  EXPECT_EQ(admitted_.bytes.size(), good.size());
  EXPECT_EQ(verdict(joined(good, Bytes(good).first(good.size() - 1))), ErrorCode::kNone);
  EXPECT_EQ(verdict(joined(good, std::vector<uint8_t>(12))), ErrorCode::kCorruptMessage);
}

TEST_F(Validate, EveryPrefixIsRefused) {
  for (const Compression codec : kAllCodecs) {
    const auto good = batch(5, codec);
    for (size_t n = 0; n < good.size(); ++n) {
      const ErrorCode error = verdict({good.begin(), good.begin() + static_cast<ptrdiff_t>(n)});
      EXPECT_EQ(error, ErrorCode::kInvalidRecord) << n;
    }
  }
}

TEST_F(Validate, CrcAndSize) {
  auto bad = batch();
  bad.back() ^= uint8_t{1};
  EXPECT_EQ(verdict(bad), ErrorCode::kCorruptMessage);
  topic_.max_message_bytes = static_cast<int32_t>(bad.size());
  EXPECT_EQ(verdict(batch()), ErrorCode::kNone);
  topic_.max_message_bytes -= 1;
  EXPECT_EQ(verdict(batch()), ErrorCode::kMessageTooLarge);
  EXPECT_EQ(verdict(bad), ErrorCode::kMessageTooLarge) << "size comes first";
}

TEST_F(Validate, HeaderFieldsThatLie) {
  const auto of = [&](void (*change)(BatchHeader&)) { return verdict(with_header(batch(3), change)); };
  constexpr auto kInvalid = ErrorCode::kInvalidRecord;
  EXPECT_EQ(of([](BatchHeader& h) { h.base_offset = 5; }), kInvalid);
  EXPECT_EQ(of([](BatchHeader& h) { h.record_count = 4, h.last_offset_delta = 3; }), kInvalid);
  EXPECT_EQ(of([](BatchHeader& h) { h.record_count = 2, h.last_offset_delta = 1; }), kInvalid);
  EXPECT_EQ(of([](BatchHeader& h) { h.record_count = 4; }), kInvalid);
  EXPECT_EQ(of([](BatchHeader& h) { h.record_count = 0, h.last_offset_delta = -1; }), kInvalid);
  EXPECT_EQ(of([](BatchHeader& h) { h.record_count = -2, h.last_offset_delta = -3; }), kInvalid);
  EXPECT_EQ(of([](BatchHeader& h) { h.record_count = h.last_offset_delta = 2147483647; }), kInvalid);
  EXPECT_EQ(of([](BatchHeader& h) { h.attributes |= kControlBit; }), kInvalid);
  EXPECT_EQ(of([](BatchHeader& h) { h.attributes |= 5; }), kInvalid);
  EXPECT_EQ(of([](BatchHeader& h) { h.attributes |= 7; }), kInvalid);
  EXPECT_EQ(of([](BatchHeader& h) { h.producer_id = 7; }), kInvalid) << "no sequence";
  EXPECT_EQ(of([](BatchHeader& h) { h.attributes |= kTransactionalBit; }), kInvalid) << "no producer";
  EXPECT_EQ(of([](BatchHeader& h) { h.base_sequence = 0; }), ErrorCode::kNone) << "as some clients send it";
  EXPECT_EQ(of([](BatchHeader& h) { h.leader_epoch = 9; }), ErrorCode::kNone);
}

TEST_F(Validate, TransactionsOnlyWhereAllowed) {
  const auto transactional = with_header(batch(), [](BatchHeader& h) {
    h.attributes |= kTransactionalBit;
    h.producer_id = 7;
    h.producer_epoch = 0;
    h.base_sequence = 0;
  });
  EXPECT_EQ(verdict(transactional), ErrorCode::kInvalidTxnState);
  context_.transactions = true;
  EXPECT_EQ(verdict(transactional), ErrorCode::kNone);
}

TEST_F(Validate, CountsOfCompressedBatchesThatLie) {
  for (const Compression codec : kAllCodecs) {
    const auto good = batch(3, codec);
    EXPECT_EQ(verdict(with_header(good, [](BatchHeader& h) { h.record_count = 4, h.last_offset_delta = 3; })),
              ErrorCode::kInvalidRecord);
    EXPECT_EQ(verdict(with_header(good, [](BatchHeader& h) { h.record_count = 2, h.last_offset_delta = 1; })),
              ErrorCode::kInvalidRecord);
  }
}

TEST_F(Validate, OffsetDeltasThatLie) {
  for (const auto& deltas :
       {std::pair{0, 0}, std::pair{1, 2}, std::pair{1, 0}, std::pair{0, 2}, std::pair{-1, 0}})
    for (const Compression codec : kAllCodecs) {
      std::vector<uint8_t> records;
      for (const int delta : {deltas.first, deltas.second}) {
        Record record;
        record.offset_delta = delta;
        record.value = bytes_of("v");
        append_record(records, record);
      }
      BatchHeader fields;
      fields.base_timestamp = fields.max_timestamp = kNow;
      fields.record_count = 2;
      fields.last_offset_delta = 1;
      EXPECT_EQ(verdict(assemble_batch(fields, records, codec, {}, codecs_).value()),
                ErrorCode::kInvalidRecord);
    }
}

TEST_F(Validate, DamagedCompressedDataIsRefused) {
  for (const Compression codec : kAllCodecs) {
    if (codec == Compression::kNone) continue;
    auto bad = batch(20, codec);
    for (size_t i = kBatchHeaderSize; i < bad.size(); ++i) bad[i] = static_cast<uint8_t>(i * 37);
    EXPECT_EQ(verdict(with_right_crc(bad)), ErrorCode::kInvalidRecord);
  }
}

TEST_F(Validate, ZstdNeedsProduceSeven) {
  context_.version = 6;
  EXPECT_EQ(verdict(batch(3, Compression::kZstd)), ErrorCode::kUnsupportedCompressionType);
  EXPECT_EQ(verdict(batch(3, Compression::kLz4)), ErrorCode::kNone);
  context_.version = 7;
  EXPECT_EQ(verdict(batch(3, Compression::kZstd)), ErrorCode::kNone);
}

TEST_F(Validate, TimestampsOutOfRangeAreNamed) {
  topic_.timestamp_before_max_ms = 1000;
  topic_.timestamp_after_max_ms = 2000;
  for (const Compression codec : kAllCodecs) {
    BatchBuilder builder;
    for (const int64_t at :
         {kNow, kNow - 1000, kNow - 1001, kNow + 2000, kNow + 2001, int64_t{-1}, int64_t{-2}})
      builder.add(at, bytes_of("k"), bytes_of("v"));
    EXPECT_EQ(verdict(builder.finish(codecs_, codec).value()), ErrorCode::kInvalidTimestamp);
    ASSERT_EQ(refusal_.records.size(), 3u);
    EXPECT_EQ(refusal_.records[0].index, 2);
    EXPECT_EQ(refusal_.records[1].index, 4);
    EXPECT_EQ(refusal_.records[2].index, 6);
    EXPECT_EQ(
        refusal_.records[0].message,
        fmt::format(
            "Timestamp {} of message with offset 2 is out of range. The timestamp should be within [{}, {}]",
            kNow - 1001, kNow - 1000, kNow + 2000));
    EXPECT_EQ(refusal_.message, "One or more records have been rejected due to invalid timestamp");
  }
}

TEST_F(Validate, DefaultTimestampLimitsAreThoseOfKafka) {
  const auto at = [&](int64_t timestamp) {
    BatchBuilder builder;
    builder.add(timestamp, std::nullopt, bytes_of("v"));
    return verdict(builder.finish(codecs_).value());
  };
  EXPECT_EQ(at(0), ErrorCode::kNone);
  EXPECT_EQ(at(kNow + 3'600'000), ErrorCode::kNone);
  EXPECT_EQ(at(kNow + 3'600'001), ErrorCode::kInvalidTimestamp);
  EXPECT_EQ(at(std::numeric_limits<int64_t>::max()), ErrorCode::kInvalidTimestamp);
  EXPECT_EQ(at(std::numeric_limits<int64_t>::min()), ErrorCode::kInvalidTimestamp);
}

TEST_F(Validate, CompactedTopicsNeedKeys) {
  topic_.compacted = true;
  BatchBuilder builder;
  builder.add(kNow, std::nullopt, bytes_of("v"));
  builder.add(kNow, bytes_of(""), bytes_of("v"));
  builder.add(kNow, std::nullopt, bytes_of("v"));
  EXPECT_EQ(verdict(builder.finish(codecs_, Compression::kZstd).value()), ErrorCode::kInvalidRecord);
  ASSERT_EQ(refusal_.records.size(), 2u);
  EXPECT_EQ(refusal_.records[0].index, 0);
  EXPECT_EQ(refusal_.records[1].index, 2);
}

TEST_F(Validate, RecordErrorsAreBounded) {
  topic_.compacted = true;
  BatchBuilder builder;
  for (int i = 0; i < 5000; ++i) builder.add(kNow, std::nullopt, bytes_of("v"));
  EXPECT_EQ(verdict(builder.finish(codecs_).value()), ErrorCode::kInvalidRecord);
  EXPECT_EQ(refusal_.records.size(), kMaxRecordErrors);
}

TEST_F(Validate, AMaxTimestampThatLiesIsCorrected) {
  const auto good = batch(3);
  const auto lying = with_header(good, [](BatchHeader& h) { h.max_timestamp = kNow + 999'999'999; });
  ASSERT_EQ(verdict(lying), ErrorCode::kNone);
  EXPECT_EQ(kept_, good);
  EXPECT_EQ(admitted_.header.max_timestamp, kNow + 2);
}

TEST_F(Validate, LogAppendTimeRewritesTheHeader) {
  topic_.timestamp_type = TimestampType::kLogAppendTime;
  topic_.timestamp_before_max_ms = 0;
  context_.now_ms = kNow + 777'000;
  for (const Compression codec : kAllCodecs) {
    const auto good = batch(3, codec);
    ASSERT_EQ(verdict(good), ErrorCode::kNone);
    EXPECT_EQ(admitted_.log_append_time_ms, kNow + 777'000);
    EXPECT_EQ(admitted_.header.max_timestamp, kNow + 777'000);
    EXPECT_EQ(admitted_.header.timestamp_type(), TimestampType::kLogAppendTime);
    EXPECT_TRUE(batch_crc_matches(admitted_.bytes));
    EXPECT_TRUE(
        std::equal(good.begin() + kBatchHeaderSize, good.end(), admitted_.bytes.begin() + kBatchHeaderSize));
  }
  const auto claims = with_header(batch(2), [](BatchHeader& h) { h.attributes |= kTimestampTypeBit; });
  EXPECT_EQ(verdict(claims), ErrorCode::kInvalidTimestamp);
  EXPECT_EQ(refusal_.records.size(), 2u);
}

TEST_F(Validate, AClaimOfLogAppendTimeIsClearedOnCreateTimeTopics) {
  const auto claims = with_header(batch(2), [](BatchHeader& h) { h.attributes |= kTimestampTypeBit; });
  ASSERT_EQ(verdict(claims), ErrorCode::kNone);  // as Kafka does
  EXPECT_EQ(admitted_.header.timestamp_type(), TimestampType::kCreateTime);
  EXPECT_TRUE(batch_crc_matches(admitted_.bytes));
}

TEST_F(Validate, RefusedRecordsAreNotTouched) {
  topic_.timestamp_type = TimestampType::kLogAppendTime;
  const auto bad = with_header(batch(3), [](BatchHeader& h) { h.record_count = 2, h.last_offset_delta = 1; });
  EXPECT_EQ(verdict(bad), ErrorCode::kInvalidRecord);
  EXPECT_EQ(kept_, bad);
}

TEST_F(Validate, RecompressesWhereTheTopicSaysSo) {
  BatchHeader fields;
  fields.producer_id = 5;
  fields.producer_epoch = 1;
  fields.base_sequence = 10;
  for (const Compression from : kAllCodecs)
    for (const Compression to : kAllCodecs) {
      topic_.compression = to;
      const auto original = sample_batch(codecs_, from, 200, 100, fields);
      ASSERT_EQ(verdict(original), ErrorCode::kNone) << refusal_.message;
      EXPECT_EQ(admitted_.header.compression(), to);
      EXPECT_EQ(admitted_.recompressed.empty(), from == to);
      EXPECT_EQ(admitted_.header.producer_id, 5);
      EXPECT_EQ(admitted_.header.last_sequence(), 209);
      EXPECT_TRUE(batch_crc_matches(admitted_.bytes));
      EXPECT_EQ(dump(admitted_.bytes, codecs_).value(), dump(original, codecs_).value());
      EXPECT_EQ(kept_, original);
    }
}

TEST_F(Validate, RecompressedBatchesMustFit) {
  const auto packed = sample_batch(codecs_, Compression::kZstd, 500, 2000);
  topic_.max_message_bytes = static_cast<int32_t>(packed.size());
  EXPECT_EQ(verdict(packed), ErrorCode::kNone);
  topic_.compression = Compression::kNone;
  EXPECT_EQ(verdict(packed), ErrorCode::kMessageTooLarge);
}

TEST_F(Validate, DecompressionBombsStop) {
  BatchBuilder builder;
  const std::string huge(80 << 20, '\0');
  builder.add(kNow, std::nullopt, bytes_of(huge));
  for (const Compression codec : {Compression::kGzip, Compression::kZstd, Compression::kLz4}) {
    BatchBuilder copy = builder;
    const auto bomb = copy.finish(codecs_, codec).value();
    EXPECT_LT(bomb.size(), size_t{1} << 20);
    EXPECT_EQ(verdict(bomb), ErrorCode::kMessageTooLarge);
  }
  // Zeros are no records: the first 64 KiB tell.
  BatchHeader fields;
  fields.record_count = 1;
  const auto zeros = assemble_batch(fields, bytes_of(huge), Compression::kZstd, {}, codecs_).value();
  EXPECT_EQ(verdict(zeros), ErrorCode::kInvalidRecord);
}

TEST_F(Validate, RandomDamageNeverPassesUnseen) {
  std::mt19937 random(23);
  for (const Compression codec : kAllCodecs) {
    const auto good = batch(30, codec);
    for (int i = 0; i < 500; ++i) {
      auto bad = good;
      const size_t at = random() % bad.size();
      bad[at] ^= static_cast<uint8_t>(1 + random() % 255);
      if (at >= kLeaderEpochAt && at < kMagicAt) continue;  // the broker overwrites it
      EXPECT_NE(verdict(bad), ErrorCode::kNone) << at;
    }
  }
}

TEST_F(Validate, DamageUnderARightCrcLeavesReadableBatches) {
  std::mt19937 random(29);
  int admitted = 0;
  for (const Compression codec : kAllCodecs) {
    const auto good = batch(30, codec);
    for (int i = 0; i < 1500; ++i) {
      auto bad = good;
      for (size_t k = 0, flips = 1 + random() % 3; k < flips; ++k)
        bad[kAttributesAt + random() % (bad.size() - kAttributesAt)] ^=
            static_cast<uint8_t>(1 + random() % 255);
      context_.transactions = i % 2 == 0;
      topic_.timestamp_type = i % 3 == 0 ? TimestampType::kLogAppendTime : TimestampType::kCreateTime;
      if (verdict(with_right_crc(bad)) != ErrorCode::kNone) continue;
      ++admitted;
      EXPECT_TRUE(batch_crc_matches(admitted_.bytes));
      EXPECT_EQ(dump(admitted_.bytes, codecs_).value().size(),
                static_cast<size_t>(admitted_.header.record_count));
    }
  }
  EXPECT_GT(admitted, 0);
}

// The work of codecs has a bound of its own: of what the caller allows, and what was done is taken off.
TEST_F(Validate, CodecsDoNoMoreThanTheyMay) {
  for (const Compression codec : kAllCodecs) {
    const auto good = batch(1000, codec);
    uint64_t left = UINT64_MAX;
    context_.codec_bytes_left = &left;
    ASSERT_EQ(verdict(good), ErrorCode::kNone) << refusal_.message;
    const uint64_t work = UINT64_MAX - left;
    EXPECT_EQ(work == 0, codec == Compression::kNone);
    if (work == 0) continue;
    left = work;
    EXPECT_EQ(verdict(good), ErrorCode::kNone);
    EXPECT_EQ(left, 0u);
    left = work - 1;
    EXPECT_EQ(verdict(good), ErrorCode::kMessageTooLarge);
    EXPECT_TRUE(refusal_.too_much_work);
    EXPECT_LT(left, work);
  }
  topic_.compression = Compression::kLz4;
  const auto plain = batch(1000);
  uint64_t left = plain.size();
  context_.codec_bytes_left = &left;
  EXPECT_EQ(verdict(plain), ErrorCode::kNone);
  EXPECT_EQ(left, kBatchHeaderSize);
  EXPECT_EQ(verdict(plain), ErrorCode::kMessageTooLarge);
  EXPECT_TRUE(refusal_.too_much_work);
}

}  // namespace
}  // namespace chronik::kafka
