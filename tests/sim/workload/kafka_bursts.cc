#include "sim/workload/kafka_bursts.h"

#include <fmt/format.h>

#include <utility>

#include "kafka-proto/wire/errors.h"

namespace chronik::sim {
namespace {

using kafka::ErrorCode;

constexpr uint64_t kTimeout = 10 * kSecond;
constexpr uint64_t kBetweenBursts = 200 * kMillisecond;
constexpr uint64_t kMostInBurst = 4;
constexpr size_t kMostUnderWay = 40;

}  // namespace

KafkaBursts::KafkaBursts(World& world, KafkaHistory& history, std::unique_ptr<KafkaClient> client,
                         std::string_view topic, uint32_t partitions, Build build)
    : world_(world),
      history_(history),
      client_(std::move(client)),
      topic_(topic),
      partitions_(partitions),
      build_(std::move(build)) {}

void KafkaBursts::later() {
  world_.loop.call(world_.now() + 1 + client_->rng().around(kBetweenBursts), [this] { burst(); });
}

void KafkaBursts::burst() {
  if (winding_down_) return;
  later();
  const auto partition = static_cast<uint32_t>(client_->rng().below(partitions_));
  const bool led = partition < client_->leaders().size() && client_->leaders()[partition].node >= 0;
  if (!led) return refresh();
  for (uint64_t left = client_->rng().between(2, kMostInBurst); left > 0 && under_way_ < kMostUnderWay;
       --left)
    send(partition);
}

void KafkaBursts::send(uint32_t partition) {
  const uint64_t id =
      history_.sent({.partition = partition, .producer = kProducer, .records = 1, .once = true});
  const std::vector<uint8_t> bytes = build_(id);
  kafka::ProduceRequest request;
  request.acks = -1;
  request.timeout_ms = 5000;
  auto& topic = request.topic_data.emplace_back();
  topic.name = topic_;
  topic.topic_id = client_->topic_id();
  auto& part = topic.partition_data.emplace_back();
  part.index = static_cast<int32_t>(partition);
  part.records = kafka::Records(kafka::Bytes(bytes));
  ++under_way_;
  const auto connection = std::make_shared<uint64_t>(0);
  const auto node = static_cast<uint32_t>(client_->leaders()[partition].node);
  *connection =
      client_->call<kafka::Produce>(node, client_->versions.produce, request, kTimeout,
                                    [this, id, connection](const Result<kafka::ProduceResponse>& response) {
                                      ended(id, *connection, response);
                                    });
}

// A batch that failed, or of which nobody knows, is left as it is.
void KafkaBursts::ended(uint64_t id, uint64_t connection, const Result<kafka::ProduceResponse>& response) {
  --under_way_;
  if (!response || response->responses.size() != 1) return refresh();
  const auto& answer = response->responses[0].partition_responses.at(0);
  if (answer.error_code == ErrorCode::kNone)
    return history_.acknowledged_in_order(id, connection, answer.base_offset);
  if (!kafka::is_retriable(answer.error_code))
    return world_.fail("produce", fmt::format("{} for batch {}, which was sent once",
                                              kafka::error_name(answer.error_code), id));
  refresh();
}

void KafkaBursts::refresh() {
  if (std::exchange(refreshing_, true)) return;
  client_->refresh(topic_, [this] { refreshing_ = false; });
}

}  // namespace chronik::sim
