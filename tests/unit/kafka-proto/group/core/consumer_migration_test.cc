// Members of both protocols in one group, and groups that go from one to the other, as Apache Kafka 4.3.1 answers.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kafka-proto/group/core/consumer_conversion.h"
#include "kafka-proto/group/core/consumer_protocol.h"
#include "unit/kafka-proto/group/core/consumer_testing.h"

namespace chronik::kafka::group::test {
namespace {

void put(std::string& out, int64_t value, size_t width) {
  for (size_t i = width; i-- > 0;) out.push_back(static_cast<char>(value >> (8 * i)));
}

std::string text16(const std::string& text) {
  std::string out;
  put(out, static_cast<int64_t>(text.size()), 2);
  return out + text;
}

std::string partitions_bytes(const std::string& topic, const std::vector<int32_t>& partitions) {
  std::string out;
  put(out, topic.empty() ? 0 : 1, 4);
  if (topic.empty()) return out;
  out += text16(topic);
  put(out, static_cast<int64_t>(partitions.size()), 4);
  for (const int32_t partition : partitions) put(out, partition, 4);
  return out;
}

std::string subscription(const std::string& topic, const std::vector<int32_t>& owned = {},
                         int16_t version = 1) {
  std::string out;
  put(out, version, 2);
  put(out, 1, 4);
  out += text16(topic);
  put(out, -1, 4);
  if (version >= 1) out += partitions_bytes(owned.empty() ? "" : topic, owned);
  if (version >= 2) put(out, 7, 4);
  if (version >= 3) out += text16("r1");
  return out;
}

std::string assignment(const std::string& topic, const std::vector<int32_t>& partitions,
                       const std::string& user_data = "") {
  std::string out;
  put(out, 0, 2);
  out += partitions_bytes(topic, partitions);
  put(out, user_data.empty() ? -1 : static_cast<int64_t>(user_data.size()), 4);
  return out + user_data;
}

ClassicGroupRecord::Value classic_group(const std::string& member, const std::string& assigned) {
  ClassicGroupRecord::Value group;
  group.protocol_type = "consumer";
  group.generation = 1;
  group.protocol = "range";
  group.leader = member;
  ClassicGroupRecord::Member& added = group.members.emplace_back();
  added.member_id = member;
  added.client_id = "c";
  added.client_host = "/h";
  added.rebalance_timeout_ms = 5'000;
  added.session_timeout_ms = 30'000;
  added.subscription = subscription("t4");
  added.assignment = assigned;
  return group;
}

class Migration : public ::testing::Test {
 protected:
  Migration() { harness_.topics.add("t4", 4); }

  JoinRequest join_request(const std::string& id, const std::string& metadata) {
    JoinRequest request;
    request.member_id = id;
    request.new_member_id = "made-up";
    request.client_id = "c";
    request.client_host = "/h";
    request.protocol_type = "consumer";
    request.protocols = {{"range", metadata}};
    request.session_timeout_ms = 30'000;
    request.rebalance_timeout_ms = 5'000;
    return request;
  }

  std::optional<JoinResult> join_classic(JoinRequest request) {
    auto answer = std::make_shared<std::optional<JoinResult>>();
    Outcome out;
    harness_.group->join(
        harness_.context(), std::move(request), [answer](JoinResult result) { *answer = std::move(result); },
        out);
    harness_.finish(out);
    return *answer;
  }

  SyncResult sync(const std::string& id, int32_t generation) {
    SyncResult answer;
    Outcome out;
    SyncRequest request;
    request.member_id = id;
    request.generation = generation;
    harness_.group->sync(
        harness_.context(), request, [&](SyncResult result) { answer = std::move(result); }, out);
    harness_.finish(out);
    return answer;
  }

  ErrorCode heartbeat(const std::string& id, int32_t generation) {
    return harness_.group->classic_heartbeat(harness_.context(), {id, std::nullopt, generation});
  }

  LeaveResult leave(std::vector<LeaveRequest::Member> members) {
    LeaveResult answer;
    Outcome out;
    harness_.group->leave(
        harness_.context(), LeaveRequest{std::move(members)},
        [&](LeaveResult result) { answer = std::move(result); }, out);
    harness_.finish(out);
    return answer;
  }

  std::string assigned(const SyncResult& result) {
    const auto parsed = parse_assignment(result.assignment);
    return parsed ? describe(by_id(parsed->partitions, harness_.topics), harness_.topics) : "malformed";
  }

