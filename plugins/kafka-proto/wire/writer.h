// Writer: builds one outgoing Kafka frame out of its own bytes and of leased memory that is sent as it is.
//
// Fixed fields, strings and lengths are copied into the writer's buffer; record batches are kept as slices,
// so that a Fetch response leaves as one writev of small headers and store pages. finish() gives the slices
// in order, each with a lease that keeps it alive, whatever happens to the writer. Not thread-safe; a
// finished frame may go anywhere.
#pragma once

#include <chronik/abi.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "kafka-proto/wire/types.h"

namespace chronik::kafka {

// A frame ready to be sent. Owns one reference to each slice's lease and releases it when destroyed. Slices
// without a lease were passed in without one (tests, static bytes) and must outlive the frame.
class OutFrame {
 public:
  OutFrame() = default;
  explicit OutFrame(std::vector<chr_slice> slices) : slices_(std::move(slices)) {}
  OutFrame(OutFrame&& other) noexcept : slices_(std::exchange(other.slices_, {})) {}
  OutFrame& operator=(OutFrame&& other) noexcept {
    std::swap(slices_, other.slices_);
    return *this;
  }
  OutFrame(const OutFrame&) = delete;
  OutFrame& operator=(const OutFrame&) = delete;
  ~OutFrame();

  std::span<const chr_slice> slices() const { return slices_; }
  uint64_t size() const;
  // Hands the slices and their references to the caller.
  std::vector<chr_slice> release() { return std::exchange(slices_, {}); }
  // One contiguous copy, for tests and small frames.
  std::vector<uint8_t> copy() const;

 private:
  std::vector<chr_slice> slices_;
};

class Writer {
 public:
  explicit Writer(size_t expected_size = 256);
  Writer(Writer&&) noexcept = default;
  Writer& operator=(Writer&&) = delete;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer();

  // From now on its own bytes are at most so many, those of external slices not counted. Beyond that they are
  // dropped, and there is no frame to finish.
  void limit(size_t most) { most_ = most; }
  bool passed_limit() const { return passed_limit_; }

  // Bytes so far, those of external slices included.
  uint64_t size() const { return used_ + external_bytes_; }

  void boolean(bool value) { fixed<uint8_t>(value ? 1 : 0); }
  void int8(int8_t value) { fixed(static_cast<uint8_t>(value)); }
  void int16(int16_t value) { fixed(static_cast<uint16_t>(value)); }
  void uint16(uint16_t value) { fixed(value); }
  void int32(int32_t value) { fixed(static_cast<uint32_t>(value)); }
  void uint32(uint32_t value) { fixed(value); }
  void int64(int64_t value) { fixed(static_cast<uint64_t>(value)); }
  void float64(double value) { fixed(std::bit_cast<uint64_t>(value)); }
  void error_code(ErrorCode value) { int16(static_cast<int16_t>(value)); }
  void uuid(const chr_uuid& value) { raw(value.b, sizeof value.b); }
  void uvarint(uint32_t value);

  // `compact` is the encoding of flexible versions. A null that this version cannot express is sent as empty.
  // Strings end at 32767 bytes, as for Kafka's clients;
  // a longer one (of free text) is cut there, between characters.
  void string(std::string_view value, bool compact);
  void nullable_string(const std::optional<std::string_view>& value, bool compact, bool null_allowed);
  void bytes(Bytes value, bool compact);
  void nullable_bytes(const std::optional<Bytes>& value, bool compact, bool null_allowed);
  // Retains the leases of the runs.
  void records(const Records& value, bool compact, bool null_allowed);
  void array_length(size_t count, bool compact);
  void null_array(bool compact, bool null_allowed);
  void present(bool value) { int8(value ? 1 : -1); }

  // Between the two, the content of one tagged field; records cannot stand in it.
  size_t begin_tag(uint32_t number);
  void end_tag(size_t begin);

  // Reserves the size prefix of a frame, to be called first; finish_frame() fills it in.
  void begin_frame() { int32(0); }
  OutFrame finish_frame() &&;
  // Without a prefix.
  OutFrame finish() &&;

  // Appends bytes that are sent from where they are. Retains the lease.
  void external(const chr_slice& slice);
  void raw(const void* bytes, size_t n) {
    if (n != 0) std::memcpy(grow(n), bytes, n);
  }

 private:
  struct Block;  // the writer's own bytes, themselves leased
  // External bytes, and how many of the writer's own stand before them.
  struct External {
    size_t at;
    chr_slice slice;
  };

  uint8_t* grow(size_t n) {
    if (capacity_ - used_ < n) [[unlikely]]
      enlarge(n);
    uint8_t* at = bytes_.get() + used_;
    used_ += n;
    return at;
  }
  template <class T>
  void fixed(T value) {
    if constexpr (sizeof(T) > 1 && std::endian::native == std::endian::little) value = std::byteswap(value);
    std::memcpy(grow(sizeof value), &value, sizeof value);
  }
  void enlarge(size_t n);

  std::unique_ptr<uint8_t[]> bytes_;
  size_t used_ = 0;
  size_t capacity_;
  size_t most_ = SIZE_MAX;
  bool passed_limit_ = false;
  uint64_t external_bytes_ = 0;
  std::vector<External> externals_;
};

}  // namespace chronik::kafka
