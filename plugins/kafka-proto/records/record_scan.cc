#include "kafka-proto/records/record_scan.h"

#include <algorithm>
#include <utility>

namespace chronik::kafka {

Result<bool> RecordScan::next(RecordFields& out) {
  if (p_ == end_) {
    CHRONIK_TRY(const bool more, next_piece());
    if (!more) return false;
  }
  const uint8_t* p = p_;
  int32_t length;
  const bool whole = read_varint(p, end_, length) && length >= 0 && length <= end_ - p;
  if (!whole) {
    if (!step_over_record(out)) return std::unexpected(std::move(error_));
    return true;
  }
  Record record;
  if (const char* wrong = read_record_body(Bytes(p, static_cast<size_t>(length)), record))
    return fail(Code::kCorrupt, wrong);
  out = {record.timestamp_delta, record.offset_delta, record.key.has_value()};
  p_ = p + length;
  return true;
}

Result<bool> RecordScan::next_piece() {
  if (run_ == nullptr) return false;
  CHRONIK_TRY(const Bytes piece, run_->next());
  p_ = piece.data();
  end_ = p_ + piece.size();
  return !piece.empty();
}

bool RecordScan::step_over_record(RecordFields& out) {
  constexpr const char* kWrongDeltas = "the deltas of a record are cut off or too long";
  int32_t length;
  left_ = kMaxVarintBytes;
  if (!varint("the length of a record is too long", length)) return false;
  if (length < 0) return failed("a record has a negative length");
  left_ = static_cast<uint64_t>(length);
  uint8_t unused_attributes;
  bool has_value;
  return byte("a record has no bytes", unused_attributes) && varlong(kWrongDeltas, out.timestamp_delta) &&
         varint(kWrongDeltas, out.offset_delta) &&
         step_over_nullable("the key of a record has a wrong length", out.has_key) &&
         step_over_nullable("the value of a record has a wrong length", has_value) && step_over_headers() &&
         (left_ == 0 || failed("a record is longer than its fields"));
}

bool RecordScan::step_over_headers() {
  constexpr const char* kWrongCount = "a record has a wrong number of headers";
  constexpr const char* kWrongHeader = "a header of a record has a wrong length";
  int32_t count;
  if (!varint(kWrongCount, count)) return false;
  if (count < 0 || static_cast<uint64_t>(count) > left_) return failed(kWrongCount);
  bool has_key;
  bool has_value;
  for (int32_t i = 0; i < count; ++i) {
    if (!step_over_nullable(kWrongHeader, has_key)) return false;
    if (!has_key) return failed(kWrongHeader);
    if (!step_over_nullable(kWrongHeader, has_value)) return false;
  }
  return true;
}

bool RecordScan::step_over_nullable(const char* wrong, bool& present) {
  int32_t length;
  if (!varint(wrong, length)) return false;
  if (length < -1 || length > static_cast<int64_t>(left_)) return failed(wrong);
  present = length >= 0;
  return !present || step_over(static_cast<uint64_t>(length));
}

bool RecordScan::step_over(uint64_t bytes) {
  left_ -= bytes;
  while (bytes > 0) {
    if (!byte_is_there()) return false;
    const uint64_t here = std::min(bytes, static_cast<uint64_t>(end_ - p_));
    p_ += here;
    bytes -= here;
  }
  return true;
}

bool RecordScan::varint(const char* wrong, int32_t& out) {
  int64_t value;
  const uint64_t before = left_;
  if (!varlong(wrong, value)) return false;
  if (before - left_ > kMaxVarintBytes || !std::in_range<int32_t>(value)) return failed(wrong);
  out = static_cast<int32_t>(value);
  return true;
}

bool RecordScan::varlong(const char* wrong, int64_t& out) {
  uint8_t bytes[kMaxVarlongBytes];
  size_t n = 0;
  do {
    if (!byte(wrong, bytes[n])) return false;
    ++n;
  } while (bytes[n - 1] >= 0x80 && n < kMaxVarlongBytes);
  const uint8_t* p = bytes;
  return read_varlong(p, bytes + n, out) || failed(wrong);
}

bool RecordScan::byte(const char* wrong, uint8_t& out) {
  if (left_ == 0) return failed(wrong);
  if (p_ == end_ && !byte_is_there()) return false;
  --left_;
  out = *p_++;
  return true;
}

bool RecordScan::byte_is_there() {
  if (p_ != end_) return true;
  const Result<bool> more = next_piece();
  if (more && *more) return true;
  error_ = more ? Error{Code::kCorrupt, "the last record is cut off"} : more.error();
  return false;
}

bool RecordScan::failed(const char* wrong) {
  error_ = {Code::kCorrupt, wrong};
  return false;
}

}  // namespace chronik::kafka
