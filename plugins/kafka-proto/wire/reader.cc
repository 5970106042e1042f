#include "kafka-proto/wire/reader.h"

#include <string>

namespace chronik::kafka {

void Reader::fail(Problem problem, const char* field, uint64_t value) {
  if (!ok()) return;
  problem_ = problem;
  failed_field_ = field;
  failed_value_ = value;
  failed_left_ = remaining();
  at_ = end_;  // every later read is short, and so returns at once
}

Error Reader::error(std::string_view what) const {
  std::string text(what);
  text.append(": field ").append(failed_field_ ? failed_field_ : "?").append(": ");
  const std::string value = std::to_string(failed_value_);
  const std::string left = std::to_string(failed_left_);
  switch (problem_) {
    case Problem::kNone:
      text += "no error";
      break;
    case Problem::kTruncated:
      text += value + " bytes needed, " + left + " left";
      break;
    case Problem::kNull:
      text += "null where this version allows none";
      break;
    case Problem::kNegative:
      text += "length " + std::to_string(static_cast<int64_t>(failed_value_));
      break;
    case Problem::kTooMany:
      text += value + " elements cannot fit into " + left + " bytes";
      break;
    case Problem::kTooLong:
      text += "a string of " + value + " bytes; the limit is " + std::to_string(kMaxStringBytes);
      break;
    case Problem::kVarint:
      text += "a variable-length integer has more than 32 bits";
      break;
    case Problem::kSpare:
      text += value + " spare bytes after a tagged field";
      break;
    case Problem::kBudget:
      text += value + " elements or bytes are more than one request may name: ask for less at once";
      break;
  }
  return Error{Code::kCorrupt, std::move(text)};
}

chr_uuid Reader::uuid(const char* field) {
  chr_uuid value{};
  if (remaining() < sizeof value.b) {
    fail(Problem::kTruncated, field, sizeof value.b);
    return value;
  }
  std::memcpy(value.b, at_, sizeof value.b);
  at_ += sizeof value.b;
  return value;
}

uint32_t Reader::uvarint(const char* field) {
  uint32_t value = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    const uint8_t byte = fixed<uint8_t>(field);
    if (!ok()) return 0;
    if (shift == 28 && byte > 0x0f) break;
    value |= uint32_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return value;
  }
  fail(Problem::kVarint, field, 0);
  return 0;
}

int64_t Reader::length(const char* field, bool compact, bool null_allowed, bool short_length) {
  int64_t n = 0;
  if (compact) {
    n = static_cast<int32_t>(uvarint(field) - 1);
  } else {
    n = short_length ? int16(field) : int32(field);
  }
  if (!ok()) return 0;
  if (n < 0) {  // whatever it is, it says null
    if (null_allowed) return -1;
    fail(n == -1 ? Problem::kNull : Problem::kNegative, field, static_cast<uint64_t>(n));
    return 0;
  }
  if (static_cast<uint64_t>(n) > remaining()) {
    fail(Problem::kTruncated, field, static_cast<uint64_t>(n));
    return 0;
  }
  return n;
}

int64_t Reader::array_count(const char* field, bool compact, bool null_allowed, size_t smallest,
                            size_t in_memory) {
  const int32_t n = compact ? static_cast<int32_t>(uvarint(field) - 1) : int32(field);
  if (!ok()) return -1;
  if (n < 0) {
    if (!null_allowed)
      fail(n == -1 ? Problem::kNull : Problem::kNegative, field, static_cast<uint64_t>(int64_t{n}));
    return -1;
  }
  const auto count = static_cast<uint64_t>(n);
  if (count > remaining() / smallest) {
    fail(Problem::kTooMany, field, count);
    return -1;
  }
  return spend(field, count, in_memory + kOfElement) ? n : -1;
}

bool Reader::spend(const char* field, uint64_t count, size_t each) {
  if (count > left_ / each) {
    fail(Problem::kBudget, field, count);
    return false;
  }
  left_ -= count * each;
  return true;
}

std::string_view Reader::string(const char* field, bool compact) {
  return nullable_string(field, compact, false).value_or(std::string_view());
}

std::optional<std::string_view> Reader::nullable_string(const char* field, bool compact, bool null_allowed) {
  const int64_t n = length(field, compact, null_allowed, true);
  if (n < 0) return std::nullopt;
  if (static_cast<size_t>(n) > kMaxStringBytes) {
    fail(Problem::kTooLong, field, static_cast<uint64_t>(n));
    return std::string_view();
  }
  if (!spend(field, static_cast<uint64_t>(n), 1)) return std::string_view();
  const std::string_view value(reinterpret_cast<const char*>(at_), static_cast<size_t>(n));
  at_ += n;
  return value;
}

Bytes Reader::bytes(const char* field, bool compact) {
  return nullable_bytes(field, compact, false).value_or(Bytes());
}

std::optional<Bytes> Reader::nullable_bytes(const char* field, bool compact, bool null_allowed) {
  const int64_t n = length(field, compact, null_allowed, false);
  if (n < 0) return std::nullopt;
  const Bytes value(at_, static_cast<size_t>(n));
  at_ += n;
  return value;
}

Records Reader::records(const char* field, bool compact, bool null_allowed) {
  const std::optional<Bytes> value = nullable_bytes(field, compact, null_allowed);
  return value ? Records(*value) : Records();
}

bool Reader::present(const char* field) { return int8(field) >= 0 && ok(); }

uint32_t Reader::tag_count() {
  const uint32_t count = uvarint("tagged fields");
  if (count > remaining() / 2) {  // a number and a size are at least a byte each
    fail(Problem::kTooMany, "tagged fields", count);
    return 0;
  }
  return spend("tagged fields", count, kOfTag) ? count : 0;
}

Reader::Tag Reader::open_tag() {
  const uint32_t number = uvarint("tagged fields");
  const uint32_t size = uvarint("tagged fields");
  if (size > remaining()) fail(Problem::kTruncated, "tagged fields", size);
  const Tag tag{number, end_};
  if (ok()) end_ = at_ + size;
  return tag;
}

void Reader::close_tag(const Tag& tag, bool known, const char* field) {
  if (known && remaining() != 0) fail(Problem::kSpare, field, remaining());
  at_ = ok() ? end_ : tag.outer_end;
  end_ = tag.outer_end;
}

void Reader::skip_tags() {
  for (uint32_t left = tag_count(); left > 0 && ok(); --left) close_tag(open_tag(), false, "tagged fields");
}

}  // namespace chronik::kafka
