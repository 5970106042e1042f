// Brokers that operators ask about groups, over HTTP.
#pragma once

#include <boost/json.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "kafka-proto/coordinator/place.h"
#include "kafka-proto/messages/find_coordinator.h"
#include "kafka-proto/messages/join_group.h"
#include "kafka-proto/messages/offset_commit.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {

namespace json = boost::json;

inline constexpr int32_t kHomes = 5;  // partitions of __consumer_offsets
inline const std::string kOffsets = "__consumer_offsets";

// A broker with the topic "orders" of three partitions, and with groups.
struct GroupsNode {
  explicit GroupsNode(int32_t node = 1) : broker({.node = node, .start = false, .links = true}) {
    broker.features.add("chronik.version", 1, 3, 3);
    broker.host.config_int("offsets_topic_partitions", kHomes);
    broker.start();
    client.emplace(broker.client());
    orders = broker.add_topic("orders", 3);
  }
  void make_topic() {
    FindCoordinatorRequest request;
    request.key = "g";
    ASSERT_EQ(client->call<FindCoordinator>(0, request).error_code, ErrorCode::kNone);
  }
  void commit(std::string_view group, int32_t partition, int64_t offset) {
    OffsetCommitRequest request;
    request.group_id = group;
    auto& topic = request.topics.emplace_back();
    topic.name = "orders";
    topic.topic_id = orders;
    auto& row = topic.partitions.emplace_back();
    row.partition_index = partition;
    row.committed_offset = offset;
    const auto response = client->call<OffsetCommit>(9, request);
    ASSERT_EQ(response.topics.at(0).partitions.at(0).error_code, ErrorCode::kNone);
  }
  void produce(int32_t partition, int records) {
    const std::string batch = broker.batch({.records = records});
    ASSERT_EQ(only(client->call<Produce>(9, produce_request("orders", partition, batch))).error_code,
              ErrorCode::kNone);
  }
  // Nothing where no answer is there yet.
  struct Answer {
    int32_t status;
    json::object body;
  };
  std::optional<Answer> answer(uint64_t id) {
    broker.host.run();
    const FakeHost::Response* const response = broker.host.response(id);
    if (response == nullptr) return std::nullopt;
    return Answer{response->status, json::parse(response->body).as_object()};
  }
  uint64_t ask(std::string_view method, std::string_view path, std::string_view query = {},
               std::string_view body = {}) {
    return broker.host.request(method, path, body, query);
  }
  // One that is answered at once.
  Answer get(std::string_view path, std::string_view query = {}) { return call("GET", path, query); }
  Answer call(std::string_view method, std::string_view path, std::string_view query = {},
              std::string_view body = {}) {
    const auto found = answer(ask(method, path, query, body));
    if (!found.has_value()) ADD_FAILURE() << method << " " << path << " is not answered";
    return found.value_or(Answer{0, {}});
  }

  TestBroker broker;
  std::optional<TestClient> client;
  chr_uuid orders{};
};

inline std::string ids_of(const json::object& answer) {
  std::string out;
  for (const json::value& row : answer.at("groups").as_array())
    out += (out.empty() ? "" : " ") + std::string(row.at("id").as_string());
  return out;
}

}  // namespace chronik::kafka::testing
