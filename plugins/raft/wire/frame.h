// Raft messages as frames of a link: a length, a protobuf head, then the payloads of the entries as they are.
#pragma once

#include "core/types.h"

#include <chronik/host.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace chronik::raft {

// A received message and the group that it is for.
struct Envelope {
  std::string group;
  Message message;
};

// Limits on what is believed of a frame's head before it is parsed.
inline constexpr uint32_t kMaxFrameHead = 4u << 20;
inline constexpr size_t kMaxGroupName = 255;

// The slices to send, in order. *head owns the first one; the payloads are borrowed from the message.
Status encode_frame(const Host& host, std::string_view group, const Message& message, Payload* head,
                    std::vector<chr_slice>* slices);

// The bytes are untrusted. Payloads of the entries share the frame's lease.
Result<Envelope> decode_frame(const chr_slice& frame, NodeId from, NodeId to);

}  // namespace chronik::raft
