#include "raft/group/outboxes.h"

#include <algorithm>
#include <string>
#include <utility>

namespace chronik::raft {
namespace {

// A frame of several messages is small: what is kept of it in the tail of one group keeps all of it.
constexpr uint64_t kSharedPayload = 64u << 10;
constexpr size_t kSharedMessages = 512;
constexpr uint64_t kEntryHead = 80;  // an entry's header in the head of a frame, at most

uint64_t size_of(const Message& message) {
  uint64_t bytes = message.piece.size();
  for (const Entry& entry : message.entries) bytes += entry.payload.size() + kEntryHead;
  return bytes;
}

}  // namespace

void Outboxes::add(uint64_t group, Message message) {
  const bool bulk = message.type == MessageType::kAppend || message.type == MessageType::kSnapshot;
  const uint32_t lane = bulk ? CHR_LANE_BULK : CHR_LANE_CONTROL;
  auto box = std::find_if(outboxes_.begin(), outboxes_.end(),
                          [&](const Outbox& each) { return each.to == message.to && each.lane == lane; });
  if (box == outboxes_.end()) box = outboxes_.insert(outboxes_.end(), Outbox{message.to, lane, {}});
  box->messages.push_back({group, std::move(message)});
}

void Outboxes::send(const Services& services, const std::function<void(const Envelope& append)>& no_room) {
  for (Outbox& box : outboxes_) {
    const std::vector<Envelope> messages = std::exchange(box.messages, {});
    for (size_t first = 0; first < messages.size();) {
      uint64_t bytes = size_of(messages[first].message);
      size_t end = first + 1;
      for (; end < messages.size() && end - first < kSharedMessages; ++end) {
        bytes += size_of(messages[end].message);
        if (bytes > kSharedPayload) break;
      }
      const std::span frame = std::span(messages).subspan(first, end - first);
      if (send_frame(services, box, frame) == CHR_E_OVERLOADED && box.lane == CHR_LANE_BULK)
        for (const Envelope& each : frame)
          if (each.message.type == MessageType::kAppend) no_room(each);
      first = end;
    }
  }
}

chr_status Outboxes::send_frame(const Services& services, const Outbox& box,
                                std::span<const Envelope> messages) {
  Payload head;
  if (const Status encoded = encode_messages(services.host, messages, &head, &slices_); !encoded) {
    services.host.error("Messages to node " + std::to_string(box.to) +
                        " cannot be sent: " + encoded.error().message);
    return CHR_E_FAILED;
  }
  return services.link->send(services.host.self(), services.channel, static_cast<int32_t>(box.to), box.lane,
                             slices_.data(), static_cast<uint32_t>(slices_.size()));
}

}  // namespace chronik::raft
