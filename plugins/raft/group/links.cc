// What a shard sends to other nodes and gets from them: messages of its groups, and heartbeats.
#include "raft/group/group.h"
#include "raft/group/shard.h"

#include <algorithm>
#include <utility>

namespace chronik::raft {

void Shard::send(uint64_t group, Message message) {
  if (services_->link != nullptr) outboxes_.add(group, std::move(message));
}

// Raft finds out by itself what was lost, and sooner where it is told that there was no room.
void Shard::send_messages() {
  outboxes_.send(*services_, [this](const Envelope& append) {
    Group* const group = find(append.group);
    if (group == nullptr) return;
    group->dropped(append.message);
    windows_.wait_for_review(append.group);
  });
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
  writes_.warn_of_silence(at);
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
