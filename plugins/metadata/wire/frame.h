// What nodes say to one another about metadata, on the link channel "metadata".
#pragma once

#include <string_view>

#include "metadata/model/command.h"

namespace chronik::metadata {

// To the leader of __meta; never passed on.
struct ChangeFrame {
  Command command;
  uint32_t attempt = 1;
  bool validate_only = false;
  bool patient = false;  // better asked again than refused for nodes that are expected
  bool operator==(const ChangeFrame&) const = default;
};
// OK: the change ended without an entry, items hold the results. Otherwise the attempt
// failed and may be repeated.
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
// The leader of __meta is asked for its quorum; and what it says. Times are in
// milliseconds of Unix, -1: never.
struct QuorumRequestFrame {
  uint64_t number = 0;
  bool operator==(const QuorumRequestFrame&) const = default;
};
struct QuorumMember {
  int32_t id = -1;
  bool voter = false;
  uint64_t match_index = 0;
  int64_t heard_ms = -1;
  int64_t caught_up_ms = -1;
  bool operator==(const QuorumMember&) const = default;
};
struct QuorumReplyFrame {
  uint64_t number = 0;
  Verdict verdict;
  int32_t leader = -1;
  uint64_t term = 0;
  uint64_t commit_index = 0;
  std::vector<QuorumMember> members;
  uint64_t catalog_version = 0;  // of the leader
  bool operator==(const QuorumReplyFrame&) const = default;
};
// The feature levels that the sender knows.
struct FeaturesFrame {
  std::vector<ToldRange> features;
  bool answer = false;
  bool operator==(const FeaturesFrame&) const = default;
};
// Whom the sender is linked with. up: who is, as the leader of __meta sees it; empty: it does not lead.
struct LinksFrame {
  std::vector<int32_t> linked;
  std::vector<int32_t> up;
  bool operator==(const LinksFrame&) const = default;
};
using Frame = std::variant<ChangeFrame, ReplyFrame, SyncFrame, SyncRefusedFrame, DigestFrame,
                           QuorumRequestFrame, QuorumReplyFrame, FeaturesFrame, LinksFrame>;

}  // namespace chronik::metadata
