// What nodes send to one another: a length, a protobuf head, then the payloads of the entries as they are. A
// frame holds messages of any groups, or the heartbeat of a node.
#pragma once

#include "raft/core/types.h"

#include <chronik/host.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace chronik::raft {

// Stable across nodes and versions: it names a group between nodes, decides on which shard it lives, and
// enters its timeouts.
uint64_t hash_of(std::string_view name);

// A message and the group that it is for, by the hash of its name.
struct Envelope {
  uint64_t group = 0;
  Message message;
};

struct LeaderClaim {
  uint64_t group = 0;
  Term term = 0;
  bool operator==(const LeaderClaim&) const = default;
};

// What the fields mean stands in raft.proto.
struct HeartbeatStream {
  uint32_t id = 0;
  uint64_t base = 0;
  uint64_t version = 0;
  uint64_t digest = 0;
  std::vector<LeaderClaim> claims;
};
struct Heartbeat {
  struct Have {
    uint32_t stream;
    uint64_t version;
  };
  uint64_t session = 0;
  uint64_t seq = 0;
  Nanos sent = 0;
  std::vector<HeartbeatStream> streams;
  uint64_t heard_session = 0;
  Nanos heard_sent = 0;
  std::vector<Have> have;
  std::vector<LeaderClaim> rejections;
};

struct Frame {
  std::vector<Envelope> messages;
  std::optional<Heartbeat> heartbeat;
};

// Limits on what is believed of a frame's head before it is parsed.
inline constexpr uint32_t kMaxFrameHead = 4u << 20;
inline constexpr size_t kMaxGroupName = 255;

// The slices to send, in order. *head owns the first one; the payloads are borrowed from the messages.
Status encode_messages(const Host& host, std::span<const Envelope> messages, Payload* head,
                       std::vector<chr_slice>* slices);
Status encode_heartbeat(const Host& host, const Heartbeat& heartbeat, Payload* head);

// The bytes are untrusted. Payloads of the entries share the frame's lease, small ones are copied.
Result<Frame> decode_frame(const chr_slice& frame, NodeId from, NodeId to);

}  // namespace chronik::raft
