#include "kafka-proto/group/core/classic_members.h"

#include <algorithm>
#include <utility>

namespace chronik::kafka::group {

ClassicMember* ClassicMembers::find(std::string_view id) {
  const auto at = members_.find(id);
  return at == members_.end() ? nullptr : &at->second;
}

const std::string* ClassicMembers::find_static(std::string_view instance_id) const {
  const auto at = statics_.find(instance_id);
  return at == statics_.end() ? nullptr : &at->second;
}

ErrorCode ClassicMembers::check(std::string_view id, const std::optional<std::string>& instance_id) const {
  if (instance_id) {
    const std::string* current = find_static(*instance_id);
    if (current == nullptr) return ErrorCode::kUnknownMemberId;
    if (*current != id) return ErrorCode::kFencedInstanceId;
  }
  return members_.find(id) == members_.end() ? ErrorCode::kUnknownMemberId : ErrorCode::kNone;
}

ClassicMember& ClassicMembers::insert(std::string id) {
  ClassicMember& member = members_[id];
  member.id = std::move(id);
  sessions_.add(member.session, member.id);
  return member;
}

ClassicMember& ClassicMembers::add(std::string id, JoinRequest&& request) {
  ClassicMember& member = insert(std::move(id));
  member.instance_id = std::move(request.instance_id);
  member.client_id = std::move(request.client_id);
  member.client_host = std::move(request.client_host);
  member.rebalance_timeout_ms = request.rebalance_timeout_ms;
  member.session.timeout_ms = request.session_timeout_ms;
  member.protocols = std::move(request.protocols);
  protocols_.add(member.protocols);
  if (member.instance_id) statics_[*member.instance_id] = member.id;
  return member;
}

ClassicMember& ClassicMembers::add(const ClassicGroupRecord::Member& recorded, const std::string& protocol) {
  ClassicMember& member = insert(recorded.member_id);
  member.instance_id = recorded.instance_id;
  member.client_id = recorded.client_id;
  member.client_host = recorded.client_host;
  member.rebalance_timeout_ms =
      recorded.rebalance_timeout_ms == -1 ? recorded.session_timeout_ms : recorded.rebalance_timeout_ms;
  member.session.timeout_ms = recorded.session_timeout_ms;
  member.protocols.push_back({protocol, recorded.subscription});
  member.assignment = recorded.assignment;
  protocols_.add(member.protocols);
  if (member.instance_id) statics_[*member.instance_id] = member.id;
  return member;
}

void ClassicMembers::update(ClassicMember& member, JoinRequest&& request) {
  protocols_.remove(member.protocols);
  member.protocols = std::move(request.protocols);
  protocols_.add(member.protocols);
  member.rebalance_timeout_ms = request.rebalance_timeout_ms;
  member.session.timeout_ms = request.session_timeout_ms;
}

ClassicMember& ClassicMembers::replace(ClassicMember& old, std::string new_id) {
  set_owes_sync(old, false);
  ClassicMember& member = insert(std::move(new_id));
  member.instance_id = std::move(old.instance_id);
  member.client_id = std::move(old.client_id);
  member.client_host = std::move(old.client_host);
  member.rebalance_timeout_ms = old.rebalance_timeout_ms;
  member.session.timeout_ms = old.session.timeout_ms;
  member.protocols = std::move(old.protocols);
  member.assignment = std::move(old.assignment);
  if (member.instance_id) statics_[*member.instance_id] = member.id;
  sessions_.remove(old.session);
  members_.erase(members_.find(old.id));
  return member;
}

void ClassicMembers::remove(ClassicMember& member) {
  take_join(member);
  set_owes_sync(member, false);
  protocols_.remove(member.protocols);
  if (member.instance_id) statics_.erase(*member.instance_id);
  sessions_.remove(member.session);
  members_.erase(members_.find(member.id));
}

int32_t ClassicMembers::max_rebalance_timeout_ms() const {
  int32_t max = 0;
  for (const auto& [id, member] : members_) max = std::max(max, member.rebalance_timeout_ms);
  return max;
}

std::string ClassicMembers::choose_protocol() const {
  ProtocolVote vote(protocols_);
  for (const auto& [id, member] : members_) vote.cast(member.protocols);
  return vote.winner();
}

const ClassicMember* ClassicMembers::choose_leader(std::string_view before) const {
  const auto leader = members_.find(before);
  if (leader != members_.end() && leader->second.join) return &leader->second;
  const auto joined = std::find_if(members_.begin(), members_.end(),
                                   [](const auto& entry) { return bool(entry.second.join); });
  return joined == members_.end() ? nullptr : &joined->second;
}

void ClassicMembers::set_join(ClassicMember& member, Reply<JoinResult> reply) {
  joining_ = joining_ - (member.join ? 1 : 0) + (reply ? 1 : 0);
  member.join = std::move(reply);
}

Reply<JoinResult> ClassicMembers::take_join(ClassicMember& member) {
  if (member.join) --joining_;
  return std::exchange(member.join, nullptr);
}

void ClassicMembers::set_owes_sync(ClassicMember& member, bool owes) {
  owing_sync_ = owing_sync_ - (member.owes_sync ? 1 : 0) + (owes ? 1 : 0);
  member.owes_sync = owes;
}

void ClassicMembers::add_pending(std::string id, int32_t session_timeout_ms, int64_t now_ms) {
  const auto [at, added] = pending_.try_emplace(std::move(id));
  if (added) sessions_.add(at->second, at->first);
  at->second.timeout_ms = session_timeout_ms;
  sessions_.start(at->second, now_ms);
}

bool ClassicMembers::remove_pending(std::string_view id) {
  const auto at = pending_.find(id);
  if (at == pending_.end()) return false;
  sessions_.remove(at->second);
  pending_.erase(at);
  return true;
}

Subscription subscription_of(const ClassicMembers& members, std::string_view type,
                             std::string_view protocol) {
  if (type != kConsumerProtocolType) return {};
  std::vector<std::string_view> metadata;
  metadata.reserve(members.size());
  for (const auto& [id, member] : members.all()) metadata.push_back(metadata_of(member.protocols, protocol));
  return Subscription(metadata);
}

}  // namespace chronik::kafka::group
