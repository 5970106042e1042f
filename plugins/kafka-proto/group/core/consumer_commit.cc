#include "kafka-proto/group/core/consumer_commit.h"

#include "kafka-proto/group/core/partition_sets.h"

namespace chronik::kafka::group {
namespace {

ErrorCode wrong_epoch(const ConsumerState::Member& member) {
  return member.info.classic ? ErrorCode::kIllegalGeneration : ErrorCode::kStaleMemberEpoch;
}

}  // namespace

CommitCheck::CommitCheck(const ConsumerState& state, const MemberClaim& claim, Kind kind)
    : epoch_(claim.generation) {
  // Nobody in particular: a tool, or a consumer that assigns partitions to itself.
  if (claim.generation < 0 && state.members().empty()) return;
  if (kind.transactional && claim.generation == -1 && claim.member_id.empty() && !claim.instance_id) return;
  const ConsumerState::Member* member = state.find_member(claim.member_id);
  if (member == nullptr) {
    error_ = ErrorCode::kUnknownMemberId;
  } else if (!kind.transactional && kind.old_version && !member->info.classic) {
    error_ = ErrorCode::kUnsupportedVersion;
  } else if (claim.generation > member->current.epoch) {
    error_ = wrong_epoch(*member);
  } else if (claim.generation < member->current.epoch) {
    older_ = member;
  }
}

ErrorCode CommitCheck::check(const chr_uuid& topic, int32_t partition) const {
  if (older_ == nullptr) return error_;
  auto since = assignment_epoch(older_->current.assigned, topic, partition);
  if (!since) since = assignment_epoch(older_->current.pending_revocation, topic, partition);
  return since && *since <= epoch_ ? ErrorCode::kNone : wrong_epoch(*older_);
}

ErrorCode check_fetch(const ConsumerState& state, std::string_view member_id, int32_t epoch) {
  if (member_id.empty() && epoch < 0) return ErrorCode::kNone;
  const ConsumerState::Member* member = state.find_member(member_id);
  if (member == nullptr) return ErrorCode::kUnknownMemberId;
  return member->current.epoch == epoch ? ErrorCode::kNone : wrong_epoch(*member);
}

}  // namespace chronik::kafka::group
