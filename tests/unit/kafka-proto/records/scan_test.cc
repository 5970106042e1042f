#include <gtest/gtest.h>
#include <sys/resource.h>
#include "kafka-proto/records/record_scan.h"

#include <random>

#include "records/records_testing.h"

namespace chronik::kafka {
namespace {

using namespace testing;

// Gives bytes in pieces of a size.
class Pieces : public Decompression {
 public:
  Pieces(Bytes bytes, size_t size) : bytes_(bytes), size_(size) {}
  Result<Bytes> next() override {
    const Bytes piece = bytes_.first(std::min(size_, bytes_.size()));
    bytes_ = bytes_.subspan(piece.size());
    return piece;
  }

 private:
  Bytes bytes_;
  size_t size_;
};

// What a scan finds, up to the first error.
std::vector<std::string> scanned(RecordScan scan) {
  std::vector<std::string> found;
  RecordFields fields;
  for (;;) {
    const auto more = scan.next(fields);
    if (!more || !*more) {
      found.push_back(more ? "end" : "error");
      return found;
    }
    found.push_back(std::to_string(fields.timestamp_delta) + " " + std::to_string(fields.offset_delta) +
                    (fields.has_key ? " key" : ""));
  }
}

std::vector<uint8_t> some_records(std::mt19937& random) {
  const auto bytes = [&](std::vector<uint8_t>& out) -> std::optional<Bytes> {
    out.assign(random() % 90, static_cast<uint8_t>(random()));
    return random() % 4 == 0 ? std::nullopt : std::optional(Bytes(out));
  };
  std::vector<uint8_t> out;
  std::vector<uint8_t> key, value, header_key, header_value;
  for (int32_t i = 0, n = 1 + static_cast<int32_t>(random() % 5); i < n; ++i) {
    Record record;
    record.timestamp_delta = static_cast<int64_t>(random()) << random() % 30;
    record.offset_delta = i << random() % 28;
    record.key = bytes(key);
    record.value = bytes(value);
    record.header_count = static_cast<int32_t>(random() % 3);
    std::vector<uint8_t> headers;
    for (int32_t h = 0; h < record.header_count; ++h) {
      bytes(header_key);
      append_headers(headers, {{header_key, bytes(header_value)}});
    }
    record.headers = headers;
    append_record(out, record);
  }
  return out;
}

TEST(RecordScan, FindsTheSameHoweverRecordsAreCut) {
  std::mt19937 random(19);
  size_t wrong = 0;
  for (int round = 0; round < 4000; ++round) {
    std::vector<uint8_t> records = some_records(random);
    if (round % 2 == 1) records[random() % records.size()] ^= static_cast<uint8_t>(1 << random() % 8);
    if (round % 7 == 6) records.resize(random() % records.size());
    const auto whole = scanned(RecordScan(Bytes(records)));
    wrong += whole.back() == "error";
    for (const size_t size : {1, 2, 5, 40}) {
      Pieces pieces(records, size);
      ASSERT_EQ(scanned(RecordScan(pieces)), whole) << "round " << round << ", pieces of " << size;
    }
  }
  EXPECT_GT(wrong, 500u);
  EXPECT_LT(wrong, 3000u);
}

TEST(RecordScan, GoesOnBehindARecordThatLiesAcrossPiecesOfACodec) {
  Codecs codecs;
  for (const Compression codec :
       {Compression::kGzip, Compression::kSnappy, Compression::kLz4, Compression::kZstd})
    for (const size_t record_size : {size_t{10}, size_t{1000}, size_t{40'000}, size_t{300'000}}) {
      const int n = record_size < 1000 ? 30'000 : 40;
      const auto packed = sample_batch(codecs, codec, n, record_size);
      const auto plain = sample_batch(codecs, Compression::kNone, n, record_size);
      const auto found = scanned(RecordScan(
          *codecs.start(codec, Bytes(packed).subspan(kBatchHeaderSize), uint64_t{64} << 20).value()));
      ASSERT_EQ(found.size(), static_cast<size_t>(n) + 1);
      ASSERT_EQ(found, scanned(RecordScan(Bytes(plain).subspan(kBatchHeaderSize))));
    }
}

// A batch of kilobytes may decompress to one record of this size.
TEST(RecordScan, KeepsNothingOfAHugeRecord) {
  constexpr int64_t kHuge = int64_t{1} << 30;
  class Zeros : public Decompression {
   public:
    Zeros() {
      append_varlong(head_, kHuge);
      head_.insert(head_.end(), {0, 0, 0});  // attributes and deltas
      append_varlong(head_, -1);             // no key
      append_varlong(head_,
                     kHuge - 3 - 1 - 5 - 1);  // the value, without its length and the number of headers
      left_ = kHuge - 3 - 1 - 5;
    }
    Result<Bytes> next() override {
      if (!std::exchange(begun_, true)) return Bytes(head_);
      const size_t n = std::min<size_t>(left_, sizeof zeros_);
      left_ -= n;
      return Bytes(zeros_, n);
    }

   private:
    std::vector<uint8_t> head_;
    bool begun_ = false;
    size_t left_;
    uint8_t zeros_[1 << 16] = {};
  };
  const auto peak_kib = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const auto before = peak_kib();
  Zeros zeros;
  EXPECT_EQ(scanned(RecordScan(zeros)), (std::vector<std::string>{"0 0", "end"}));
  EXPECT_LT(peak_kib() - before, 64 << 10);
}

}  // namespace
}  // namespace chronik::kafka
