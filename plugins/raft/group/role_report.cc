#include "raft/group/role_report.h"

#include "raft/group/applier.h"

#include <string>
#include <utility>

namespace chronik::raft {
namespace {

int32_t abi_node(NodeId node) { return node == kNobody ? -1 : static_cast<int32_t>(node); }

}  // namespace

void RoleReport::restore() {
  visible_ = group_.raft->log().committed();
  high_watermark_ = group_.raft->log().committed_offset();
  reported_role_ = {sizeof(chr_role), CHR_ROLE_FOLLOWER, group_.raft->term(), -1, 0};
}

void RoleReport::become_leader(const Event& event) {
  const Metrics& metrics = group_.services.metrics;
  const NodeId self = group_.services.self;
  CHRONIK_INVARIANT(group_.host(), !leading_ || event.term > reported_role_.term,
                    "a leader leads again in its term");
  group_.host().info("Node " + std::to_string(self) + " became leader for " + group_.label + " at term " +
                     std::to_string(event.term));
  group_.host().add(event.handed_over ? metrics.leader_transfers : metrics.elections);
  group_.host().add(metrics.leaders, 1);
  leading_ = true;
  usable_ = false;
  reported_role_ = {sizeof(chr_role), CHR_ROLE_LEADER, event.term, static_cast<int32_t>(self), 0};
  group_.services.watchers.tell_all(group_.id, reported_role_, false);
}

bool RoleReport::end_leading() {
  usable_ = false;
  if (!std::exchange(leading_, false)) return false;
  group_.host().add(group_.services.metrics.leaders, -1);
  return true;
}

void RoleReport::become_follower(const Event& event) {
  const chr_role role{sizeof(chr_role), CHR_ROLE_FOLLOWER, event.term, abi_node(event.leader), 0};
  if (role.role == reported_role_.role && role.term == reported_role_.term &&
      role.leader == reported_role_.leader)
    return;
  reported_role_ = role;
  group_.machine.role(group_.machine_context, &reported_role_);
  group_.services.watchers.tell_all(group_.id, reported_role_, false);
}

void RoleReport::stop() {
  reported_role_ = {sizeof(chr_role), CHR_ROLE_FOLLOWER, group_.raft->term(), -1, 0};
  group_.machine.role(group_.machine_context, &reported_role_);
  group_.services.watchers.tell_all(group_.id, reported_role_, false);
}

void RoleReport::tell_if_usable() {
  const bool usable = leading_ && applier_.applied() >= group_.raft->term_start();
  // mutant role-dropped: if (group_.raft->term() % 3 == 0 || usable_ || !usable || !group_.leads() ||
  //     group_.raft->term() != reported_role_.term) return;
  if (usable_ || !usable || !group_.leads() || group_.raft->term() != reported_role_.term) return;
  usable_ = true;
  group_.machine.role(group_.machine_context, &reported_role_);
  group_.services.watchers.tell_all(group_.id, reported_role_, true);
}

void RoleReport::tell_watcher(chr_role_fn fn, void* context) const {
  if (group_.is_open()) group_.services.watchers.tell_one(fn, context, group_.id, reported_role_, usable_);
}

void RoleReport::set_committed(Index index, int64_t offset) {
  visible_ = index;
  high_watermark_ = offset;
}

void RoleReport::tell_committed() {
  if (visible_ <= reported_committed_) return;
  reported_committed_ = visible_;
  group_.machine.committed(group_.machine_context, visible_, high_watermark_);
}

}  // namespace chronik::raft
