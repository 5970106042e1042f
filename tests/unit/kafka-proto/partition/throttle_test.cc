// Throttles of replication: from configs that are altered over the wire to what consensus is told.

#include "kafka-proto/cluster/in_sync.h"
#include "kafka-proto/messages/alter_partition_reassignments.h"
#include "kafka-proto/messages/describe_configs.h"
#include "kafka-proto/messages/incremental_alter_configs.h"
#include "kafka-proto/messages/produce.h"
#include "kafka-proto/wire/writer.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

using Buckets = std::vector<std::pair<int32_t, int32_t>>;
using Rates = std::map<int32_t, int64_t>;

constexpr int8_t kTopic = 2;
constexpr int8_t kBroker = 4;
constexpr int32_t kLeader = -1;  // the bucket
constexpr std::string_view kLeaderRate = "leader.replication.throttled.rate";
constexpr std::string_view kFollowerRate = "follower.replication.throttled.rate";
constexpr std::string_view kLeaders = "leader.replication.throttled.replicas";
constexpr std::string_view kFollowers = "follower.replication.throttled.replicas";

struct StartedBroker {
  StartedBroker() {
    broker.features.add("chronik.version", 1, 2, 2);
    broker.start();
  }
  TestBroker broker{{.start = false, .links = true}};
  FakeRecords& kept = broker.records;
};

