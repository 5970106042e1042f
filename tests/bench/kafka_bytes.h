// Kafka's numbers and strings on the wire, as bare_sink and perf_client read and write them.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

namespace kafka_bytes {

template <class T>
T load(const uint8_t* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return std::byteswap(value);
}

// Reads what was received; anything that does not fit makes ok() false and every later value 0.
class Reader {
 public:
  explicit Reader(std::span<uint8_t> bytes) : rest_(bytes) {}
  template <class T>
  T number() {
    const std::span<uint8_t> bytes = take(sizeof(T));
    return ok_ ? load<T>(bytes.data()) : T{};
  }
  std::span<uint8_t> take(int64_t n) {
    if (!ok_ || n < 0 || static_cast<size_t>(n) > rest_.size()) {
      ok_ = false;
      return {};
    }
    const std::span<uint8_t> out = rest_.first(static_cast<size_t>(n));
    rest_ = rest_.subspan(static_cast<size_t>(n));
    return out;
  }
  std::string string() {  // a null one is empty
    const auto n = number<int16_t>();
    const std::span<uint8_t> bytes = take(std::max<int16_t>(n, 0));
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  bool ok() const { return ok_; }

 private:
  std::span<uint8_t> rest_;
  bool ok_ = true;
};

// One request or response, its length in front once it is finished.
class Writer {
 public:
  explicit Writer(std::string* out) : out_(out), start_(out->size()) { number(int32_t{0}); }
  template <class T>
  Writer& number(T value) {
    value = std::byteswap(value);
    out_->append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Writer& string(const std::string& text) {
    number(static_cast<int16_t>(text.size()));
    out_->append(text);
    return *this;
  }
  void finish() {
    const auto n = std::byteswap(static_cast<int32_t>(out_->size() - start_ - sizeof(int32_t)));
    std::memcpy(out_->data() + start_, &n, sizeof n);
  }

 private:
  std::string* out_;
  size_t start_;
};

}  // namespace kafka_bytes
