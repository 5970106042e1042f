// Static members of a ClassicGroup (KIP-345): an instance comes back under a new member id.
#include <utility>

#include "kafka-proto/group/core/classic_group.h"

namespace chronik::kafka::group {

void ClassicGroup::rejoin_static(ClassicMember& old, JoinRequest&& request, Reply<JoinResult>&& reply,
                                 Now now, Outcome& out) {
  const std::string led = leader_;
  const bool skips = request.supports_skipping_assignment;
  // Who still holds the old id is fenced at once.
  if (Reply<JoinResult> waiting = members_.take_join(old))
    out.answer(std::move(waiting), JoinResult{.error = ErrorCode::kFencedInstanceId, .member_id = old.id});
  if (old.sync)
    out.answer(std::exchange(old.sync, nullptr), SyncResult{.error = ErrorCode::kFencedInstanceId});
  const bool owed_sync = old.owes_sync;
  const bool was_leader = old.id == leader_;
  ClassicMember& member = members_.replace(old, std::move(request.new_member_id));
  if (was_leader) leader_ = member.id;
  members_.update(member, std::move(request));
  members_.sessions().start(member.session, now.monotonic_ms);

  if (state_ != ClassicState::kStable || members_.choose_protocol() != protocol_) {
    members_.set_join(member, std::move(reply));
    return rebalance_or_complete(now, out);
  }
  // The assignment stays as it is, under the new id.
  members_.set_owes_sync(member, owed_sync);
  write_record(out);
  JoinResult result = joined(member);
  if (skips) {
    // The leader may watch the metadata of all, and does not assign (KIP-814).
    result.skip_assignment = was_leader;
  } else {
    // By the old leader's id an older client does not take itself for the leader, and does not assign.
    result.leader = led;
    result.members.clear();
  }
  out.answer(std::move(reply), std::move(result));
}

}  // namespace chronik::kafka::group
