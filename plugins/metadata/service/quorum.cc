#include "metadata/service/quorum.h"

#include <algorithm>

namespace chronik::metadata {

void Quorum::submit(uint64_t timeout_ns, chr_quorum* out, uint64_t token) {
  const uint64_t number = ++last_number_;
  Pending& pending = pending_[number];
  pending = {this, number, out, token, host_.now_ns() + timeout_ns, -1, 0};
  attempt(&pending);
}

void Quorum::attempt(Pending* pending) {
  const int32_t leader = replica_->leader();
  if (leader == host_.node().id) return replied(answer(pending->number));
  pending->asked = leader;
  const bool sent = leader >= 0 && peers_->send(leader, QuorumRequestFrame{pending->number}).has_value();
  if (!sent) pending->asked = -1;
  retry_later(pending, sent ? kAnswerNs : kRefusedNs);
}

void Quorum::retry_later(Pending* pending, uint64_t delay_ns) {
  host_.cancel_timer(std::exchange(pending->timer, 0));
  const uint64_t now = host_.now_ns();
  if (now >= pending->deadline_ns) {
    host_.complete(pending->token, CHR_E_UNAVAILABLE, "no leader of __meta answered in time");
    pending_.erase(pending->number);
    return;
  }
  pending->timer = host_.timer(std::min(delay_ns, pending->deadline_ns - now), timer_fired, pending);
}

void Quorum::timer_fired(void* context) {
  auto* pending = static_cast<Pending*>(context);
  pending->timer = 0;
  pending->owner->attempt(pending);
}

void Quorum::replied(const QuorumReplyFrame& reply) {
  const auto found = pending_.find(reply.number);
  if (found == pending_.end()) return;
  if (reply.verdict.code == CHR_OK) return finish_request(&found->second, reply);
  found->second.asked = -1;
  retry_later(&found->second, kRefusedNs);
}

void Quorum::finish_request(Pending* pending, const QuorumReplyFrame& reply) {
  chr_quorum* out = pending->out;
  const auto room = static_cast<size_t>(out->n_members);
  out->leader = reply.leader;
  out->term = reply.term;
  out->commit_index = reply.commit_index;
  out->n_members = static_cast<uint32_t>(reply.members.size());
  const auto& nodes = replica_->catalog().nodes();
  for (size_t i = 0; i < std::min(room, reply.members.size()); ++i) {
    const QuorumMember& member = reply.members[i];
    const auto node = nodes.find(member.id);
    out->members[i] = {
        member.id,           member.voter ? 1u : 0u,
        member.match_index,  member.heard_ms,
        member.caught_up_ms, node == nodes.end() ? chr_uuid{} : node->second.incarnation.to_abi()};
  }
  host_.cancel_timer(pending->timer);
  host_.complete(pending->token, CHR_OK);
  pending_.erase(pending->number);
}

void Quorum::leader_changed() {
  std::vector<uint64_t> waiting;
  for (const auto& [number, pending] : pending_)
    if (pending.asked != replica_->leader()) waiting.push_back(number);
  for (const uint64_t number : waiting) {
    const auto found = pending_.find(number);
    if (found != pending_.end()) attempt(&found->second);
  }
}

void Quorum::link_changed(int32_t peer, bool up) {
  if (up) return leader_changed();
  for (auto& [number, pending] : pending_) {
    if (pending.asked != peer) continue;
    pending.asked = -1;
    host_.cancel_timer(std::exchange(pending.timer, 0));
    pending.timer = host_.timer(kRefusedNs, timer_fired, &pending);
  }
}

void Quorum::stop(chr_status code, std::string_view message) {
  for (const auto& [number, pending] : pending_) {
    host_.cancel_timer(pending.timer);
    host_.complete(pending.token, code, message);
  }
  pending_.clear();
}

// ---- the leader's side ----

void Quorum::requested(int32_t from, const QuorumRequestFrame& frame) {
  peers_->tell(from, answer(frame.number));
}

QuorumReplyFrame Quorum::answer(uint64_t number) const {
  QuorumReplyFrame out;
  if (!replica_->leads()) {
    out.verdict = {CHR_E_NOT_LEADER, "this node does not lead __meta"};
  } else if (const Status filled = replica_->describe(&out); !filled) {
    out.verdict = {static_cast<chr_status>(filled.error().code), filled.error().message};
  }
  out.number = number;
  out.catalog_version = replica_->catalog().version();
  return out;
}

}  // namespace chronik::metadata
