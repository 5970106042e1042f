// Each part of a group by itself: what it does in each of its states.
#include "unit/raft/group/parts.h"

namespace chronik::raft::test {
namespace {

using Texts = std::vector<std::string>;

class OneVoter : public Parts {};
class ThreeVoters : public Parts {
 protected:
  ThreeVoters() : Parts({1, 2, 3}) {}
};

// ---- RoleReport

TEST_F(OneVoter, LeadsForTheMachineOnceItsFirstEntryIsApplied) {
  host_.on_shard(0, [&] { group_->raft->campaign(group_->now()); });
  while (!parts_->role.is_leading()) turn();
  EXPECT_FALSE(parts_->role.is_usable());
  EXPECT_EQ(told(), Texts{});
  for (int i = 0; i < 4; ++i) turn();
  EXPECT_TRUE(parts_->role.is_leading());
  EXPECT_TRUE(parts_->role.is_usable());
  EXPECT_EQ(told(), (Texts{"committed 0", "leader"}));
}

TEST_F(OneVoter, TellsARoleOnceAndTheEndOfLeadingOnce) {
  lead();
  (void)told();
  host_.on_shard(0, [&] {
    EXPECT_TRUE(parts_->role.end_leading());
    EXPECT_FALSE(parts_->role.end_leading());
    Event event;
    event.term = 2;
    event.leader = 3;
    parts_->role.become_follower(event);
    parts_->role.become_follower(event);
  });
  EXPECT_EQ(told(), Texts{"follower"});
  EXPECT_EQ(parts_->role.reported_role().leader, 3);
}

// ---- Applier

TEST_F(OneVoter, AppliesInOrderAndOneChunkAtATime) {
  lead();
  (void)told();
  machine_.hold_applies = true;
  EXPECT_EQ(propose(2), CHR_OK);
  EXPECT_EQ(propose(3), CHR_OK);  // committed, and not applied yet
  EXPECT_EQ(told(), (Texts{"committed 2", "apply 1", "committed 5"}));
  EXPECT_FALSE(parts_->applier.is_idle());
  EXPECT_TRUE(parts_->applier.has_more());
  machine_.hold_applies = false;
  host_.on_shard(0, [&] { services_.host.complete(machine_.held_token, CHR_OK); });
  turn();
  turn();
  EXPECT_EQ(told(), Texts{"apply 1"});
  EXPECT_TRUE(parts_->applier.is_idle());
  EXPECT_FALSE(parts_->applier.has_more());
}

TEST_F(OneVoter, AStateMachineThatFailsStopsTheNode) {
  lead();
  machine_.fail_applies = true;
  (void)propose(1);
  EXPECT_EQ(group_->state, GroupState::kFailed);
  ASSERT_EQ(host_.fatals().size(), 1u);
  EXPECT_NE(host_.fatals().front().find("cannot apply what was committed"), std::string::npos);
}

// ---- Snapshots

TEST_F(OneVoter, TakesASnapshotOnceAndOfWhatIsNew) {
  lead();
  EXPECT_EQ(propose(1), CHR_OK);
  host_.on_shard(0, [&] { parts_->snapshots.take_snapshot(); });
  EXPECT_TRUE(parts_->snapshots.is_writing());
  host_.run();
  EXPECT_FALSE(parts_->snapshots.is_writing());
  EXPECT_EQ(parts_->snapshots.newest().index, parts_->applier.applied());
  EXPECT_EQ(parts_->snapshots.newest().bytes, 5u);
  host_.on_shard(0, [&] { parts_->snapshots.take_snapshot(); });
  EXPECT_FALSE(parts_->snapshots.is_writing());
}

TEST_F(OneVoter, ASnapshotThatFailsLeavesTheOneBefore) {
  lead();
  EXPECT_EQ(propose(1), CHR_OK);
  machine_.fail_saves = true;
  host_.on_shard(0, [&] { parts_->snapshots.take_snapshot(); });
  EXPECT_TRUE(parts_->snapshots.has_failed());
  EXPECT_TRUE(parts_->snapshots.take_failure());
  EXPECT_FALSE(parts_->snapshots.take_failure());
  machine_.fail_saves = false;
  memory_->full = true;
  host_.on_shard(0, [&] { parts_->snapshots.take_snapshot(); });
  host_.run();
  EXPECT_TRUE(parts_->snapshots.has_failed());
  EXPECT_EQ(parts_->snapshots.newest().index, 0u);
}

// ---- StorageWrites

TEST_F(OneVoter, WritesThatFindNoRoomComeBackTogetherAndAreTriedAgain) {
  lead();
  memory_->full = true;
  EXPECT_EQ(propose(1), CHR_E_NO_SPACE);
  EXPECT_TRUE(parts_->writes.is_idle());
  EXPECT_TRUE(parts_->writes.is_waiting_for_room());
  EXPECT_FALSE(parts_->writes.is_refused());
  EXPECT_EQ(parts_->writes.room(), Room::kControl);  // only records were refused
  EXPECT_EQ(propose(1), CHR_E_NO_SPACE);             // at once
  memory_->full = false;
  host_.advance(std::chrono::nanoseconds(2 * StorageWrites::kRetryWhenFull));
  EXPECT_EQ(parts_->writes.room(), Room::kAll);
  EXPECT_EQ(group_->state, GroupState::kOpen);
}

// ---- LogTrim

TEST_F(OneVoter, MovesTheStartAtOnceAndDeletesWhatTheSnapshotCovers) {
  lead();
  EXPECT_EQ(propose(2), CHR_OK);
  EXPECT_EQ(propose(2), CHR_OK);
  (void)told();
  EXPECT_EQ(wait([&](uint64_t token, chr_error* error) { return parts_->proposals.trim(2, token, error); }),
            CHR_OK);
  EXPECT_EQ(parts_->trim.start(), 2);
  EXPECT_TRUE(parts_->trim.is_agreed(2));
  EXPECT_FALSE(parts_->trim.is_agreed(3));
  EXPECT_EQ(told(), (Texts{"committed 4", "trimmed 2"}));
  host_.run();
  EXPECT_GT(parts_->snapshots.newest().index, 0u);   // it was in the way
  EXPECT_EQ(group_->raft->log().first_index(), 3u);  // the first entry is the leader's own
  EXPECT_FALSE(parts_->trim.is_busy());
  EXPECT_FALSE(parts_->trim.is_wanted());
}

TEST_F(OneVoter, WaitsWithATrimForASnapshotThatCannotBeSaved) {
  lead();
  EXPECT_EQ(propose(2), CHR_OK);
  machine_.fail_saves = true;
  EXPECT_EQ(wait([&](uint64_t token, chr_error* error) { return parts_->proposals.trim(2, token, error); }),
            CHR_OK);
  EXPECT_EQ(parts_->trim.start(), 2);
  EXPECT_EQ(group_->raft->log().first_index(), 1u);
}

// ---- LogReader

TEST(ColdHints, KeepTheNewestFew) {
  ColdHints hints;
  EXPECT_EQ(hints.find(7), 0u);
  for (int64_t i = 0; i <= static_cast<int64_t>(ColdHints::kMaxHints); ++i)
    hints.remember(i, static_cast<Index>(100 + i));
  EXPECT_EQ(hints.find(0), 0u);
  EXPECT_EQ(hints.find(1), 101u);
  EXPECT_EQ(hints.find(16), 116u);
  hints.clear();
  EXPECT_EQ(hints.find(16), 0u);
}

TEST_F(OneVoter, ReadsWhatIsCommittedFromMemory) {
  lead();
  EXPECT_EQ(propose(2), CHR_OK);
  chr_group_read args{};
  args.max_bytes = 1000;
  args.bound = CHR_BOUND_COMMITTED;
  chr_entries out{};
  out.struct_size = sizeof out;
  EXPECT_EQ(
      wait([&](uint64_t token, chr_error* error) { return parts_->reader.read(&args, &out, token, error); }),
      CHR_OK);
  EXPECT_EQ(out.n, 1u);
  const Lease lease = Lease::adopt(out.lease);
  args.offset = 3;
  EXPECT_EQ(
      wait([&](uint64_t token, chr_error* error) { return parts_->reader.read(&args, &out, token, error); }),
      CHR_E_OUT_OF_RANGE);
}

// ---- MemberChanges, HandOver, PeerClaims

TEST_F(OneVoter, AChangeToTheMembersOfNowIsThereAlready) {
  lead();
  const int32_t same[] = {1};
  chr_members_change change{};
  change.struct_size = sizeof change;
  change.voters = same;
  change.n_voters = 1;
  EXPECT_EQ(wait([&](uint64_t token, chr_error* error) {
              return parts_->members.change_members(&change, token, error);
            }),
            CHR_OK);
  const int32_t bad[] = {0};
  change.voters = bad;
  EXPECT_EQ(wait([&](uint64_t token, chr_error* error) {
              return parts_->members.change_members(&change, token, error);
            }),
            CHR_E_INVALID_ARGUMENT);
}

TEST_F(ThreeVoters, FollowsWhoClaimsToLeadInATermThatIsNotOver) {
  host_.on_shard(0, [&] { EXPECT_TRUE(parts_->claims.leader_claimed(2, 4)); });
  EXPECT_EQ(group_->raft->leader(), 2u);
  EXPECT_EQ(group_->raft->term(), 4u);
  host_.on_shard(0, [&] { EXPECT_FALSE(parts_->claims.leader_claimed(3, 3)); });
  EXPECT_EQ(group_->raft->leader(), 2u);
  host_.on_shard(0, [&] { parts_->claims.leader_withdrew(2, 3); });  // of another term
  EXPECT_EQ(group_->raft->leader(), 2u);
  host_.on_shard(0, [&] { parts_->claims.leader_withdrew(2, 4); });
  EXPECT_EQ(group_->raft->leader(), kNobody);
}

TEST_F(ThreeVoters, AFollowerHandsNothingOverAndClosesAtOnce) {
  EXPECT_EQ(
      wait([&](uint64_t token, chr_error* error) { return parts_->hand_over.transfer(2, token, error); }),
      CHR_E_NOT_LEADER);
  group_->closing = true;
  host_.on_shard(0, [&] { parts_->hand_over.begin_for_close(); });
  EXPECT_FALSE(parts_->hand_over.is_under_way_for_close());
  EXPECT_TRUE(parts_->hand_over.has_left());
}

// ---- LogRepair

TEST_F(ThreeVoters, LeavesOutDamageOnlyWhileSomebodyElseLeads) {
  const Error damage{Code::kCorrupt, "damaged"};
  host_.on_shard(0, [&] { parts_->repair.read_failed(damage, 1); });
  EXPECT_TRUE(parts_->repair.blocks_apply());
  EXPECT_FALSE(parts_->repair.is_due());
  host_.on_shard(0, [&] { (void)parts_->claims.leader_claimed(2, 1); });
  EXPECT_TRUE(parts_->repair.is_due());
  EXPECT_EQ(parts_->writes.room(), Room::kNone);
  host_.on_shard(0, [&] { parts_->repair.advance_repair(); });
  host_.run();
  EXPECT_EQ(group_->restored, 1);
  EXPECT_EQ(group_->state, GroupState::kOpen);
  EXPECT_FALSE(parts_->repair.blocks_apply());
}

TEST_F(OneVoter, ASoleVoterKeepsWhatIsDamaged) {
  lead();
  host_.on_shard(0, [&] { parts_->repair.read_failed({Code::kCorrupt, "damaged"}, 1); });
  EXPECT_FALSE(parts_->repair.is_due());
  EXPECT_FALSE(parts_->repair.blocks_apply());
  EXPECT_EQ(group_->state, GroupState::kOpen);
}

// What is applied meanwhile would be applied to a state that is loaded anew.
TEST_F(OneVoter, ALogThatCannotBeCutIsReadAgainOnceAllIsIdle) {
  lead();
  machine_.hold_applies = true;
  EXPECT_EQ(propose(2), CHR_OK);
  const auto advance = [this] {
    host_.on_shard(0, [this] { parts_->repair.advance_repair(); });
    host_.run();
  };
  host_.on_shard(0, [&] { parts_->repair.keep_damaged({Code::kCorrupt, "a page is damaged"}); });
  advance();
  EXPECT_EQ(group_->state, GroupState::kOpen);
  EXPECT_EQ(group_->restored, 0);
  EXPECT_EQ(parts_->writes.room(), Room::kNone);
  host_.on_shard(0, [&] { services_.host.complete(machine_.held_token, CHR_OK); });
  host_.run();
  advance();
  EXPECT_EQ(group_->restored, 1);
  advance();
  EXPECT_EQ(group_->restored, 1) << "once";
}

}  // namespace
}  // namespace chronik::raft::test
