#include <gtest/gtest.h>
#include "kafka-proto/records/record.h"

#include <fmt/format.h>

#include "records/records_testing.h"

namespace chronik::kafka {
namespace {

using namespace testing;

TEST(Batch, HeaderSurvivesARoundTrip) {
  BatchHeader header;
  header.base_offset = 1'234'567'890'123;
  header.length = 100;
  header.leader_epoch = 7;
  header.crc = 0xdeadbeef;
  header.attributes = static_cast<int16_t>(Compression::kZstd) | kTimestampTypeBit | kTransactionalBit;
  header.last_offset_delta = 41;
  header.base_timestamp = -5;
  header.max_timestamp = kNow;
  header.producer_id = 99;
  header.producer_epoch = 3;
  header.base_sequence = 2147483600;
  header.record_count = 42;
  std::vector<uint8_t> bytes(kBatchHeaderSize);
  encode_batch_header(header, bytes);
  const BatchHeader back = decode_batch_header(bytes).value();
  EXPECT_EQ(back.base_offset, header.base_offset);
  EXPECT_EQ(back.leader_epoch, 7);
  EXPECT_EQ(back.crc, 0xdeadbeef);
  EXPECT_EQ(back.compression(), Compression::kZstd);
  EXPECT_EQ(back.timestamp_type(), TimestampType::kLogAppendTime);
  EXPECT_TRUE(back.transactional());
  EXPECT_FALSE(back.control());
  EXPECT_EQ(back.last_offset(), header.base_offset + 41);
  EXPECT_EQ(back.base_timestamp, -5);
  EXPECT_EQ(back.max_timestamp, kNow);
  EXPECT_EQ(back.producer_id, 99);
  EXPECT_EQ(back.producer_epoch, 3);
  EXPECT_EQ(back.base_sequence, 2147483600);
  EXPECT_EQ(back.last_sequence(), 2147483641);
  EXPECT_EQ(back.record_count, 42);
  EXPECT_EQ(back.size(), 112u);
}

TEST(Batch, HeaderRefusesWhatIsNone) {
  Codecs codecs;
  const auto batch = sample_batch(codecs, Compression::kNone, 1);
  for (size_t n = 0; n < kBatchHeaderSize; ++n)
    EXPECT_EQ(decode_batch_header(Bytes(batch).first(n)).error().code, Code::kCorrupt);
  auto other = batch;
  other[kMagicAt] = uint8_t{1};
  EXPECT_EQ(decode_batch_header(other).error().code, Code::kCorrupt);
  for (const int32_t length : {-1, 0, 48, std::numeric_limits<int32_t>::min()}) {
    store_be(other.data() + kLengthAt, length);
    other[kMagicAt] = uint8_t{2};
    EXPECT_EQ(decode_batch_header(other).error().code, Code::kCorrupt) << length;
  }
}

TEST(Batch, SequencesWrap) {
  EXPECT_EQ(sequence_after(5, 3), 8);
  EXPECT_EQ(sequence_after(2147483647, 1), 0);
  EXPECT_EQ(sequence_after(2147483646, 4), 2);
  EXPECT_EQ(sequence_after(-1, 1), 0);
}

TEST(Batch, PatchesLeaveTheCrcAlone) {
  Codecs codecs;
  auto batch = sample_batch(codecs, Compression::kNone, 3);
  ASSERT_TRUE(batch_crc_matches(batch));
  patch_base_offset(batch, 77);
  patch_leader_epoch(batch, 9);
  EXPECT_TRUE(batch_crc_matches(batch));
  const BatchHeader header = decode_batch_header(batch).value();
  EXPECT_EQ(header.base_offset, 77);
  EXPECT_EQ(header.leader_epoch, 9);
  EXPECT_EQ(dump(batch, codecs).value()[2].substr(0, 2), "79");
}

TEST(Batch, RewritesTimestampsWithTheCrc) {
  Codecs codecs;
  auto batch = sample_batch(codecs, Compression::kNone, 100, 300);
  EXPECT_FALSE(rewrite_timestamps(batch, TimestampType::kCreateTime, kNow + 99));
  EXPECT_TRUE(rewrite_timestamps(batch, TimestampType::kLogAppendTime, kNow + 12345));
  EXPECT_TRUE(batch_crc_matches(batch));
  const BatchHeader header = decode_batch_header(batch).value();
  EXPECT_EQ(header.timestamp_type(), TimestampType::kLogAppendTime);
  EXPECT_EQ(header.max_timestamp, kNow + 12345);
  EXPECT_TRUE(rewrite_timestamps(batch, TimestampType::kCreateTime, kNow + 99));
  EXPECT_EQ(batch, sample_batch(codecs, Compression::kNone, 100, 300));
}

TEST(Batch, CursorWalksBatchesAndKeepsTheRest) {
  Codecs codecs;
  const auto one = sample_batch(codecs, Compression::kNone, 2),
             two = sample_batch(codecs, Compression::kLz4, 5);
  const auto both = joined(one, two);
  for (size_t n = 0; n <= both.size(); ++n) {
    BatchCursor cursor(Bytes(both).first(n));
    std::vector<size_t> sizes;
    for (;;) {
      auto batch = cursor.next();
      ASSERT_TRUE(batch.has_value()) << n;
      if (!*batch) break;
      sizes.push_back((*batch)->bytes.size());
    }
    const size_t whole = n < one.size() ? 0 : n < both.size() ? 1 : 2;
    EXPECT_EQ(sizes.size(), whole) << n;
    EXPECT_EQ(cursor.rest().size(), whole == 0 ? n : whole == 1 ? n - one.size() : 0) << n;
  }
}

TEST(Record, BuiltRecordsDecode) {
  Codecs codecs;
  BatchBuilder builder;
  builder.add(kNow, bytes_of("k"), bytes_of("v"),
              {{bytes_of("h"), bytes_of("x")}, {bytes_of(""), std::nullopt}});
  builder.add(kNow - 70'000, std::nullopt, std::nullopt);
  builder.add(kNow + 1, bytes_of(""), bytes_of(std::string(300, 'z')));
  const auto batch = builder.finish(codecs).value();
  const BatchHeader header = decode_batch_header(batch).value();
  EXPECT_EQ(header.max_timestamp, kNow + 1);
  EXPECT_EQ(header.base_timestamp, kNow);
  EXPECT_EQ(header.record_count, 3);
  EXPECT_EQ(header.last_offset_delta, 2);
  const auto lines = dump(batch, codecs).value();
  EXPECT_EQ(lines[0], fmt::format("0 {} 'k'='v' 'h':'x' '':null", kNow));
  EXPECT_EQ(lines[1], fmt::format("1 {} null=null", kNow - 70'000));
  EXPECT_EQ(lines[2], fmt::format("2 {} ''='{}'", kNow + 1, std::string(300, 'z')));
}

TEST(Record, EveryPrefixOfABodyIsRefused) {
  std::vector<uint8_t> headers, encoded;
  append_headers(headers, {{bytes_of("h"), bytes_of("x")}, {bytes_of("n"), std::nullopt}});
  Record record;
  record.timestamp_delta = 123456;
  record.offset_delta = 3;
  record.key = bytes_of("key");
  record.value = bytes_of("value");
  record.header_count = 2;
  record.headers = headers;
  append_record(encoded, record);
  const Bytes body = Bytes(encoded).subspan(1);
  Record out;
  EXPECT_EQ(read_record_body(body, out), nullptr);
  EXPECT_EQ(decode_headers(out).size(), 2u);
  for (size_t n = 0; n < body.size(); ++n) EXPECT_NE(read_record_body(body.first(n), out), nullptr) << n;
  EXPECT_NE(read_record_body(joined(body, bytes_of("x")), out), nullptr);
}

TEST(Record, HostileLengthsAreRefused) {
  const auto body = [](std::initializer_list<int64_t> numbers) {
    std::vector<uint8_t> out{uint8_t{0}};
    for (const int64_t n : numbers) append_varlong(out, n);
    return out;
  };
  Record out;
  EXPECT_EQ(read_record_body(body({0, 0, -1, -1, 0}), out), nullptr);
  EXPECT_NE(read_record_body(body({0, 0, -2, -1, 0}), out), nullptr);
  EXPECT_NE(read_record_body(body({0, 0, 2147483647, -1, 0}), out), nullptr);
  EXPECT_NE(read_record_body(body({0, 0, -1, -2147483648, 0}), out), nullptr);
  EXPECT_NE(read_record_body(body({0, 0, -1, -1, -1}), out), nullptr);
  EXPECT_NE(read_record_body(body({0, 0, -1, -1, 1'000'000}), out), nullptr);
  EXPECT_NE(read_record_body(body({0, 0, -1, -1, 1, -1, -1}), out), nullptr);  // a header without key
  EXPECT_NE(read_record_body(body({0, int64_t{1} << 32, -1, -1, 0}), out), nullptr);
  const std::vector<uint8_t> endless(12, uint8_t{0xff});
  EXPECT_NE(read_record_body(endless, out), nullptr);
}

TEST(Record, VarintsRoundTrip) {
  for (const int64_t value :
       {int64_t{0}, int64_t{-1}, int64_t{63}, int64_t{-64}, int64_t{64}, int64_t{1} << 31,
        std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()}) {
    std::vector<uint8_t> bytes;
    append_varlong(bytes, value);
    EXPECT_EQ(bytes.size(), varlong_size(value));
    const uint8_t* p = bytes.data();
    int64_t back;
    ASSERT_TRUE(read_varlong(p, p + bytes.size(), back));
    EXPECT_EQ(back, value);
    int32_t small;
    p = bytes.data();
    const bool fits =
        value >= std::numeric_limits<int32_t>::min() && value <= std::numeric_limits<int32_t>::max();
    EXPECT_EQ(read_varint(p, p + bytes.size(), small), fits) << value;
  }
}

}  // namespace
}  // namespace chronik::kafka
