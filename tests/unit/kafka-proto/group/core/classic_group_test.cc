// Groups of many members, and what the scripts cannot say.
#include "kafka-proto/group/core/classic_group.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "unit/kafka-proto/coordinator/allocations.h"
#include "unit/kafka-proto/group/core/leader.h"

namespace chronik::kafka::group::test {
namespace {

std::string member_id(int number) {
  return "member-with-an-id-of-some-length-" + std::to_string(100'000 + number);
}

JoinRequest join_request(int number) {
  JoinRequest request;
  request.new_member_id = member_id(number);
  request.client_id = "client";
  request.protocol_type = "consumer";
  request.protocols = {{"range", "subscription"}, {"rr", "subscription"}};
  request.session_timeout_ms = 45'000;
  request.rebalance_timeout_ms = 300'000;
  return request;
}

// A group of so many members, stable; each answer came once.
void settle(Leader& leader, int members) {
  int joined = 0;
  int synced = 0;
  std::string leads;
  int32_t generation = 0;
  for (int i = 0; i < members; ++i) {
    Outcome out;
    leader.group().join(
        join_request(i),
        [&](const JoinResult& result) {
          ++joined;
          leads = result.leader;
          generation = result.generation;
        },
        leader.now, out);
    leader.run(std::move(out));
  }
  leader.pass(6'000);
  ASSERT_EQ(joined, members);
  for (int i = members - 1; i >= 0; --i) {
    SyncRequest request{member_id(i), std::nullopt, generation, std::nullopt, std::nullopt, {}};
    if (member_id(i) == leads)
      for (int j = 0; j < members; ++j) request.assignments.push_back({member_id(j), std::to_string(j)});
    Outcome out;
    leader.group().sync(
        std::move(request), [&](const SyncResult& result) { synced += result.error == ErrorCode::kNone; },
        leader.now, out);
    leader.run(std::move(out));
  }
  ASSERT_EQ(synced, members);
  ASSERT_EQ(leader.group().state(), ClassicState::kStable);
}

TEST(ClassicGroup, AHeartbeatAllocatesNothing) {
  Leader leader;
  settle(leader, 5'000);
  std::vector<MemberClaim> claims;
  for (int i = 0; i < 5'000; ++i) claims.push_back({member_id(i), std::nullopt, 1});
  const size_t before = testing::allocations();
  for (const MemberClaim& claim : claims) {
    ASSERT_EQ(leader.group().heartbeat(claim, leader.now), ErrorCode::kNone);
    ASSERT_EQ(leader.group().check_commit(claim, leader.now), ErrorCode::kNone);
  }
  EXPECT_EQ(testing::allocations(), before);
}

size_t allocations_of_a_life(int members) {
  const size_t before = testing::allocations();
  Leader leader;
  settle(leader, members);
  LeaveRequest leaving;
  for (int i = 0; i < members; ++i) leaving.members.push_back({member_id(i), std::nullopt, std::nullopt});
  Outcome out;
  leader.group().leave(leaving, [](const LeaveResult&) {}, leader.now, out);
  leader.run(std::move(out));
  EXPECT_EQ(leader.group().state(), ClassicState::kEmpty);
  return testing::allocations() - before;
}

TEST(ClassicGroup, TheWorkGrowsAsTheMembersDo) {
  const size_t small = allocations_of_a_life(500);
  EXPECT_LT(allocations_of_a_life(5'000), small * 11);
}

TEST(ClassicGroup, ManySessionsEndAtOnce) {
  Leader leader;
  settle(leader, 5'000);
  leader.pass(45'000);
  EXPECT_EQ(leader.group().state(), ClassicState::kEmpty);
  EXPECT_TRUE(leader.recorded()->classic->members.empty());
  EXPECT_EQ(leader.group().next_deadline_ms(), std::numeric_limits<int64_t>::max());
  EXPECT_TRUE(leader.group().is_dispensable());
}

TEST(ClassicGroup, ASessionBeginsWhenTheWriteIsDone) {
  Leader leader;
  Outcome joining;
  leader.group().join(join_request(0), [](const JoinResult&) {}, leader.now, joining);
  leader.run(std::move(joining));
  leader.pass(3'000);
  Outcome out;
  leader.group().sync(
      {member_id(0), std::nullopt, 1, std::nullopt, std::nullopt, {}}, [](const SyncResult&) {}, leader.now,
      out);
  // Longer than the session: nobody could send heartbeats before the answer came.
  leader.now.monotonic_ms += 60'000;
  leader.run(std::move(out));
  leader.pass(44'999);
  EXPECT_EQ(leader.group().state(), ClassicState::kStable);
  leader.pass(1);
  EXPECT_EQ(leader.group().state(), ClassicState::kEmpty);
}

// What a damaged or foreign record may say.
TEST(ClassicGroup, BeginsFromAnyRecord) {
  ClassicGroupConfig config;
  ClassicGroupRecord::Value recorded{.generation = std::numeric_limits<int32_t>::max(), .leader = "nobody"};
  for (const char* id : {"a", "b", "a"}) {
    ClassicGroupRecord::Member& member = recorded.members.emplace_back();
    member.member_id = id;
    member.session_timeout_ms = 10;
  }
  ClassicGroup group(config, "g", &recorded, Now{});
  EXPECT_EQ(group.state(), ClassicState::kStable);
  EXPECT_EQ(group.members().size(), 2u);
  EXPECT_EQ(group.next_deadline_ms(), 10);
  Outcome out;
  group.expire({.monotonic_ms = 10, .wall_ms = 10}, out);
  EXPECT_EQ(group.state(), ClassicState::kEmpty);
  ASSERT_EQ(out.records.size(), 1u);
  EXPECT_EQ(std::get<ClassicGroupRecord>(out.records[0]).value->generation, 1);
}

TEST(ClassicGroup, SaysWhatItIsToAnAdmin) {
  EXPECT_EQ(name_of(ClassicState::kPreparingRebalance), "PreparingRebalance");
  EXPECT_EQ(name_of(ClassicState::kDead), "Dead");
  Leader leader;
  settle(leader, 2);
  const ClassicDescription live = leader.group().describe();
  const ClassicDescription recorded = describe_recorded(leader.recorded()->classic.get());
  for (const ClassicDescription* shown : {&live, &recorded}) {
    EXPECT_EQ(shown->state, ClassicState::kStable);
    EXPECT_EQ(shown->protocol, "range");
    ASSERT_EQ(shown->members.size(), 2u);
    EXPECT_EQ(shown->members[1].member_id, member_id(1));
    EXPECT_EQ(shown->members[1].metadata, "subscription");
    EXPECT_EQ(shown->members[1].assignment, "1");
  }
  EXPECT_EQ(describe_recorded(nullptr).state, ClassicState::kEmpty);
}

}  // namespace
}  // namespace chronik::kafka::group::test
