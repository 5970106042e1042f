// Valid frames of every API in every version, damaged at random: whatever arrives, the broker answers or
// closes the connection, and goes on. Run under ASan and UBSan by `./dev asan`.
#include <cstdlib>
#include <random>

#include "kafka-proto/handlers/table.h"
#include "kafka-proto/messages/api_versions.h"
#include "kafka-proto/messages/create_partitions.h"
#include "kafka-proto/messages/create_topics.h"
#include "kafka-proto/messages/delete_topics.h"
#include "kafka-proto/messages/describe_cluster.h"
#include "kafka-proto/messages/describe_configs.h"
#include "kafka-proto/messages/describe_topic_partitions.h"
#include "kafka-proto/messages/fetch.h"
#include "kafka-proto/messages/init_producer_id.h"
#include "kafka-proto/messages/list_offsets.h"
#include "kafka-proto/messages/metadata.h"
#include "kafka-proto/messages/offset_for_leader_epoch.h"
#include "kafka-proto/messages/produce.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

class MutationTest : public ::testing::Test {
 protected:
  MutationTest() : id(broker.add_topic("t", 2)) {}

  template <class Api>
  void add(const typename Api::Request& request) {
    for (const ApiEntry& api : api_entries()) {
      if (api.key != Api::kApi) continue;
      for (int16_t version = api.min_version; version <= api.max_version; ++version)
        frames.push_back(to_text(encode_request(version, 77, "mutant", request)));
    }
  }
  void add_all();
  std::string damaged(std::string frame);

  TestBroker broker;
  chr_uuid id;
  std::vector<std::string> frames;
  std::mt19937_64 random;
};

void MutationTest::add_all() {
  const std::string records = broker.batch({.records = 3});
  ProduceRequest produce = produce_request("t", 0, records);
  produce.topic_data[0].topic_id = id;
  add<Produce>(produce);
  FetchRequest fetch = fetch_request("t", 0, 0);
  fetch.topics[0].topic_id = id;
  fetch.topics[0].partitions.push_back(fetch_partition(1, 5));
  fetch.forgotten_topics_data.emplace_back().partitions = {0, 1};
  fetch.session_epoch = 0;
  fetch.max_wait_ms = 5;
  add<Fetch>(fetch);
  ListOffsetsRequest list;
  list.topics.emplace_back().name = "t";
  list.topics[0].partitions.resize(2);
  list.topics[0].partitions[1].timestamp = -3;
  add<ListOffsets>(list);
  MetadataRequest metadata;
  metadata.topics->resize(2);
  metadata.topics->at(0).name = "t";
  metadata.topics->at(1).name = "new";
  add<Metadata>(metadata);
  ApiVersionsRequest versions;
  versions.client_software_name = versions.client_software_version = "mutant";
  add<ApiVersions>(versions);
  CreateTopicsRequest create;
  create.topics.emplace_back().name = "made";
  create.topics[0].num_partitions = create.topics[0].replication_factor = 1;
  create.topics[0].configs.emplace_back().name = "retention.ms";
  create.topics[0].configs[0].value = "1000";
  create.topics.emplace_back().name = "placed";
  create.topics[1].assignments.emplace_back().broker_ids = {1};
  create.timeout_ms = 100;
  add<CreateTopics>(create);
  DeleteTopicsRequest remove;
  remove.topic_names = {"made", "gone"};
  remove.topics.emplace_back().name = "placed";
  remove.timeout_ms = 100;
  add<DeleteTopics>(remove);
  add<InitProducerId>({});
  OffsetForLeaderEpochRequest epochs;
  epochs.topics.emplace_back().topic = "t";
  epochs.topics[0].partitions.resize(2);
  add<OffsetForLeaderEpoch>(epochs);
  DescribeConfigsRequest configs;
  configs.resources.emplace_back().resource_type = 2;
  configs.resources[0].resource_name = "t";
  configs.resources.emplace_back().resource_type = 4;
  configs.resources[1].resource_name = "1";
  configs.include_synonyms = true;
  add<DescribeConfigs>(configs);
  CreatePartitionsRequest more;
  more.topics.emplace_back().name = "t";
  more.topics[0].count = 3;
  more.timeout_ms = 100;
  add<CreatePartitions>(more);
  add<DescribeCluster>({});
  DescribeTopicPartitionsRequest describe;
  describe.topics.emplace_back().name = "t";
  describe.cursor.emplace().topic_name = "t";
  add<DescribeTopicPartitions>(describe);
}

// One to four changes behind the size and the API key, so that the request reaches its
// handler more often than not.
std::string MutationTest::damaged(std::string frame) {
  constexpr size_t kFirst = 6;
  static constexpr unsigned char kEdges[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe};
  for (uint64_t left = 1 + random() % 4; left > 0; --left) {
    const size_t at = kFirst + random() % (frame.size() - kFirst);
    switch (random() % 5) {
      case 0:
        frame[at] = static_cast<char>(frame[at] ^ (1 << (random() % 8)));
        break;
      case 1:
        frame[at] = static_cast<char>(kEdges[random() % std::size(kEdges)]);
        break;
      case 2:
        frame.insert(at, 1 + random() % 4, static_cast<char>(random()));
        break;
      case 3:
        if (frame.size() > kFirst + 8) frame.erase(at, 1 + random() % 4);
        break;
      default:
        for (size_t i = at; i < frame.size() && i < at + 4; ++i)
          frame[i] = static_cast<char>(random() % 2 != 0 ? 0xff : 0x7f);
    }
  }
  const auto size = static_cast<uint32_t>(frame.size() - 4);
  for (int i = 0; i < 4; ++i) frame[static_cast<size_t>(i)] = static_cast<char>(size >> (24 - 8 * i));
  return frame;
}

TEST_F(MutationTest, DamagedFramesDoNoHarm) {
  const char* const given = std::getenv("CHRONIK_TEST_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20'240'601;
  SCOPED_TRACE("CHRONIK_TEST_SEED=" + std::to_string(seed));
  random.seed(seed);
  add_all();
  constexpr int kRounds = 150;
  size_t closed = 0, answered = 0;
  for (int round = 0; round < kRounds; ++round) {
    for (const std::string& frame : frames) {
      TestClient client = broker.client();
      client.wire().send(damaged(frame));
      broker.host.run();
      answered += client.wire().received.empty() ? 0 : 1;
      closed += client.open() ? 0 : 1;
      if (client.open()) client.wire().hang_up();
    }
    broker.host.clear_logs();
  }
  broker.host.advance(seconds(1));
  EXPECT_GT(answered, 0u);
  EXPECT_GT(closed, 0u);
  // It still serves: the topic may have been deleted by a mutant, so that another one is made.
  broker.add_topic("after");
  TestClient client = broker.client();
  const std::string records = broker.batch();
  EXPECT_EQ(only(client.call<Produce>(9, produce_request("after", 0, records))).error_code, ErrorCode::kNone);
}

TEST_F(MutationTest, RandomBytesEndTheConnectionOrWait) {
  random.seed(7);
  for (int i = 0; i < 2000; ++i) {
    TestClient client = broker.client();
    std::string bytes(1 + random() % 200, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    if (i % 2 == 0 && bytes.size() >= 4) bytes.replace(0, 4, std::string("\0\0\0\x20", 4));
    client.wire().send(bytes);
    broker.host.run();
    if (client.open()) client.wire().hang_up();
    broker.host.clear_logs();
  }
  EXPECT_EQ(broker.host.metric("chronik_kafka_connections"), 0);
}

}  // namespace
}  // namespace chronik::kafka::testing
