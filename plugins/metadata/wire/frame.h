// What nodes say to one another about metadata, on the link channel "metadata".
#pragma once

#include <string_view>

#include "catalog/command.h"

namespace chronik::metadata {

// To the leader of __meta; never passed on.
struct ChangeFrame {
  Command command;
  uint32_t attempt = 1;
  bool validate_only = false;
  bool operator==(const ChangeFrame&) const = default;
};
// OK: the change ended without an entry, items hold the results. Otherwise the attempt failed and may be
// repeated.
struct ReplyFrame {
  uint64_t session = 0;
  uint64_t number = 0;
  uint32_t attempt = 0;
  Verdict verdict;
  std::vector<ItemResult> items;
  bool operator==(const ReplyFrame&) const = default;
};
struct SyncFrame {
  uint64_t batch = 0;
  SyncBatch what;
  bool operator==(const SyncFrame&) const = default;
};
struct SyncRefusedFrame {
  uint64_t batch = 0;
  Verdict verdict;
  bool operator==(const SyncRefusedFrame&) const = default;
};
struct DigestFrame {
  uint64_t index = 0;
  uint64_t digest = 0;
  bool operator==(const DigestFrame&) const = default;
};
using Frame = std::variant<ChangeFrame, ReplyFrame, SyncFrame, SyncRefusedFrame, DigestFrame>;

}  // namespace chronik::metadata
