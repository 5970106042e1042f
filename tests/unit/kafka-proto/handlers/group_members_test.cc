// Members of classic groups over the wire, in every version: they join, get their assignments, leave and fail over,
// and admins see them.
#include "kafka-proto/coordinator/place.h"
#include "kafka-proto/messages/delete_groups.h"
#include "kafka-proto/messages/describe_groups.h"
#include "kafka-proto/messages/find_coordinator.h"
#include "kafka-proto/messages/heartbeat.h"
#include "kafka-proto/messages/join_group.h"
#include "kafka-proto/messages/leave_group.h"
#include "kafka-proto/messages/list_groups.h"
#include "kafka-proto/messages/offset_commit.h"
#include "kafka-proto/messages/offset_delete.h"
#include "kafka-proto/messages/sync_group.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

constexpr std::string_view kTopic = "__consumer_offsets";
constexpr int16_t kJoin = 9, kSync = 5, kLeave = 5, kBeat = 4;

Bytes bytes_of(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

class GroupMembersTest : public ::testing::Test {
 protected:
  GroupMembersTest() {
    broker.features.add("chronik.version", 1, 3, 3);
    broker.start();
    client.emplace(broker.client());
    other.emplace(broker.client());
    broker.add_topic("orders", 3);
    FindCoordinatorRequest request;
    request.key = "g";
    EXPECT_EQ(client->call<FindCoordinator>(0, request).error_code, ErrorCode::kNone);
  }

  static JoinGroupRequest join_request(std::string_view member,
                                       std::optional<std::string_view> instance = std::nullopt) {
    JoinGroupRequest request;
    request.group_id = "g";
    request.session_timeout_ms = 10'000;
    request.rebalance_timeout_ms = 30'000;
    request.member_id = member;
    request.group_instance_id = instance;
    request.protocol_type = "test";
    auto& protocol = request.protocols.emplace_back();
    protocol.name = "range";
    protocol.metadata = bytes_of("topics");
    return request;
  }
  JoinGroupResponse await_join(TestClient& from, int16_t version = kJoin) {
    broker.host.advance(seconds(4));  // the initial delay
    return from.receive<JoinGroup>(version);
  }
  // A member of a group of its own, with an assignment.
  std::string become_stable(std::optional<std::string_view> instance = std::nullopt) {
    std::string id;
    if (!instance) {
      const auto first = client->call<JoinGroup>(kJoin, join_request(""));
      EXPECT_EQ(first.error_code, ErrorCode::kMemberIdRequired);
      id = first.member_id;
    }
    client->send<JoinGroup>(kJoin, join_request(id, instance));
    const auto joined = await_join(*client);
    EXPECT_EQ(joined.error_code, ErrorCode::kNone);
    id = joined.member_id;
    EXPECT_EQ(sync(*client, id, joined.generation_id, {{id, "all"}}).assignment.size(), 3u);
    return id;
  }
  static SyncGroupRequest sync_request(std::string_view member, int32_t generation) {
    SyncGroupRequest request;
    request.group_id = "g";
    request.generation_id = generation;
    request.member_id = member;
    request.protocol_type = "test";
    request.protocol_name = "range";
    return request;
  }
  SyncGroupResponse sync(TestClient& from, std::string_view member, int32_t generation,
                         const std::vector<std::pair<std::string, std::string>>& assignments = {}) {
    SyncGroupRequest request = sync_request(member, generation);
    for (const auto& [id, assignment] : assignments) {
      auto& row = request.assignments.emplace_back();
      row.member_id = id;
      row.assignment = bytes_of(assignment);
    }
    return from.call<SyncGroup>(kSync, request);
  }
  ErrorCode heartbeat(std::string_view member, int32_t generation, std::string_view group = "g") {
    HeartbeatRequest request;
    request.group_id = group;
    request.member_id = member;
    request.generation_id = generation;
    return client->call<Heartbeat>(kBeat, request).error_code;
  }
  DescribeGroupsResponse::Group describe(int16_t version, std::string_view group = "g") {
    DescribeGroupsRequest request;
    request.groups = {group};
    request.include_authorized_operations = version >= 3;
    return client->call<DescribeGroups>(version, request).groups.at(0);
  }
  std::string home() {
    const auto partitions = static_cast<int32_t>(broker.metadata.topic(std::string(kTopic)).partitions());
    return broker.group(std::string(kTopic), partition_of_key("g", partitions));
  }

  TestBroker broker{{.start = false}};
  std::optional<TestClient> client, other;
};

TEST_F(GroupMembersTest, AMemberGetsItsIdFirst) {
  for (int16_t version = 0; version <= kJoin; ++version) {
    auto request = join_request("");
    const std::string group = "g" + std::to_string(version);
    request.group_id = group;
    client->send<JoinGroup>(version, request);
    broker.host.run();
    if (version < 4) broker.host.advance(seconds(4));
    const auto joined = client->receive<JoinGroup>(version);
    EXPECT_EQ(joined.error_code, version < 4 ? ErrorCode::kNone : ErrorCode::kMemberIdRequired) << version;
    EXPECT_EQ(joined.member_id.substr(0, 7), "tester-") << version;
    EXPECT_EQ(joined.member_id.size(), 7u + 36) << version;
    if (version >= 4) continue;
    EXPECT_EQ(joined.leader, joined.member_id);
    ASSERT_EQ(joined.members.size(), 1u);
    EXPECT_EQ(to_text(joined.members[0].metadata), "topics");
  }
}

TEST_F(GroupMembersTest, TwoMembersGoThroughARebalance) {
  const std::string first = become_stable();
  const std::string second(other->call<JoinGroup>(kJoin, join_request("")).member_id);
  other->send<JoinGroup>(kJoin, join_request(second));
  broker.host.run();
  EXPECT_EQ(heartbeat(first, 1), ErrorCode::kRebalanceInProgress);
  const auto led = client->call<JoinGroup>(kJoin, join_request(first));
  const auto followed = other->receive<JoinGroup>(kJoin);
  EXPECT_EQ(led.generation_id, 2);
  EXPECT_EQ(led.members.size(), 2u);
  EXPECT_EQ(followed.generation_id, 2);
  EXPECT_EQ(followed.leader, first);
  EXPECT_TRUE(followed.members.empty());
  // The one that follows waits for the one that leads.
  other->send<SyncGroup>(kSync, sync_request(second, 2));
  broker.host.run();
  EXPECT_FALSE(other->next_frame().has_value());
  EXPECT_EQ(to_text(sync(*client, first, 2, {{first, "a"}, {second, "bc"}}).assignment), "a");
  EXPECT_EQ(to_text(other->receive<SyncGroup>(kSync).assignment), "bc");
  EXPECT_EQ(heartbeat(first, 2), ErrorCode::kNone);
  EXPECT_EQ(heartbeat(first, 1), ErrorCode::kIllegalGeneration);
}

TEST_F(GroupMembersTest, AProtocolWithoutANameIsNone) {
  auto request = join_request("");
  request.protocols[0].name = "";
  client->send<JoinGroup>(3, request);
  EXPECT_EQ(await_join(*client, 3).protocol_name, "");
  request.group_instance_id = "i";
  request.group_id = "other";
  client->send<JoinGroup>(7, request);
  EXPECT_EQ(await_join(*client, 7).protocol_name, std::nullopt);
}

TEST_F(GroupMembersTest, LeavingIsSaidAsTheVersionDoes) {
  for (int16_t version = 0; version <= kLeave; ++version) {
    const std::string id = become_stable();
    LeaveGroupRequest request;
    request.group_id = "g";
    if (version < 3) {
      request.member_id = id;
    } else {
      request.members.emplace_back().member_id = id;
      request.members.emplace_back().member_id = "nobody";
    }
    const auto left = client->call<LeaveGroup>(version, request);
    EXPECT_EQ(left.error_code, ErrorCode::kNone);
    if (version < 3) {
      EXPECT_EQ(client->call<LeaveGroup>(version, request).error_code, ErrorCode::kUnknownMemberId);
    } else {
      ASSERT_EQ(left.members.size(), 2u);
      EXPECT_EQ(left.members[0].error_code, ErrorCode::kNone);
      EXPECT_EQ(left.members[1].error_code, ErrorCode::kUnknownMemberId);
    }
    EXPECT_EQ(describe(6).group_state, "Empty");
  }
}

TEST_F(GroupMembersTest, AStaticMemberComesBackWithoutARebalance) {
  const std::string before = become_stable("one");
  EXPECT_EQ(before.substr(0, 4), "one-");
  const auto back = other->call<JoinGroup>(kJoin, join_request("", "one"));
  EXPECT_EQ(back.error_code, ErrorCode::kNone);
  EXPECT_EQ(back.generation_id, 1);
  EXPECT_TRUE(back.skip_assignment);
  EXPECT_NE(back.member_id, before);
  HeartbeatRequest request;
  request.group_id = "g";
  request.member_id = before;
  request.generation_id = 1;
  request.group_instance_id = "one";
  EXPECT_EQ(client->call<Heartbeat>(kBeat, request).error_code, ErrorCode::kFencedInstanceId);
}

TEST_F(GroupMembersTest, WhoWaitsHearsAtOnceThatTheCoordinatorIsGone) {
  const std::string id(client->call<JoinGroup>(kJoin, join_request("")).member_id);
  client->send<JoinGroup>(kJoin, join_request(id));
  broker.host.run();
  EXPECT_FALSE(client->next_frame().has_value());
  broker.consensus.follow(home(), 2, 7);
  broker.host.run();
  EXPECT_EQ(client->receive<JoinGroup>(kJoin).error_code, ErrorCode::kNotCoordinator);
  EXPECT_EQ(heartbeat(id, 1), ErrorCode::kNotCoordinator);
}

// As Kafka: a member that beats on while its group comes up keeps its assignment.
TEST_F(GroupMembersTest, AHeartbeatIsFineWhileTheGroupComesUp) {
  const std::string id = become_stable();
  broker.consensus.follow(home(), -1, 7);  // nobody leads, and this node did
  broker.host.run();
  JoinGroupRequest request = join_request(id);
  EXPECT_EQ(client->call<JoinGroup>(kJoin, request).error_code, ErrorCode::kCoordinatorLoadInProgress);
  EXPECT_EQ(heartbeat(id, 1), ErrorCode::kNone);
}

// The catalog of a node that is cut off says for ever that it leads: its clients shall look elsewhere.
TEST_F(GroupMembersTest, WhoDoesNotLeadForLongSendsMembersAway) {
  const std::string id = become_stable();
  broker.consensus.follow(home(), -1, 7);
  broker.host.advance(seconds(1));
  EXPECT_EQ(client->call<JoinGroup>(kJoin, join_request(id)).error_code, ErrorCode::kNotCoordinator);
  EXPECT_EQ(heartbeat(id, 1), ErrorCode::kNotCoordinator);
}

TEST_F(GroupMembersTest, AConnectionThatClosesLeavesItsMember) {
  const std::string id(client->call<JoinGroup>(kJoin, join_request("")).member_id);
  client->send<JoinGroup>(kJoin, join_request(id));
  broker.host.run();
  client->wire().hang_up();
  broker.host.run();
  client.emplace(broker.client());
  broker.host.advance(seconds(4));
  EXPECT_EQ(heartbeat(id, 1), ErrorCode::kNone);
  broker.host.advance(seconds(11));  // its session
  EXPECT_EQ(heartbeat(id, 1), ErrorCode::kUnknownMemberId);
}

// The id of a client is anything up to 32 KiB, and each id that is handed out is kept.
TEST_F(GroupMembersTest, OfALongInstanceAPartIsInTheId) {
  const std::string instance(30'000, 'i');
  client->send<JoinGroup>(kJoin, join_request("", instance));
  const std::string id(await_join(*client).member_id);
  EXPECT_EQ(id.substr(0, 256), instance.substr(0, 255) + "-");
  EXPECT_EQ(id.size(), 256u + 36);
}

TEST_F(GroupMembersTest, AMemberThatSaysTooMuchOfItselfIsRefused) {
  const std::string most((1 << 20) - 1'000, 'm'), more(4 << 20, 'm');
  for (int16_t version = 0; version <= kJoin; ++version) {
    JoinGroupRequest request = join_request("");
    request.group_id = "large";
    request.protocols[0].metadata = bytes_of(more);
    EXPECT_EQ(client->call<JoinGroup>(version, request).error_code, ErrorCode::kPolicyViolation) << version;
  }
  EXPECT_EQ(describe(6, "large").error_code, ErrorCode::kGroupIdNotFound);
  JoinGroupRequest request = join_request("");
  request.protocols[0].metadata = bytes_of(most);
  EXPECT_EQ(client->call<JoinGroup>(kJoin, request).error_code, ErrorCode::kMemberIdRequired);
}

// Who only asks for ids takes no more than so many.
TEST_F(GroupMembersTest, IdsThatAreOutAreBounded) {
  int refused = 0;
  for (int i = 0; i < 10'100; ++i)
    refused += client->call<JoinGroup>(kJoin, join_request("")).error_code == ErrorCode::kGroupMaxSizeReached;
  EXPECT_EQ(refused, 100);
  broker.host.advance(seconds(11));  // their sessions
  EXPECT_EQ(client->call<JoinGroup>(kJoin, join_request("")).error_code, ErrorCode::kMemberIdRequired);
}

TEST_F(GroupMembersTest, EmptyGroupIdsAreInvalid) {
  auto join = join_request("m");
  join.group_id = "";
  const auto joined = client->call<JoinGroup>(kJoin, join);
  EXPECT_EQ(joined.error_code, ErrorCode::kInvalidGroupId);
  EXPECT_EQ(joined.member_id, "m");
  auto request = sync_request("m", 1);
  request.group_id = "";
  EXPECT_EQ(client->call<SyncGroup>(kSync, request).error_code, ErrorCode::kInvalidGroupId);
  request.protocol_name = std::nullopt;
  EXPECT_EQ(client->call<SyncGroup>(kSync, request).error_code, ErrorCode::kInconsistentGroupProtocol);
  EXPECT_EQ(heartbeat("m", 1, ""), ErrorCode::kInvalidGroupId);
  EXPECT_EQ(client->call<LeaveGroup>(kLeave, {}).error_code, ErrorCode::kInvalidGroupId);
  EXPECT_EQ(client->call<OffsetDelete>(0, {}).error_code, ErrorCode::kInvalidGroupId);
}

TEST_F(GroupMembersTest, AdminsSeeAGroup) {
  const std::string id = become_stable();
  for (int16_t version = 0; version <= 6; ++version) {
    const auto group = describe(version);
    EXPECT_EQ(group.error_code, ErrorCode::kNone);
    EXPECT_EQ(group.group_state, "Stable");
    EXPECT_EQ(group.protocol_type, "test");
    EXPECT_EQ(group.protocol_data, "range");
    ASSERT_EQ(group.members.size(), 1u);
    EXPECT_EQ(group.members[0].member_id, id);
    EXPECT_EQ(group.members[0].client_id, "tester");
    EXPECT_EQ(group.members[0].client_host.substr(0, 1), "/");
    EXPECT_EQ(group.members[0].client_host.find(':'), std::string_view::npos);
    EXPECT_EQ(to_text(group.members[0].member_metadata), "topics");
    EXPECT_EQ(to_text(group.members[0].member_assignment), "all");
    const auto none = describe(version, "none");
    EXPECT_EQ(none.group_state, "Dead");
    EXPECT_EQ(none.error_code, version < 6 ? ErrorCode::kNone : ErrorCode::kGroupIdNotFound);
    EXPECT_EQ(none.error_message.has_value(), version >= 6);
  }
}

TEST_F(GroupMembersTest, ListsPassTheirFilters) {
  become_stable();
  const auto list = [&](int16_t version, std::vector<std::string_view> states,
                        std::vector<std::string_view> types) {
    ListGroupsRequest request;
    request.states_filter = std::move(states);
    request.types_filter = std::move(types);
    return client->call<ListGroups>(version, request).groups.size();
  };
  for (int16_t version = 0; version <= 5; ++version) EXPECT_EQ(list(version, {}, {}), 1u);
  EXPECT_EQ(list(5, {"stable", "Dead"}, {"Classic"}), 1u);
  EXPECT_EQ(list(5, {"Empty"}, {}), 0u);
  EXPECT_EQ(list(5, {}, {"consumer"}), 0u);
}

TEST_F(GroupMembersTest, OnlyAGroupWithoutMembersIsDeleted) {
  const std::string id = become_stable();
  const auto remove = [&](int16_t version) {
    DeleteGroupsRequest request;
    request.groups_names = {"g", "none", "g"};
    return client->call<DeleteGroups>(version, request);
  };
  for (int16_t version = 0; version <= 2; ++version) {
    const auto kept = remove(version);
    ASSERT_EQ(kept.results.size(), 2u);
    EXPECT_EQ(kept.results[0].error_code, ErrorCode::kNonEmptyGroup);
    EXPECT_EQ(kept.results[1].error_code, ErrorCode::kGroupIdNotFound);
  }
  LeaveGroupRequest leave;
  leave.group_id = "g";
  leave.members.emplace_back().member_id = id;
  client->call<LeaveGroup>(kLeave, leave);
  EXPECT_EQ(remove(2).results[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(describe(6).error_code, ErrorCode::kGroupIdNotFound);
}

class GroupOffsetsForgottenTest : public GroupMembersTest {
 protected:
  void commit() {
    OffsetCommitRequest request;
    request.group_id = "g";
    auto& topic = request.topics.emplace_back();
    topic.name = "orders";
    auto& row = topic.partitions.emplace_back();
    row.partition_index = 1;
    row.committed_offset = 5;
    EXPECT_EQ(client->call<OffsetCommit>(8, request).topics.at(0).partitions.at(0).error_code,
              ErrorCode::kNone);
  }
};

TEST_F(GroupOffsetsForgottenTest, OffsetDeleteAnswersForEachPartition) {
  OffsetDeleteRequest request;
  request.group_id = "g";
  auto& topic = request.topics.emplace_back();
  topic.name = "orders";
  for (const int32_t partition : {1, 2, 3, -1}) topic.partitions.emplace_back().partition_index = partition;
  auto& unknown = request.topics.emplace_back();
  unknown.name = "unknown";
  unknown.partitions.emplace_back();
  request.topics.emplace_back().name = "orders";  // none of its partitions: it has no row
  const auto none = client->call<OffsetDelete>(0, request);
  EXPECT_EQ(none.error_code, ErrorCode::kGroupIdNotFound);
  EXPECT_TRUE(none.topics.empty());
  commit();
  const auto gone = client->call<OffsetDelete>(0, request);
  EXPECT_EQ(gone.error_code, ErrorCode::kNone);
  ASSERT_EQ(gone.topics.size(), 2u);
  EXPECT_EQ(gone.topics[0].partitions[0].error_code, ErrorCode::kNone);
  EXPECT_EQ(gone.topics[0].partitions[1].error_code, ErrorCode::kNone);
  EXPECT_EQ(gone.topics[0].partitions[2].error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(gone.topics[0].partitions[3].error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(gone.topics[1].partitions[0].error_code, ErrorCode::kUnknownTopicOrPartition);
  EXPECT_EQ(describe(6).error_code, ErrorCode::kGroupIdNotFound);
}

TEST_F(GroupOffsetsForgottenTest, OffsetsExpire) {
  commit();
  broker.host.advance(std::chrono::hours(6 * 24));
  EXPECT_EQ(describe(6).error_code, ErrorCode::kNone);
  broker.host.advance(std::chrono::hours(25));
  EXPECT_EQ(describe(6).error_code, ErrorCode::kGroupIdNotFound);
}

TEST_F(GroupOffsetsForgottenTest, OffsetsGoWithTheirTopic) {
  commit();
  broker.metadata.remove_topic("orders");
  broker.host.advance(milliseconds(20));  // a pass over the groups
  EXPECT_EQ(describe(6).error_code, ErrorCode::kGroupIdNotFound);
}

// Nobody led the group when its topic was deleted.
class OffsetsLeftBehindTest : public GroupOffsetsForgottenTest {
 protected:
  OffsetsLeftBehindTest() {
    commit();
    const std::string group = broker.group(std::string(kTopic), partition_of_key("g", 5));
    broker.consensus.follow(group, 2, 2);
    broker.host.run();
    broker.metadata.remove_topic("orders");
    broker.host.run();
    broker.consensus.elect(group);
    broker.host.run();
    EXPECT_EQ(describe(6).error_code, ErrorCode::kNone);
  }
  // And what they found goes.
  void passes(int n) { broker.host.advance(std::chrono::minutes(10 * n) + std::chrono::seconds(1)); }
};

TEST_F(OffsetsLeftBehindTest, TheyGoOnceTwoPassesDidNotFindTheTopic) {
  passes(1);
  EXPECT_EQ(describe(6).error_code, ErrorCode::kNone);
  passes(1);
  EXPECT_EQ(describe(6).error_code, ErrorCode::kGroupIdNotFound);
}

TEST_F(OffsetsLeftBehindTest, TheyStayWhileNobodySaysThatTheCatalogIsCurrent) {
  broker.metadata.answer_changes(CHR_E_TIMEOUT);
  passes(4);
  EXPECT_EQ(describe(6).error_code, ErrorCode::kNone);
  broker.metadata.answer_changes(CHR_OK);
  passes(1);
  EXPECT_EQ(describe(6).error_code, ErrorCode::kGroupIdNotFound);
}

}  // namespace
}  // namespace chronik::kafka::testing
