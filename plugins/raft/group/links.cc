// What a shard sends to other nodes and gets from them: messages of its groups, and heartbeats.
#include "raft/group/group.h"
#include "raft/group/shard.h"

#include <algorithm>
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

void Shard::send(uint64_t group, Message message) {
  if (services_->link == nullptr) return;
  const bool bulk = message.type == MessageType::kAppend || message.type == MessageType::kSnapshot;
  const uint32_t lane = bulk ? CHR_LANE_BULK : CHR_LANE_CONTROL;
  auto box = std::find_if(outboxes_.begin(), outboxes_.end(),
                          [&](const Outbox& each) { return each.to == message.to && each.lane == lane; });
  if (box == outboxes_.end()) box = outboxes_.insert(outboxes_.end(), Outbox{message.to, lane, {}});
  box->messages.push_back({group, std::move(message)});
}

void Shard::send_messages() {
  for (Outbox& box : outboxes_) {
    const std::vector<Envelope> messages = std::exchange(box.messages, {});
    for (size_t first = 0; first < messages.size();) {
      uint64_t bytes = size_of(messages[first].message);
      size_t end = first + 1;
      for (; end < messages.size() && end - first < kSharedMessages; ++end) {
        bytes += size_of(messages[end].message);
        if (bytes > kSharedPayload) break;
      }
      send_frame(box.to, box.lane, std::span(messages).subspan(first, end - first));
      first = end;
    }
  }
}

// What is not sent was lost; Raft finds out by itself, and sooner where it is told that there was no room.
void Shard::send_frame(NodeId to, uint32_t lane, std::span<const Envelope> messages) {
  const Services& s = *services_;
  Payload head;
  if (const Status encoded = encode_messages(s.host, messages, &head, &slices_); !encoded)
    return s.host.error("Messages to node " + std::to_string(to) +
                        " cannot be sent: " + encoded.error().message);
  const chr_status status = s.link->send(s.host.self(), s.channel, static_cast<int32_t>(to), lane,
                                         slices_.data(), static_cast<uint32_t>(slices_.size()));
  if (status != CHR_E_OVERLOADED || lane != CHR_LANE_BULK) return;
  for (const Envelope& each : messages) {
    Group* const group = find(each.group);
    if (group == nullptr || each.message.type != MessageType::kAppend) continue;
    group->dropped(each.message);
    windows_.wait_for_review(each.group);
  }
}

void Shard::receive(std::vector<Envelope> messages) {
  for (Envelope& each : messages)
    if (Group* group = find(each.group)) group->receive(std::move(each.message));
}

void Shard::receive_claims(const ReceivedClaims& received) {
  claims_.apply_received(received, [&](uint64_t hash, Term term, const LeaderClaims::Known& before) {
    Group* const group = find(hash);
    if (group != nullptr && term == 0) group->claims().leader_withdrew(received.peer, before.term);
    if (term != 0 && (group == nullptr || !group->claims().leader_claimed(received.peer, term)))
      claims_.reject(received.peer, hash);
  });
  if (received.has_rejections) {
    claims_.set_rejections(received.peer, received.rejections);
    for (const LeaderClaim& rejection : received.rejections)
      if (Group* group = find(rejection.group)) group->claims().claim_rejected(received.peer, rejection.term);
  }
  if (received.returned) for_each([](Group* group) { group->claims().refresh(); });
}

void Shard::start() {
  if (services_->link == nullptr) return;
  windows_.start(services_->host.shard_count());
  heartbeat_due_ = now();
  send_heartbeats();
  balance();
}

void Shard::on_heartbeat_timer(void* self) {
  auto* shard = static_cast<Shard*>(self);
  shard->heartbeat_timer_ = 0;
  shard->send_heartbeats();
}

// The rhythm is absolute: a heartbeat that comes late does not make the next one late.
void Shard::send_heartbeats() {
  const Nanos interval = services_->settings.heartbeat_interval;
  const Nanos at = now();
  heartbeat_due_ += interval;
  if (heartbeat_due_ <= at) heartbeat_due_ += (at - heartbeat_due_) / interval * interval + interval;
  heartbeat_timer_ = services_->host.timer(heartbeat_due_ - at, on_heartbeat_timer, this);
  services_->heartbeats.shard_alive(index_, at);
  windows_.review([this](uint64_t group) { mark_by_hash(group); });
  warn_of_silent_writes(at);
  claims_.review_rejections(&services_->heartbeats, index_,
                            [&](NodeId peer, uint64_t hash, const LeaderClaims::Known& known, Term* term) {
                              Group* const group = find(hash);
                              if (group == nullptr) return false;
                              const bool follows = group->claims().leader_claimed(peer, known.term);
                              *term = group->term();
                              return follows;
                            });
  if (index_ != 0) return;
  for (const NodeId peer : links_) send_heartbeat(peer);
}

void Shard::send_heartbeat(NodeId peer) {
  const Services& s = *services_;
  Payload head;
  if (!encode_heartbeat(s.host, services_->heartbeats.next(peer, now()), &head)) return;
  (void)s.link->send(s.host.self(), s.channel, static_cast<int32_t>(peer), CHR_LANE_CONTROL, &head.slice(),
                     1);
}

}  // namespace chronik::raft
