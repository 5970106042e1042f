// Reader: takes the fields of a Kafka message out of one received frame, without copying them.
//
// Strings, bytes and records point into the frame, which must outlive whatever was decoded from it. A reader
// never reads outside of the frame and never throws: the first malformed field is remembered, every later
// call returns an empty value, and error() tells which field it was. So a decoder calls field after field and
// looks once at the end. Not thread-safe; holds no memory of its own.
#pragma once

#include <chronik/abi.h>
#include <chronik/result.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "kafka-proto/wire/types.h"

namespace chronik::kafka {

class Reader {
 public:
  // What one request may name, in bytes of memory: its arrays once decoded, with what each element leads to,
  // and its strings. Each element has a row in an answer and an entry in a map, and costs its shard about a
  // microsecond, however short it is on the wire: this keeps a hostile frame from being multiplied.
  static constexpr size_t kDefaultBudget = size_t{24} << 20;
  static constexpr size_t kOfElement = 192;
  static constexpr size_t kOfTag = 16;  // to skip
  // What Kafka allows, in the compact encoding as in the older one.
  static constexpr size_t kMaxStringBytes = INT16_MAX;

  explicit Reader(Bytes frame, size_t budget = kDefaultBudget)
      : at_(frame.data()), end_(frame.data() + frame.size()), budget_(budget), left_(budget) {}

  bool ok() const { return problem_ == Problem::kNone; }
  size_t remaining() const { return static_cast<size_t>(end_ - at_); }
  // What is left of the frame; empty after an error.
  Bytes rest() const { return ok() ? Bytes(at_, remaining()) : Bytes(); }
  // Of the budget.
  size_t spent() const { return budget_ - left_; }
  // The first error, with `what` before it: "<what>: field <name>: 4 bytes needed, 2 left". Only when !ok().
  Error error(std::string_view what) const;

  bool boolean(const char* field) { return fixed<uint8_t>(field) != 0; }
  int8_t int8(const char* field) { return static_cast<int8_t>(fixed<uint8_t>(field)); }
  int16_t int16(const char* field) { return static_cast<int16_t>(fixed<uint16_t>(field)); }
  uint16_t uint16(const char* field) { return fixed<uint16_t>(field); }
  int32_t int32(const char* field) { return static_cast<int32_t>(fixed<uint32_t>(field)); }
  uint32_t uint32(const char* field) { return fixed<uint32_t>(field); }
  int64_t int64(const char* field) { return static_cast<int64_t>(fixed<uint64_t>(field)); }
  double float64(const char* field) { return std::bit_cast<double>(fixed<uint64_t>(field)); }
  ErrorCode error_code(const char* field) { return static_cast<ErrorCode>(int16(field)); }
  chr_uuid uuid(const char* field);
  // At most 5 bytes and 32 bits; anything longer is an error.
  uint32_t uvarint(const char* field);

  // `compact` is the encoding of flexible versions. null_allowed says whether null is legal in this version.
  std::string_view string(const char* field, bool compact);
  std::optional<std::string_view> nullable_string(const char* field, bool compact, bool null_allowed);
  Bytes bytes(const char* field, bool compact);
  std::optional<Bytes> nullable_bytes(const char* field, bool compact, bool null_allowed);
  Records records(const char* field, bool compact, bool null_allowed);
  // Whether a nullable struct is there.
  bool present(const char* field);

  // Empties `out` and gives it as many default elements as the array has, at most as many as the rest of the
  // frame can hold when one takes at least `smallest` bytes. False: null, or an error.
  template <class Array>
  bool array(const char* field, bool compact, bool null_allowed, size_t smallest, Array& out) {
    out.clear();
    const int64_t count =
        array_count(field, compact, null_allowed, smallest, sizeof(typename Array::value_type));
    if (count < 0) return false;
    out.resize(static_cast<size_t>(count));
    return true;
  }
  template <class T>
  bool array(const char* field, bool compact, bool null_allowed, size_t smallest,
             std::optional<std::vector<T>>& out) {
    if (array(field, compact, null_allowed, smallest, out.emplace())) return true;
    out.reset();
    return false;
  }

  // Tagged fields: tag_count(), then for each open_tag(), the fields in it if its
  // number is known, close_tag().
  uint32_t tag_count();
  struct Tag {
    uint32_t number = 0;
    const uint8_t* outer_end = nullptr;
  };
  Tag open_tag();
  // known: the content was decoded, and must have been all there is. Otherwise it is skipped.
  void close_tag(const Tag& tag, bool known, const char* field);
  void skip_tags();

 private:
  enum class Problem : uint8_t {
    kNone,
    kTruncated,
    kNull,
    kNegative,
    kTooMany,
    kTooLong,
    kVarint,
    kSpare,
    kBudget
  };

  template <class T>
  T fixed(const char* field) {
    if (remaining() < sizeof(T)) [[unlikely]] {
      fail(Problem::kTruncated, field, sizeof(T));
      return 0;
    }
    T value;
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    if constexpr (sizeof(T) > 1 && std::endian::native == std::endian::little) value = std::byteswap(value);
    return value;
  }

  // A length that counts bytes: -1 null; anything else fits into what remains. Errors return 0.
  int64_t length(const char* field, bool compact, bool null_allowed, bool short_length);
  int64_t array_count(const char* field, bool compact, bool null_allowed, size_t smallest, size_t in_memory);
  bool spend(const char* field, uint64_t count, size_t each);
  void fail(Problem problem, const char* field, uint64_t value);

  const uint8_t* at_;
  const uint8_t* end_;
  size_t budget_, left_;
  const char* failed_field_ = nullptr;
  uint64_t failed_value_ = 0;
  size_t failed_left_ = 0;
  Problem problem_ = Problem::kNone;
};

}  // namespace chronik::kafka
