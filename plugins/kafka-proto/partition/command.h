// Commands that a partition's leader proposes beside batches,
// so that what time does is the same on every replica.
//
//   version int8 (1) | now_ms int64 | expiration_ms int64      forget producers that were not seen for
//   expiration_ms
#pragma once

#include <chronik/result.hpp>

#include <array>

#include "kafka-proto/wire/reader.h"

namespace chronik::kafka {

struct ExpireProducers {
  static constexpr int8_t kVersion = 1;
  static constexpr size_t kSize = 17;

  int64_t now_ms = 0;
  int64_t expiration_ms = 0;

  std::array<uint8_t, kSize> encode() const {
    std::array<uint8_t, kSize> out{};
    out[0] = kVersion;
    for (size_t i = 0; i < 8; ++i) {
      out[1 + i] = static_cast<uint8_t>(static_cast<uint64_t>(now_ms) >> (56 - 8 * i));
      out[9 + i] = static_cast<uint8_t>(static_cast<uint64_t>(expiration_ms) >> (56 - 8 * i));
    }
    return out;
  }

  static Result<ExpireProducers> decode(Bytes bytes) {
    Reader in(bytes);
    const int8_t version = in.int8("version");
    ExpireProducers out;
    out.now_ms = in.int64("now_ms");
    out.expiration_ms = in.int64("expiration_ms");
    if (!in.ok()) return std::unexpected(in.error("a command of a partition"));
    if (version != kVersion)
      return fail(Code::kUnsupported, "a command of a newer version: upgrade this node");
    return out;
  }
};

}  // namespace chronik::kafka
