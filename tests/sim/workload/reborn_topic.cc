#include "sim/workload/reborn_topic.h"

#include <fmt/format.h>

#include <algorithm>

#include "kafka-proto/messages/create_topics.h"
#include "kafka-proto/messages/delete_topics.h"
#include "kafka-proto/messages/metadata.h"

namespace chronik::sim {
namespace {

using kafka::ErrorCode;

constexpr std::string_view kName = "reborn";
constexpr uint64_t kTimeout = 8 * kSecond;
constexpr int16_t kFetchById = 10, kDeleteById = 6;

std::string text_of(const chr_uuid& id) {
  std::string out = fmt::format("{} ", kName);
  for (const uint8_t byte : id.b) out += fmt::format("{:02x}", byte);
  return out;
}

}  // namespace

RebornTopic::RebornTopic(GroupParts& parts)
    : parts_(parts), client_(parts, "reborn"), rng_(parts.world().stream("reborn topic")) {}

void RebornTopic::later() {
  World& world = parts_.world();
  world.loop.call(world.now() + 20 * kMillisecond + rng_.below(600 * kMillisecond), [this] {
    if (settled()) return;
    if (!is_busy_) step();
    later();
  });
}

void RebornTopic::step() {
  const std::string group(kSimpleGroup);
  if (client_.coordinator(group) == 0) {
    is_busy_ = true;
    return client_.find(group, [this] { is_busy_ = false; });
  }
  if (place_ == Place::kGone) return make();
  if (place_ == Place::kMade) return learn();
  if (place_ == Place::kGoing) return remove();
  winding_down_ || rng_.chance(0.2) ? remove() : use();
}

void RebornTopic::make() {
  kafka::CreateTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = kName;
  topic.num_partitions = 1;
  topic.replication_factor = 1;
  request.timeout_ms = 5000;
  is_busy_ = true;
  client_.wire().call<kafka::CreateTopics>(
      client_.wire().any_node(), 6, request, kTimeout,
      [this](const Result<kafka::CreateTopicsResponse>& response) {
        is_busy_ = false;
        if (!response || response->topics.size() != 1) return;
        const ErrorCode error = response->topics[0].error_code;
        if (error == ErrorCode::kNone || error == ErrorCode::kTopicAlreadyExists) place_ = Place::kMade;
      });
}

void RebornTopic::learn() {
  kafka::MetadataRequest request;
  request.topics.emplace().emplace_back().name = kName;
  request.allow_auto_topic_creation = false;
  is_busy_ = true;
  client_.wire().call<kafka::Metadata>(
      client_.wire().any_node(), client_.wire().versions.metadata, request, kTimeout,
      [this](const Result<kafka::MetadataResponse>& response) {
        is_busy_ = false;
        if (!response || response->topics.size() != 1) return;
        // The one that was there is gone since.
        if (response->topics[0].error_code == ErrorCode::kUnknownTopicOrPartition) place_ = Place::kGone;
        if (response->topics[0].error_code != ErrorCode::kNone) return;
        // A node that is behind shows one from before, or one that did not know it yet said that it was gone.
        const bool is_before = deleted_.contains(text_of(response->topics[0].topic_id));
        place_ = is_before ? Place::kGoing : Place::kKnown;
        if (is_before) return;
        id_ = response->topics[0].topic_id;
        ++times_;
      });
}

void RebornTopic::use() {
  const OffsetKey key{std::string(kSimpleGroup), text_of(id_), 0};
  if (rng_.chance(0.5)) return commit_offset(parts_, client_, key, kName, id_, {.min_version = kFetchById});
  is_busy_ = true;
  fetch_offsets(parts_, client_, {key.group, key.topic, kName, id_, {0}, kFetchById},
                [this](uint32_t) { is_busy_ = false; });
}

// By its id: a request that comes late does not hit the next one. What the topic has is not looked at from now on.
void RebornTopic::remove() {
  kafka::DeleteTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.topic_id = id_;
  request.timeout_ms = 5000;
  is_busy_ = true;
  place_ = Place::kGoing;
  parts_.goes(id_);
  client_.wire().call<kafka::DeleteTopics>(
      client_.wire().any_node(), kDeleteById, request, kTimeout,
      [this](const Result<kafka::DeleteTopicsResponse>& response) {
        is_busy_ = false;
        if (!response || response->responses.size() != 1) return;
        const ErrorCode error = response->responses[0].error_code;
        if (error != ErrorCode::kNone && error != ErrorCode::kUnknownTopicId) return;
        deleted_.insert(text_of(id_));
        place_ = Place::kGone;
      });
}

}  // namespace chronik::sim
