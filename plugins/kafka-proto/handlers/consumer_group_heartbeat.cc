// ConsumerGroupHeartbeat (68): a member of a consumer group (KIP-848) joins, stays, says what it owns, hears what it is
// to have, and leaves.
#include <utility>

#include "kafka-proto/group/coordinator.h"
#include "kafka-proto/handlers/answers.h"
#include "kafka-proto/handlers/handle.h"
#include "kafka-proto/messages/consumer_group_heartbeat.h"
#include "kafka-proto/partition/by_shard.h"

namespace chronik::kafka {
namespace {

using Request = ConsumerGroupHeartbeatRequest;
using Response = ConsumerGroupHeartbeatResponse;

constexpr int16_t kNamesItself = 1;

struct HeartbeatJob {
  Broker& broker;
  Call<ConsumerGroupHeartbeat> call;
};

std::optional<std::string> owned(const std::optional<std::string_view>& text) {
  return text.has_value() ? std::optional<std::string>(*text) : std::nullopt;
}

// As Kafka writes addresses: of "127.0.0.1:4711" it is "/127.0.0.1".
std::string host_of(std::string_view peer) {
  std::string_view host = peer.substr(0, peer.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return "/" + std::string(host);
}

// As Kafka makes them: 16 random bytes in base64 for URLs.
std::string new_member_id(const Host& host) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  constexpr size_t kDigitsOfId = 22;
  std::array<uint8_t, kDigitsOfId> random;
  host.random(random.data(), random.size());
  std::string out;
  for (const uint8_t byte : random) out += kDigits[byte % kDigits.size()];
  return out;
}

group::PartitionSet partitions_of(const std::vector<Request::Topic>& topics) {
  group::PartitionSet out;
  for (const Request::Topic& topic : topics) out.push_back({topic.topic_id, topic.partitions, {}});
  return group::sorted(std::move(out));
}

group::ConsumerHeartbeatRequest read(const Broker& broker, const Call<ConsumerGroupHeartbeat>& call) {
  const Request& request = call.request();
  group::ConsumerHeartbeatRequest out;
  out.member_id = request.member_id;
  out.epoch = request.member_epoch;
  out.instance_id = owned(request.instance_id);
  out.rack_id = owned(request.rack_id);
  out.rebalance_timeout_ms = request.rebalance_timeout_ms;
  if (request.subscribed_topic_names.has_value())
    out.topic_names.emplace(request.subscribed_topic_names->begin(), request.subscribed_topic_names->end());
  out.topic_regex = owned(request.subscribed_topic_regex);
  out.assignor = owned(request.server_assignor);
  if (request.topic_partitions.has_value()) out.owned = partitions_of(*request.topic_partitions);
  out.client_id = call.client_id();
  out.client_host = host_of(call.peer());
  out.names_itself = call.version() >= kNamesItself;
  if (out.member_id.empty()) out.new_member_id = new_member_id(broker.host);
  return out;
}

// Any shard.
void answer(HeartbeatJob& job, const group::ConsumerHeartbeatResult& result) {
  Response response;
  response.error_code = result.error;
  if (!result.error_message.empty()) response.error_message = result.error_message;
  if (!result.member_id.empty()) response.member_id = result.member_id;
  response.member_epoch = result.epoch;
  response.heartbeat_interval_ms = result.heartbeat_interval_ms;
  if (result.assignment.has_value()) {
    Response::Assignment& out = response.assignment.emplace();
    for (const group::TopicPartitions& topic : *result.assignment)
      out.topic_partitions.push_back({topic.topic, topic.partitions});
  }
  job.call.answer(response);
}

}  // namespace

template <>
void handle<ConsumerGroupHeartbeat>(Broker& broker, Call<ConsumerGroupHeartbeat> call) {
  const auto job = std::make_shared<HeartbeatJob>(broker, std::move(call));
  const Request& request = job->call.request();
  if (!broker.groups->allows_consumer_groups())
    return answer(*job, group::refused({ErrorCode::kUnsupportedVersion, {}}));
  if (request.group_id.empty())
    return answer(*job, group::refused({ErrorCode::kInvalidRequest, "GroupId can't be empty."}));
  broker.groups->use(request.group_id, [job](ErrorCode error, GroupShard* groups) {
    if (groups == nullptr) return answer(*job, group::refused({error, {}}));
    groups->consumer_heartbeat(std::string(job->call.request().group_id), read(job->broker, job->call),
                               [job](const group::ConsumerHeartbeatResult& result) { answer(*job, result); });
  });
}

}  // namespace chronik::kafka
