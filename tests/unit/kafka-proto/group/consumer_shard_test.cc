// Groups of the consumer protocol on a partition: who joins gets its partitions, and only what is recorded outlives
// the leader.
#include "group/consumer_shard_testing.h"

namespace chronik::kafka::testing {
namespace {

TEST_F(ConsumerShardTest, TheFirstMemberGetsAllPartitions) {
  const auto joined = join("a");
  ASSERT_TRUE(joined.has_value());
  EXPECT_EQ(joined->error, ErrorCode::kNone);
  EXPECT_EQ(joined->epoch, state().epoch());
  ASSERT_TRUE(joined->assignment.has_value());
  EXPECT_EQ(group::test::describe(*joined->assignment, topics), "orders:0-3");
  EXPECT_EQ(shard->find_live("g"), nullptr);
}

TEST_F(ConsumerShardTest, ASecondMemberGetsItsPartOnceItIsGivenAway) {
  int32_t a = join("a")->epoch;
  host.advance(std::chrono::seconds(2));  // targets rest for a second
  const auto joined = join("b");
  ASSERT_TRUE(joined.has_value());
  EXPECT_TRUE(joined->assignment.value().empty());
  const auto told_a = alive("a", a);
  ASSERT_TRUE(told_a.has_value() && told_a->assignment.has_value());
  EXPECT_EQ(told_a->assignment->at(0).partitions.size(), 2u);
  auto gave = group::test::alive("a", told_a->epoch);
  gave.owned = *told_a->assignment;
  a = heartbeat(gave)->epoch;
  EXPECT_EQ(a, state().epoch());
  EXPECT_EQ(alive("b", joined->epoch)->error, ErrorCode::kNone);
  EXPECT_EQ(state().find_member("a")->current.assigned.at(0).partitions.size(), 2u);
  EXPECT_EQ(state().find_member("b")->current.assigned.at(0).partitions.size(), 2u);
}

TEST_F(ConsumerShardTest, AHeartbeatThatChangesNothingWaitsForNoWrite) {
  const int32_t epoch = join("a")->epoch;
  alive("a", epoch);
  consensus.hold_commits(true);
  EXPECT_FALSE(join("b").has_value());
  const auto answered = alive("a", epoch);
  ASSERT_TRUE(answered.has_value());
  EXPECT_EQ(answered->error, ErrorCode::kNone);
  EXPECT_FALSE(answered->assignment.has_value());
  consensus.hold_commits(false);
  consensus.commit(group());
  host.run();
  EXPECT_EQ(told.size(), 4u);
}

// Its session is over, and the record that says so takes its time: it is not told that it may go on (the simulator's seed
// 150 of pause,stall-disk,members).
TEST_F(ConsumerShardTest, AMemberThatIsAboutToBeRemovedIsNotToldThatAllIsWell) {
  const int32_t epoch = join("a")->epoch;
  consensus.hold_commits(true);
  host.advance(std::chrono::seconds(46));
  EXPECT_FALSE(alive("a", epoch).has_value());
  consensus.hold_commits(false);
  consensus.commit(group());
  host.run();
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[1].error, ErrorCode::kUnknownMemberId);
}

TEST_F(ConsumerShardTest, NobodyIsToldThatAllIsWellWhileAWriteMayStillBeApplied) {
  const int32_t epoch = join("a")->epoch;
  host.advance(std::chrono::seconds(40));
  consensus.hold_commits(true);
  EXPECT_FALSE(join("b").has_value());
  host.advance(std::chrono::seconds(4));
  EXPECT_EQ(alive("a", epoch)->error, ErrorCode::kNone);
  host.advance(std::chrono::seconds(2));  // 6: it is late
  EXPECT_EQ(told.at(2).error, ErrorCode::kCoordinatorNotAvailable);
  EXPECT_EQ(alive("a", epoch)->error, ErrorCode::kCoordinatorNotAvailable);
  consensus.hold_commits(false);
  consensus.commit(group());
  host.run();
  EXPECT_EQ(alive("a", epoch)->error, ErrorCode::kNone);
}

TEST_F(ConsumerShardTest, WaitsEndWithLeadership) {
  join("a");
  host.advance(std::chrono::seconds(2));
  consensus.hold_commits(true);
  EXPECT_FALSE(join("b").has_value());
  EXPECT_FALSE(join("c").has_value());  // for b to be recorded
  follow(2);
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(told[1].error, ErrorCode::kNotCoordinator);
  EXPECT_EQ(told[2].error, ErrorCode::kNotCoordinator);
  EXPECT_EQ(timers->size(), 0u);
}

TEST_F(ConsumerShardTest, ANewLeaderKnowsTheMembersAndRenewsTheirSessions) {
  const int32_t epoch = join("a")->epoch;
  host.advance(std::chrono::seconds(40));
  follow(2);
  EXPECT_EQ(alive("a", epoch)->error, ErrorCode::kNotCoordinator);
  host.advance(std::chrono::seconds(40));
  lead();
  host.advance(std::chrono::seconds(40));
  EXPECT_EQ(alive("a", epoch)->error, ErrorCode::kNone);
  EXPECT_EQ(assigned("a"), "orders:0-3@2");
}

TEST_F(ConsumerShardTest, ASessionThatEndsIsRecorded) {
  const int32_t epoch = join("a")->epoch;
  host.advance(std::chrono::seconds(44));
  EXPECT_EQ(alive("a", epoch)->error, ErrorCode::kNone);
  host.advance(std::chrono::seconds(46));
  EXPECT_TRUE(state().members().empty());
  EXPECT_EQ(alive("a", epoch)->error, ErrorCode::kUnknownMemberId);
  EXPECT_EQ(timers->size(), 1u);  // of the upkeep
}

TEST_F(ConsumerShardTest, MembersHearOfTopicsThatGrow) {
  const int32_t epoch = join("a")->epoch;
  host.advance(std::chrono::seconds(2));
  change_topics("orders", 6);
  const auto more = alive("a", epoch);
  ASSERT_TRUE(more.has_value() && more->assignment.has_value());
  EXPECT_EQ(group::test::describe(*more->assignment, topics), "orders:0-5");
}

TEST_F(ConsumerShardTest, TopicsAreFoundByRegularExpressions) {
  auto request = group::test::join("a", {});
  request.topic_names.reset();
  request.topic_regex = "ord.*";
  const auto joined = heartbeat(request);
  ASSERT_TRUE(joined.has_value());
  host.advance(std::chrono::seconds(2));
  EXPECT_EQ(alive("a", joined->epoch)->error, ErrorCode::kNone);
  EXPECT_EQ(assigned("a"), "orders:0-3@2");
  request = group::test::join("b", {});
  request.topic_names.reset();
  request.topic_regex = "((";
  EXPECT_EQ(heartbeat(request)->error, ErrorCode::kInvalidRegularExpression);
}

TEST_F(ConsumerShardTest, AnAssignorThatFailsIsAskedAgain) {
  assignor->answer = [](const chr_assignor_group&, std::span<uint32_t>) -> Status {
    return fail(Code::kFailed, "no");
  };
  EXPECT_EQ(join("a")->error, ErrorCode::kUnknownServerError);
  assignor->answer = nullptr;
  host.advance(std::chrono::seconds(2));
  const auto joined = join("a");
  ASSERT_TRUE(joined.has_value());
  EXPECT_EQ(joined->error, ErrorCode::kNone);
  EXPECT_EQ(assigned("a"), "orders:0-3@2");
}

TEST_F(ConsumerShardTest, AGroupWhoseWriteFailsBeginsAnewFromWhatIsRecorded) {
  const int32_t epoch = join("a")->epoch;
  host.advance(std::chrono::seconds(2));
  consensus.refuse_proposals(CHR_E_OVERLOADED);
  EXPECT_EQ(join("b")->error, ErrorCode::kCoordinatorNotAvailable);
  EXPECT_EQ(state().members().size(), 1u);
  EXPECT_EQ(alive("a", epoch)->error, ErrorCode::kNone);
}

// Where there is much to assign, on the blocking lane.
TEST_F(ConsumerShardTest, ManyPartitionsAreAssignedBesideTheShard) {
  topics.add("many", 5'000);
  std::optional<group::ConsumerHeartbeatResult> answer;
  host.on_shard(0, [&] {
    shard->consumer_heartbeat("g", group::test::join("a", {"many"}),
                              [&](group::ConsumerHeartbeatResult result) { answer = std::move(result); });
  });
  host.run();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->assignment.value().at(0).partitions.size(), 5'000u);
}

TEST_F(ConsumerShardTest, ASnapshotHasThem) {
  join("a");
  std::vector<uint8_t> section;
  shard->save(section);
  GroupPartition other;
  EXPECT_TRUE(other.shard->load(section));
  const auto& found = *other.shard->table().find("g")->consumer;
  EXPECT_EQ(found.epoch(), state().epoch());
  EXPECT_EQ(group::test::describe(found.find_member("a")->current.assigned, topics), "orders:0-3@2");
}

TEST_F(ConsumerShardTest, UnknownGroupsAndMembersAreRefused) {
  EXPECT_EQ(alive("a", 1)->error, ErrorCode::kGroupIdNotFound);
  EXPECT_EQ(told.back().error_message, "Consumer group g not found.");
  EXPECT_EQ(alive("a", group::kLeaveEpoch)->error_message, "Group g not found.");
  commit("g", 5);
  host.run();
  EXPECT_EQ(alive("a", 1)->error_message, "Group g is not a consumer group.");
  join("a");
  EXPECT_EQ(alive("b", 1)->error, ErrorCode::kUnknownMemberId);
  EXPECT_EQ(committed("g"), 5);
}

TEST_F(ConsumerShardTest, OffsetsAreCommittedByEpoch) {
  const int32_t epoch = join("a")->epoch;
  std::vector<GroupShard::CommitResult> results;
  const auto commit_as = [&](const std::string& member, int32_t of, int32_t index) {
    GroupShard::CommitRequest request{"g", {member, std::nullopt, of}, true, {}};
    group::OffsetCommitRecord::Value value;
    value.offset = 7;
    value.topic_id = topics.find("orders")->id;
    request.offsets = {{"g", "orders", index, value}};
    shard->commit_offsets(request,
                          [&](const GroupShard::CommitResult& result) { results.push_back(result); });
    host.run();
    return results.back();
  };
  EXPECT_EQ(commit_as("a", epoch, 0).error, ErrorCode::kNone);
  EXPECT_EQ(committed("g"), 7);
  EXPECT_EQ(commit_as("a", epoch + 1, 0).error, ErrorCode::kStaleMemberEpoch);
  EXPECT_EQ(commit_as("b", epoch, 0).error, ErrorCode::kUnknownMemberId);
  EXPECT_EQ(commit_as("a", epoch - 1, 1).refused.at(0), ErrorCode::kStaleMemberEpoch);
}

TEST_F(ConsumerShardTest, OnlyAnEmptyGroupCanBeDeleted) {
  const int32_t epoch = join("a")->epoch;
  std::vector<ErrorCode> removed;
  const auto remove = [&] {
    shard->remove("g", [&](ErrorCode error) { removed.push_back(error); });
    host.run();
    return removed.back();
  };
  EXPECT_EQ(remove(), ErrorCode::kNonEmptyGroup);
  EXPECT_EQ(alive("a", group::kLeaveEpoch)->error, ErrorCode::kNone);
  EXPECT_GT(state().epoch(), epoch);
  EXPECT_EQ(remove(), ErrorCode::kNone);
  EXPECT_EQ(shard->table().find("g"), nullptr);
}

TEST_F(ConsumerShardTest, OffsetsExpireOnceNobodySubscribesToTheirTopic) {
  config.offsets_retention_ms = 1'000;
  config.offsets_retention_check_interval_ms = 10'000;
  commit("g", 5);
  host.run();
  join("a");
  follow(2);
  lead();
  host.advance(std::chrono::seconds(11));
  EXPECT_EQ(committed("g"), 5);
  EXPECT_EQ(alive("a", group::kLeaveEpoch)->error, ErrorCode::kNone);
  host.advance(std::chrono::seconds(11));
  EXPECT_EQ(shard->table().find("g"), nullptr);
}

TEST_F(ConsumerShardTest, OffsetsOfSubscribedTopicsAreNotDeleted) {
  commit("g", 5);
  host.run();
  join("a");
  GroupShard::OffsetDeletionResult deleted;
  shard->delete_offsets("g", {{{"orders", {0}}, {"other", {0}}}},
                        [&](GroupShard::OffsetDeletionResult result) { deleted = std::move(result); });
  host.run();
  EXPECT_EQ(deleted.topics, (std::vector<ErrorCode>{ErrorCode::kGroupSubscribedToTopic, ErrorCode::kNone}));
  EXPECT_EQ(committed("g"), 5);
}

TEST_F(ConsumerShardTest, AnOffsetThatIsNamedAgainAndAgainIsDeletedOnce) {
  commit("g", 5);
  host.run();
  const GroupShard::OffsetDeletion::Topic named{"orders", std::vector<int32_t>(100'000)};
  GroupShard::OffsetDeletionResult deleted{ErrorCode::kUnknownServerError, {}};
  const int64_t before = consensus.group(group()).log_end;
  shard->delete_offsets("g", {{named, named}},
                        [&](GroupShard::OffsetDeletionResult result) { deleted = std::move(result); });
  host.run();
  EXPECT_EQ(deleted.error, ErrorCode::kNone);
  EXPECT_EQ(deleted.topics, std::vector<ErrorCode>(2, ErrorCode::kNone));
  EXPECT_EQ(committed("g"), -1);
  EXPECT_LE(consensus.group(group()).log_end - before, 2)
      << "the offset, and the group that has nothing left";
}

}  // namespace
}  // namespace chronik::kafka::testing
