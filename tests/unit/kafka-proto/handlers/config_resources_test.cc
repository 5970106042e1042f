// ListConfigResources over the wire.
#include "kafka-proto/messages/list_config_resources.h"

#include <algorithm>

#include "server/broker_testing.h"

namespace chronik::kafka::testing {
namespace {

using Names = std::vector<std::pair<int8_t, std::string>>;

class ConfigResourcesTest : public ::testing::Test {
 protected:
  ConfigResourcesTest() {
    broker.add_topic("b");
    broker.add_topic("a");
  }
  Names list(int16_t version, std::vector<int8_t> types) {
    ListConfigResourcesRequest request;
    request.resource_types = std::move(types);
    const auto response = client.call<ListConfigResources>(version, request);
    EXPECT_EQ(response.error_code, ErrorCode::kNone);
    Names out;
    for (const auto& row : response.config_resources)
      out.emplace_back(row.resource_type, std::string(row.resource_name));
    std::ranges::sort(out);
    return out;
  }

  TestBroker broker;
  TestClient client = broker.client();
};

TEST_F(ConfigResourcesTest, ByType) {
  EXPECT_EQ(list(1, {2}), (Names{{2, "a"}, {2, "b"}}));
  EXPECT_EQ(list(1, {4}), (Names{{4, "1"}}));
  EXPECT_EQ(list(1, {8}), (Names{{8, "1"}}));
  EXPECT_EQ(list(1, {16, 32}), Names{});
  EXPECT_EQ(list(1, {4, 2, 4}), (Names{{2, "a"}, {2, "b"}, {4, "1"}}));
}

TEST_F(ConfigResourcesTest, AllWhereNoneIsNamed) {
  EXPECT_EQ(list(1, {}), (Names{{2, "a"}, {2, "b"}, {4, "1"}, {8, "1"}}));
}

TEST_F(ConfigResourcesTest, GroupsThatAnythingIsSetOf) {
  broker.records.put("kafka.groups", "consumer.session.timeout.ms/g/1", "50000");
  broker.records.put("kafka.groups", "consumer.heartbeat.interval.ms/g/1", "7000");
  broker.records.put("kafka.groups", "consumer.heartbeat.interval.ms/f", "7000");
  EXPECT_EQ(list(1, {32}), (Names{{32, "f"}, {32, "g/1"}}));
}

TEST_F(ConfigResourcesTest, ClientMetricsInVersion0) { EXPECT_EQ(list(0, {}), Names{}); }

TEST_F(ConfigResourcesTest, ATypeThatDoesNotExist) {
  for (const int8_t type : std::initializer_list<int8_t>{0, 1, 3, 64, -1, -128}) {
    ListConfigResourcesRequest request;
    request.resource_types = {2, type};
    const auto response = client.call<ListConfigResources>(1, request);
    EXPECT_EQ(response.error_code, ErrorCode::kUnsupportedVersion) << int{type};
    EXPECT_TRUE(response.config_resources.empty());
  }
}

}  // namespace
}  // namespace chronik::kafka::testing