// Partition 0 of "t" is led here, has replicas on nodes 1 to 3, and node 3 is behind.
class ThrottleTest : protected StartedBroker, public ::testing::Test {
 protected:
  ThrottleTest() {
    broker.metadata.set_broker({2, "two.example", 9094, ""});
    broker.metadata.set_broker({3, "three.example", 9096, ""});
    for (const int32_t peer : {2, 3}) broker.set_link(peer, true);
    broker.add_topic("t", 1, {}, 3);
    const std::string records = broker.batch();
    EXPECT_EQ(only(client.call<Produce>(9, produce_request("t", 0, records))).error_code, ErrorCode::kNone);
    broker.consensus.set_member(broker.group("t"), {3, 0, 1, 0, 0, 0});
    broker.host.advance(seconds(31));
  }
  ErrorCode alter(int8_t type, std::string_view name, std::string_view config,
                  std::optional<std::string_view> value) {
    IncrementalAlterConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = type;
    resource.resource_name = name;
    auto& change = resource.configs.emplace_back();
    change.name = config;
    change.config_operation = value.has_value() ? 0 : 1;
    change.value = value;
    return client.call<IncrementalAlterConfigs>(1, request).responses.at(0).error_code;
  }
  void of_topic(std::string_view config, std::optional<std::string_view> value) {
    EXPECT_EQ(alter(kTopic, "t", config, value), ErrorCode::kNone) << config;
    broker.host.advance(seconds(1));
  }
  void of_broker(std::string_view name, std::string_view config, std::optional<std::string_view> value) {
    EXPECT_EQ(alter(kBroker, name, config, value), ErrorCode::kNone) << config;
  }
  // As the leader of partition 0 in epoch 2 tells it.
  void told_in_sync(int32_t from, const chr_uuid& topic, const std::vector<int32_t>& nodes) {
    Writer out;
    out.int8(1);
    out.int8(static_cast<int8_t>(PeerFrame::kInSync));
    out.int64(0);
    out.array_length(1, false);
    out.uuid(topic);
    out.int32(0);
    out.int32(2);
    out.array_length(nodes.size(), false);
    for (const int32_t node : nodes) out.int32(node);
    out.int32(from);  // leads, and says so itself
    out.int64(1);
    out.array_length(0, false);
    const std::vector<uint8_t> bytes = std::move(out).finish().copy();
    broker.host.deliver("kafka", from, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  const Buckets& throttled() { return broker.consensus.group(broker.group("t")).throttled; }
  const Rates& rates() { return broker.consensus.throttles(); }
  std::vector<DescribeConfigsResponse::Config> shown(std::string_view broker_name) {
    DescribeConfigsRequest request;
    auto& resource = request.resources.emplace_back();
    resource.resource_type = kBroker;
    resource.resource_name = broker_name;
    resource.configuration_keys.emplace() = {kLeaderRate, kFollowerRate};
    request.include_synonyms = true;
    described = client.call<DescribeConfigs>(4, request);
    return described.results.at(0).configs;
  }

  TestClient client = broker.client();
  DescribeConfigsResponse described;
};

TEST_F(ThrottleTest, RatesOfAllBrokersAndOfThisOneReachConsensus) {
  EXPECT_EQ(rates(), Rates{});
  of_broker("", kLeaderRate, "500");
  EXPECT_EQ(rates(), (Rates{{kLeader, 500}}));
  of_broker("1", kLeaderRate, "700");
  EXPECT_EQ(rates(), (Rates{{kLeader, 700}}));
  of_broker("1", kLeaderRate, std::nullopt);
  EXPECT_EQ(rates(), (Rates{{kLeader, 500}}));
  of_broker("", kLeaderRate, std::nullopt);
  EXPECT_EQ(rates(), Rates{});
  of_broker("", kFollowerRate, "0");
  EXPECT_EQ(rates(), (Rates{{1, 0}, {2, 0}, {3, 0}}));
  // As another broker was asked to set it.
  kept.put("kafka.brokers", "3/follower.replication.throttled.rate", "900");
  broker.metadata.set_broker({3, "three.example", 9097, ""});  // an image has both
  broker.host.run();
  EXPECT_EQ(rates(), (Rates{{1, 0}, {2, 0}, {3, 900}}));
}

TEST_F(ThrottleTest, AreShownWhereTheyAreSet) {
  EXPECT_TRUE(shown("1").empty());
  of_broker("", kLeaderRate, "500");
  of_broker("1", kLeaderRate, "700");
  ASSERT_EQ(shown("1").size(), 1u);
  EXPECT_EQ(described.results[0].configs[0].value, "700");
  EXPECT_EQ(described.results[0].configs[0].synonyms.size(), 2u);
  EXPECT_FALSE(described.results[0].configs[0].read_only);
  ASSERT_EQ(shown("").size(), 1u);
  EXPECT_EQ(described.results[0].configs[0].value, "500");
  for (const char* bad : {"-1", "", "x", "9223372036854775808"})
    EXPECT_EQ(alter(kBroker, "1", kLeaderRate, bad), ErrorCode::kInvalidRequest) << bad;
}

TEST_F(ThrottleTest, OnlyWhoIsBehindIsThrottled) {
  of_topic(kLeaders, "*");
  EXPECT_EQ(throttled(), (Buckets{{3, kLeader}}));
  of_topic(kFollowers, "0:2,0:3");
  EXPECT_EQ(throttled(), (Buckets{{3, kLeader}, {3, 3}}));
  of_topic(kLeaders, "0:2,0:3,1:1");  // not what this node leads
  EXPECT_EQ(throttled(), (Buckets{{3, 3}}));
  const uint64_t now = broker.host.now_ns();
  broker.consensus.set_member(broker.group("t"), {3, 0, 1, 0, now, now});
  broker.host.advance(seconds(1));
  EXPECT_EQ(throttled(), Buckets{});
}

TEST_F(ThrottleTest, ThrottlesEnd) {
  of_topic(kLeaders, "0:1");
  EXPECT_EQ(throttled(), (Buckets{{3, kLeader}}));
  of_topic(kLeaders, std::nullopt);
  EXPECT_EQ(throttled(), Buckets{});
}

// Replicas that come are named before consensus is asked to add them.
TEST_F(ThrottleTest, ReplicasThatComeAreThrottledFromTheStart) {
  of_topic(kFollowers, "0:4");
  of_topic(kLeaders, "0:1");
  broker.metadata.set_broker({4, "four.example", 9098, ""});
  broker.set_link(4, true);
  AlterPartitionReassignmentsRequest request;
  request.timeout_ms = 10'000;
  auto& topic = request.topics.emplace_back();
  topic.name = "t";
  auto& partition = topic.partitions.emplace_back();
  partition.partition_index = 0;
  partition.replicas.emplace() = {1, 2, 4};
  broker.consensus.hold_changes(true);
  EXPECT_EQ(client.call<AlterPartitionReassignments>(0, request).error_code, ErrorCode::kNone);
  EXPECT_EQ(throttled(), (Buckets{{4, kLeader}, {4, 4}, {3, kLeader}}));
  broker.consensus.hold_changes(false);
  broker.host.advance(seconds(1));
}

// Node 2 leads the other partition, which has a replica on node 3, too.
TEST_F(ThrottleTest, LeadersShareTheRateOfAFollower) {
  of_broker("", kFollowerRate, "1000");
  of_topic(kFollowers, "*");
  EXPECT_EQ(rates().at(3), 1000);
  broker.add_topic("u", 1, {{std::string(kFollowers), "*"}}, 3);
  broker.consensus.follow(broker.group("u"), 2, 2);
  broker.metadata.set_leader("u", 0, 2, 2);
  broker.host.advance(seconds(2));
  EXPECT_EQ(rates().at(3), 1000);  // there it is in sync, as far as is known
  const chr_uuid id = broker.metadata.topic("u").id;
  told_in_sync(2, id, {1, 2});
  broker.host.advance(seconds(2));
  EXPECT_EQ(rates().at(3), 500);
  EXPECT_EQ(rates().at(2), 1000);
}

}  // namespace
}  // namespace chronik::kafka::testing
