#include "kafka-proto/wire/writer.h"

#include <chronik/leased.hpp>

#include <algorithm>
#include <limits>

namespace chronik::kafka {
namespace {

constexpr size_t kMaxStringBytes = std::numeric_limits<int16_t>::max();
constexpr size_t kMaxVarintBytes = 5;

void retain(chr_buf* lease) {
  if (lease != nullptr) lease->ops->retain(lease);
}

void release(chr_buf* lease) {
  if (lease != nullptr) lease->ops->release(lease);
}

// `text` cut to the longest length that a string may have, without splitting a character.
std::string_view clamp(std::string_view text) {
  if (text.size() <= kMaxStringBytes) return text;
  size_t n = kMaxStringBytes;
  while (n > 0 && (static_cast<uint8_t>(text[n]) & 0xc0u) == 0x80u) --n;
  return text.substr(0, n);
}

size_t put_uvarint(uint8_t* out, uint32_t value) {
  size_t n = 0;
  for (; value >= 0x80; value >>= 7) out[n++] = static_cast<uint8_t>(value | 0x80u);
  out[n++] = static_cast<uint8_t>(value);
  return n;
}

}  // namespace

uint64_t Records::size() const {
  uint64_t n = 0;
  for (const chr_slice& run : runs()) n += run.n;
  return n;
}

bool same(const Records& a, const Records& b) {
  if (a.is_null() != b.is_null() || a.size() != b.size()) return false;
  const auto joined = [](const Records& records) {
    std::vector<uint8_t> all;
    for (const chr_slice& run : records.runs()) all.insert(all.end(), run.p, run.p + run.n);
    return all;
  };
  return joined(a) == joined(b);
}

OutFrame::~OutFrame() {
  for (const chr_slice& slice : slices_) kafka::release(slice.lease);
}

uint64_t OutFrame::size() const {
  uint64_t n = 0;
  for (const chr_slice& slice : slices_) n += slice.n;
  return n;
}

std::vector<uint8_t> OutFrame::copy() const {
  std::vector<uint8_t> all;
  all.reserve(size());
  for (const chr_slice& slice : slices_) all.insert(all.end(), slice.p, slice.p + slice.n);
  return all;
}

// Every slice of the writer's own bytes holds a reference; the last release frees them.
struct Writer::Block : Leased<Writer::Block> {
  explicit Block(std::unique_ptr<uint8_t[]> owned) : bytes(std::move(owned)) {}
  const std::unique_ptr<uint8_t[]> bytes;
};

Writer::Writer(size_t expected_size)
    : bytes_(std::make_unique_for_overwrite<uint8_t[]>(std::max<size_t>(expected_size, 16))),
      capacity_(std::max<size_t>(expected_size, 16)) {}

Writer::~Writer() {
  for (const External& external : externals_) kafka::release(external.slice.lease);
}

void Writer::enlarge(size_t n) {
  if (used_ + n > most_) {
    passed_limit_ = true;
    used_ = 0;
    if (n <= capacity_) return;
  }
  const size_t capacity = std::max(std::min(capacity_ * 2, most_), used_ + n);
  auto bytes = std::make_unique_for_overwrite<uint8_t[]>(capacity);
  std::memcpy(bytes.get(), bytes_.get(), used_);
  bytes_ = std::move(bytes);
  capacity_ = capacity;
}

void Writer::uvarint(uint32_t value) {
  uint8_t encoded[kMaxVarintBytes];
  raw(encoded, put_uvarint(encoded, value));
}

void Writer::string(std::string_view value, bool compact) {
  value = clamp(value);
  if (compact) {
    uvarint(static_cast<uint32_t>(value.size()) + 1);
  } else {
    int16(static_cast<int16_t>(value.size()));
  }
  raw(value.data(), value.size());
}

void Writer::nullable_string(const std::optional<std::string_view>& value, bool compact, bool null_allowed) {
  if (value || !null_allowed) {
    string(value.value_or(std::string_view()), compact);
  } else if (compact) {
    uvarint(0);
  } else {
    int16(-1);
  }
}

void Writer::bytes(Bytes value, bool compact) {
  array_length(value.size(), compact);
  raw(value.data(), value.size());
}

void Writer::nullable_bytes(const std::optional<Bytes>& value, bool compact, bool null_allowed) {
  if (value) {
    bytes(*value, compact);
  } else {
    null_array(compact, null_allowed);
  }
}

void Writer::records(const Records& value, bool compact, bool null_allowed) {
  if (value.is_null()) {
    null_array(compact, null_allowed);
    return;
  }
  array_length(value.size(), compact);
  for (const chr_slice& run : value.runs()) external(run);
}

void Writer::array_length(size_t count, bool compact) {
  if (compact) {
    uvarint(static_cast<uint32_t>(count) + 1);
  } else {
    int32(static_cast<int32_t>(count));
  }
}

void Writer::null_array(bool compact, bool null_allowed) {
  if (!null_allowed) {
    array_length(0, compact);
  } else if (compact) {
    uvarint(0);
  } else {
    int32(-1);
  }
}

size_t Writer::begin_tag(uint32_t number) {
  uvarint(number);
  return used_;
}

void Writer::end_tag(size_t begin) {
  if (passed_limit_) return;  // what stands before `begin` may be gone
  // The size stands before the content, and is known only now: make room for it.
  const size_t content = used_ - begin;
  uint8_t encoded[kMaxVarintBytes];
  const size_t n = put_uvarint(encoded, static_cast<uint32_t>(content));
  grow(n);
  std::memmove(bytes_.get() + begin + n, bytes_.get() + begin, content);
  std::memcpy(bytes_.get() + begin, encoded, n);
}

void Writer::external(const chr_slice& slice) {
  if (slice.n == 0) return;
  retain(slice.lease);
  externals_.push_back({used_, slice});
  external_bytes_ += slice.n;
}

OutFrame Writer::finish_frame() && {
  auto length = static_cast<uint32_t>(size() - sizeof(uint32_t));
  if constexpr (std::endian::native == std::endian::little) length = std::byteswap(length);
  std::memcpy(bytes_.get(), &length, sizeof length);
  return std::move(*this).finish();
}

OutFrame Writer::finish() && {
  // One slice of our own before each external one, where there is something before it, and one at the end.
  std::vector<chr_slice> slices;
  slices.reserve(externals_.size() * 2 + 1);
  const uint8_t* base = bytes_.get();
  auto* block = new Block(std::move(bytes_));
  size_t from = 0;
  const auto add_own = [&](size_t to) {
    if (to == from) return;
    retain(block);
    slices.push_back({base + from, to - from, block});
    from = to;
  };
  for (const External& external : externals_) {
    add_own(external.at);
    slices.push_back(external.slice);
  }
  add_own(used_);
  externals_.clear();  // their references are the frame's now
  used_ = capacity_ = 0;
  external_bytes_ = 0;
  release(block);
  return OutFrame(std::move(slices));
}

}  // namespace chronik::kafka
