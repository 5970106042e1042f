#include "kafka-proto/coordinator/place.h"

namespace chronik::kafka {
namespace {

constexpr uint32_t kReplacement = 0xFFFD;

// Takes the next code point off the text, which is not empty. Of what is no UTF-8, the longest begin of a code
// point counts as one, as Java's decoder does.
uint32_t next_code_point(std::string_view& text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  size_t size = 1;
  uint32_t low = 0x80, high = 0xBF, value = first;
  if (first >= 0xC2 && first <= 0xDF) {
    size = 2;
    value = first & 0x1Fu;
  } else if (first >= 0xE0 && first <= 0xEF) {
    size = 3;
    value = first & 0x0Fu;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    size = 4;
    value = first & 0x07u;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;
  } else if (first >= 0x80) {
    text.remove_prefix(1);
    return kReplacement;
  }
  for (size_t i = 1; i < size; ++i, low = 0x80, high = 0xBF) {
    if (i == text.size() || byte(i) < low || byte(i) > high) {
      text.remove_prefix(i);
      return kReplacement;
    }
    value = value << 6 | (byte(i) & 0x3Fu);
  }
  text.remove_prefix(size);
  return value;
}

}  // namespace

int32_t java_hash(std::string_view utf8) {
  uint32_t hash = 0;
  const auto add = [&](uint32_t unit) { hash = 31 * hash + unit; };
  while (!utf8.empty()) {
    const uint32_t point = next_code_point(utf8);
    if (point < 0x10000) {
      add(point);
    } else {
      add(0xD800 + ((point - 0x10000) >> 10));
      add(0xDC00 + ((point - 0x10000) & 0x3FF));
    }
  }
  return static_cast<int32_t>(hash);
}

}  // namespace chronik::kafka
