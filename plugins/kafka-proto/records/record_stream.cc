#include "record_stream.h"

#include <fmt/format.h>

namespace chronik::kafka {

Result<bool> RecordStream::next(Record& out) {
  if (p_ == end_) {
    CHRONIK_TRY(const bool more, refill());
    if (!more) return false;
  }
  const uint8_t* p = p_;
  int32_t length;
  const bool whole = read_varint(p, end_, length) && length >= 0 && length <= end_ - p;
  if (!whole) return next_across_pieces(out);
  if (const char* wrong = read_record_body(Bytes(p, static_cast<size_t>(length)), out))
    return fail(Code::kCorrupt, wrong);
  p_ = p + length;
  return true;
}

Result<bool> RecordStream::refill() {
  if (run_ == nullptr) return false;
  CHRONIK_TRY(const Bytes piece, run_->next());
  p_ = piece.data();
  end_ = p_ + piece.size();
  return !piece.empty();
}

// Takes the next piece, and adds it to the record.
Result<bool> RecordStream::append_piece() {
  CHRONIK_TRY(const bool more, refill());
  if (more) joined_.insert(joined_.end(), p_, end_);
  return more;
}

// Grows only by bytes that are there, never by what a length announces.
Result<bool> RecordStream::next_across_pieces(Record& out) {
  joined_.assign(p_, end_);
  for (;;) {
    const uint8_t* p = joined_.data();
    const uint8_t* end = p + joined_.size();
    int32_t length = 0;
    const bool known = read_varint(p, end, length);
    if (!known && joined_.size() >= kMaxVarintBytes)
      return fail(Code::kCorrupt, "the length of a record is too long");
    if (known && length < 0) return fail(Code::kCorrupt, fmt::format("a record has length {}", length));
    if (known && length <= end - p) {
      const Bytes body(p, static_cast<size_t>(length));
      if (const char* wrong = read_record_body(body, out)) return fail(Code::kCorrupt, wrong);
      p_ = end_ - (end - p - length);  // the rest lies in the last piece, too
      return true;
    }
    CHRONIK_TRY(const bool more, append_piece());
    if (!more)
      return fail(Code::kCorrupt,
                  fmt::format("the last record is cut off: {} bytes are there", joined_.size()));
  }
}

}  // namespace chronik::kafka