  // A classic group of M, which has all, becomes one of the consumer protocol as B joins.
  void upgrade_group() {
    auto made =
        upgrade("g", classic_group("M", assignment("t4", {0, 1, 2, 3})), harness_.topics, harness_.config);
    ASSERT_TRUE(made);
    Outcome out;
    out.records = std::move(made->records);
    harness_.finish(out);
    harness_.new_leader();
    EXPECT_EQ(harness_.heartbeat(join("B", {"t4"}))->epoch, 2);
  }

  ConsumerHarness harness_;
};

// ---- upgrade ----

TEST_F(Migration, AClassicGroupGoesOnWithAMemberOfEach) {
  upgrade_group();
  EXPECT_EQ(heartbeat("M", 1), ErrorCode::kRebalanceInProgress);
  EXPECT_EQ(sync("M", 1).error, ErrorCode::kRebalanceInProgress);
  // It has all still: it is told what it may keep, at its old generation.
  EXPECT_EQ(join_classic(join_request("M", subscription("t4", {0, 1, 2, 3})))->generation, 1);
  EXPECT_EQ(assigned(sync("M", 1)), "t4:2-3");
  EXPECT_EQ(heartbeat("M", 1), ErrorCode::kRebalanceInProgress);
  const auto joined = join_classic(join_request("M", subscription("t4", {2, 3})));
  EXPECT_EQ(joined->error, ErrorCode::kNone);
  EXPECT_EQ(joined->generation, 2);
  EXPECT_EQ(joined->protocol, "range");
  EXPECT_EQ(joined->leader, "");
  EXPECT_EQ(assigned(sync("M", 2)), "t4:2-3");
  EXPECT_EQ(heartbeat("M", 2), ErrorCode::kNone);
  EXPECT_EQ(describe(*harness_.heartbeat(alive("B", 2))->assignment, harness_.topics), "t4:0-1");
}

TEST_F(Migration, AMemberOfTheClassicProtocolIsAskedForMoreThanItsGeneration) {
  upgrade_group();
  EXPECT_EQ(heartbeat("M", 77), ErrorCode::kIllegalGeneration);
  EXPECT_EQ(heartbeat("Z", 2), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(heartbeat("B", 2), ErrorCode::kUnknownMemberId);
  EXPECT_EQ(sync("M", 77).error, ErrorCode::kIllegalGeneration);
  EXPECT_EQ(sync("Z", 2).error, ErrorCode::kUnknownMemberId);
}

TEST_F(Migration, WhatCannotBeConvertedStays) {
  const auto error = [&](const ClassicGroupRecord::Value& group) {
    const auto made = upgrade("g", group, harness_.topics, harness_.config);
    return made ? "" : made.error().message;
  };
  EXPECT_EQ(error(classic_group("M", "")), "");
  EXPECT_NE(error(classic_group("M", assignment("t4", {0}, "mine"))).find("custom assignor"),
            std::string::npos);
  EXPECT_NE(error(classic_group("M", std::string(1, '\0'))).find("malformed"), std::string::npos);
  ClassicGroupRecord::Value group = classic_group("M", "");
  group.members[0].subscription = "x";
  EXPECT_NE(error(group).find("malformed"), std::string::npos);
  group = classic_group("M", "");
  group.protocol_type = "connect";
  EXPECT_NE(error(group).find("embedded protocol"), std::string::npos);
  harness_.config.max_size = 0;
  EXPECT_NE(error(classic_group("M", "")).find("maximum size"), std::string::npos);
  harness_.config = {};
  harness_.config.may_upgrade = false;
  EXPECT_NE(error(classic_group("M", "")).find("disabled"), std::string::npos);
  group.members.clear();
  EXPECT_EQ(error(group), "");
}

TEST_F(Migration, PartitionsThatAreNotThereAreNotConverted) {
  const auto made = upgrade("g", classic_group("M", assignment("t4", {0, 4, 2'147'483'647, -1})),
                            harness_.topics, harness_.config);
  ASSERT_TRUE(made);
  EXPECT_EQ(describe(made->state.find_member("M")->current.assigned, harness_.topics), "t4:0@1");
}

// ---- joins ----

TEST_F(Migration, AClassicMemberJoinsAConsumerGroup) {
  harness_.heartbeat(join("A", {"t4"}));
  JoinRequest request = join_request("", subscription("t4"));
  request.requires_known_member = true;
  EXPECT_EQ(join_classic(request)->error, ErrorCode::kMemberIdRequired);
  EXPECT_EQ(join_classic(request)->member_id, "made-up");
  request.member_id = "made-up";
  EXPECT_EQ(join_classic(request)->generation, 2);
  EXPECT_EQ(assigned(sync("made-up", 2)), "nothing");
  EXPECT_EQ(heartbeat("made-up", 2), ErrorCode::kNone);
  harness_.tick(1'000);
  ConsumerHeartbeatRequest revoked = alive("A", 2);
  revoked.owned = parse_partitions("t4:0-1", harness_.topics);
  EXPECT_EQ(harness_.heartbeat(revoked)->epoch, 3);
  EXPECT_EQ(heartbeat("made-up", 2), ErrorCode::kRebalanceInProgress);
  EXPECT_EQ(join_classic(request)->generation, 3);
  EXPECT_EQ(assigned(sync("made-up", 3)), "t4:2-3");
}

TEST_F(Migration, AJoinThatFitsNobodyIsRefused) {
  harness_.heartbeat(join("A", {"t4"}));
  join_classic(join_request("m", subscription("t4")));
  JoinRequest request = join_request("x", subscription("t4"));
  request.protocols[0].name = "weird";
  EXPECT_EQ(join_classic(request)->error, ErrorCode::kInconsistentGroupProtocol);
  request.protocols.clear();
  EXPECT_EQ(join_classic(request)->error, ErrorCode::kInconsistentGroupProtocol);
  request = join_request("x", subscription("t4"));
  request.protocol_type = "connect";
  EXPECT_EQ(join_classic(request)->error, ErrorCode::kInconsistentGroupProtocol);
  EXPECT_EQ(join_classic(join_request("x", "nonsense"))->error, ErrorCode::kUnknownServerError);
  harness_.config.max_size = 2;
  EXPECT_EQ(join_classic(join_request("x", subscription("t4")))->error, ErrorCode::kGroupMaxSizeReached);
}

TEST_F(Migration, AStaticMemberIsReplacedByOneThatSpeaksTheClassicProtocol) {
  harness_.config.may_downgrade = false;  // it is the only consumer
  ConsumerHeartbeatRequest first = join("A", {"t4"});
  first.instance_id = "i";
  harness_.heartbeat(first);
  JoinRequest request = join_request("", subscription("t4", {}, 3));
  request.instance_id = "i";
  EXPECT_EQ(join_classic(request)->generation, 2);
  EXPECT_EQ(assigned(sync("made-up", 2)), "t4:0-3");
  EXPECT_EQ(harness_.state.find_member("made-up")->info.rack_id, "r1");
  first = alive("A", 2);
  first.instance_id = "i";
  EXPECT_EQ(harness_.heartbeat(first)->error, ErrorCode::kFencedInstanceId);
  request.member_id = "z";
  EXPECT_EQ(join_classic(request)->error, ErrorCode::kFencedInstanceId);
  request.instance_id = "other";
  EXPECT_EQ(join_classic(request)->error, ErrorCode::kUnknownMemberId);
  EXPECT_EQ(leave({{"z", "i", {}}, {"", "other", {}}, {"nobody", {}, {}}}).members.size(), 3u);
  const LeaveResult left = leave({{"z", "i", {}}, {"", "i", {}}});
  EXPECT_EQ(left.members[0].error, ErrorCode::kFencedInstanceId);
  EXPECT_EQ(left.members[1].error, ErrorCode::kNone);
  EXPECT_TRUE(harness_.state.members().empty());
}

TEST_F(Migration, WhatACatalogThatIsBehindDoesNotKnowIsNotGivenAway) {
  upgrade_group();
  join_classic(join_request("M", subscription("t4", {0, 1, 2, 3})));
  // It gave away all that the others shall have, as it says, and has something that is not known here.
  std::string metadata = subscription("t4");
  metadata.resize(metadata.size() - 4);
  join_classic(join_request("M", metadata + partitions_bytes("new", {0})));
  EXPECT_EQ(harness_.state.find_member("M")->current.state, MemberState::kUnrevokedPartitions);
  join_classic(join_request("M", subscription("t4", {2, 3, 4})));
  EXPECT_EQ(harness_.state.find_member("M")->current.state, MemberState::kStable);
}

// ---- time ----

TEST_F(Migration, WhoDoesNotSyncOrJoinAgainIsFenced) {
  harness_.heartbeat(join("A", {"t4"}));
  join_classic(join_request("m", subscription("t4")));
  harness_.tick(5'000);
  EXPECT_EQ(harness_.state.find_member("m"), nullptr);
  join_classic(join_request("m", subscription("t4")));
  sync("m", harness_.state.find_member("m")->current.epoch);
  const int32_t generation = harness_.state.find_member("m")->current.epoch;
  harness_.tick(1'000);
  EXPECT_EQ(heartbeat("m", generation), ErrorCode::kRebalanceInProgress);
  harness_.tick(4'999);
  EXPECT_EQ(heartbeat("m", generation), ErrorCode::kRebalanceInProgress);
  harness_.tick(1);
  EXPECT_EQ(heartbeat("m", generation), ErrorCode::kUnknownMemberId);
}

// ---- downgrade ----

TEST_F(Migration, WithoutItsLastConsumerTheGroupIsAClassicOne) {
  upgrade_group();
  join_classic(join_request("M", subscription("t4", {2, 3})));
  sync("M", 2);
  harness_.written.clear();
  harness_.heartbeat(alive("B", kLeaveEpoch));
  EXPECT_TRUE(harness_.state.is_gone());
  const auto* record = std::get_if<ClassicGroupRecord>(&harness_.written.back());
  ASSERT_NE(record, nullptr);
  EXPECT_EQ(record->value->generation, 2);
  EXPECT_EQ(record->value->protocol, "range");
  ASSERT_EQ(record->value->members.size(), 1u);
  const ClassicGroupRecord::Member& member = record->value->members[0];
  EXPECT_EQ(member.member_id, "M");
  EXPECT_EQ(member.subscription, subscription("t4", {2, 3}));
  EXPECT_EQ(
      describe(by_id(parse_assignment(member.assignment)->partitions, harness_.topics), harness_.topics),
      "t4:2-3");
}

TEST_F(Migration, AGroupThatMayNotChangeItsProtocolKeepsIt) {
  harness_.config.may_downgrade = false;
  upgrade_group();
  harness_.heartbeat(alive("B", kLeaveEpoch));
  EXPECT_FALSE(harness_.state.is_gone());
  EXPECT_EQ(harness_.state.members().size(), 1u);
  EXPECT_EQ(heartbeat("M", 1), ErrorCode::kRebalanceInProgress);
}

TEST_F(Migration, MostVotesChooseTheProtocolThatAllCan) {
  const MemberRecord::Classic a{1, {{"x", ""}, {"range", ""}, {"sticky", ""}}};
  const MemberRecord::Classic b{1, {{"sticky", ""}, {"range", ""}}};
  const MemberRecord::Classic c{1, {{"sticky", ""}, {"range", ""}, {"x", ""}}};
  EXPECT_EQ(common_protocol({&a, &b, &c}), "sticky");
  EXPECT_EQ(common_protocol({&a, &b}), "range");
  EXPECT_EQ(common_protocol({&a, &c}), "sticky");
  const MemberRecord::Classic d{1, {{"other", ""}}};
  EXPECT_EQ(common_protocol({&a, &d}), "");
}

// ---- bytes ----

TEST(EmbeddedProtocol, EachCutOfItIsMalformed) {
  const std::string whole = subscription("t4", {0, 1}, 3);
  ASSERT_TRUE(parse_subscription(whole));
  EXPECT_EQ(parse_subscription(whole)->owned.at(0).partitions, (std::vector<int32_t>{0, 1}));
  for (size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(parse_subscription(whole.substr(0, size))) << size;
  const std::string assigned = assignment("t4", {0, 1}, "x");
  ASSERT_TRUE(parse_assignment(assigned));
  EXPECT_TRUE(parse_assignment(assigned)->has_user_data);
  for (size_t size = 0; size < assigned.size(); ++size)
    EXPECT_FALSE(parse_assignment(assigned.substr(0, size))) << size;
}

TEST(EmbeddedProtocol, CountsThatLieAllocateNothing) {
  std::string bytes;
  put(bytes, 1, 2);
  put(bytes, 2'147'483'647, 4);
  EXPECT_FALSE(parse_subscription(bytes));
  EXPECT_FALSE(parse_assignment(bytes));
  bytes.resize(2);
  put(bytes, -1, 4);
  EXPECT_FALSE(parse_subscription(bytes));
}

TEST(EmbeddedProtocol, ANewerVersionIsReadAsFarAsItIsKnown) {
  std::string bytes = subscription("t4", {0}, 3) + "more";
  bytes[1] = 9;
  ASSERT_TRUE(parse_subscription(bytes));
  EXPECT_EQ(parse_subscription(bytes)->topics, (std::vector<std::string>{"t4"}));
}

}  // namespace
}  // namespace chronik::kafka::group::test
