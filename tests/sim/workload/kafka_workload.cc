// Idempotent producers and consumers on one topic, through the wire protocol of kafka-proto. Every batch is
// sent until an answer says how it ended; consumers follow the leaders and read everything.
#include "sim/workload/kafka_bursts.h"
#include "sim/workload/kafka_client.h"
#include "sim/workload/kafka_history.h"
#include "sim/workload/kafka_members.h"
#include "sim/workload/record_counter.h"
#include "sim/workload/workload.h"

#include <fmt/format.h>
#include <chronik/host.hpp>

#include <algorithm>
#include <cstring>

#include "kafka-proto/messages/create_topics.h"
#include "kafka-proto/messages/fetch.h"
#include "kafka-proto/messages/init_producer_id.h"
#include "kafka-proto/messages/produce.h"
#include "kafka-proto/records/batch.h"
#include "kafka-proto/records/builder.h"
#include "kafka-proto/records/compression.h"
#include "kafka-proto/records/record.h"
#include "kafka-proto/wire/errors.h"

namespace chronik::sim {
namespace {

using kafka::ErrorCode;

constexpr std::string_view kTopic = "orders";
constexpr uint64_t kMostProducers = 6;
constexpr size_t kMaxWaiting = 20;  // batches of one producer and partition
constexpr uint64_t kTimeout = 10 * kSecond;

class KafkaWorkload final : public Workload {
 public:
  KafkaWorkload(Cluster& cluster, const WorkloadOptions& options);

  void node_running(Node&) override {}
  void node_down(Node&) override {}
  void node_stopping(Node&, std::function<void()> go_on) override { go_on(); }
  void change_members(uint32_t group, std::vector<int32_t> members) override {
    members_.change(group, std::move(members));
  }
  void replace(uint32_t gone, uint32_t by) override { members_.replace(gone, by); }
  void wind_down() override {
    winding_down_ = true;
    bursts_.wind_down();
    members_.wind_down();
    counter_.wind_down();
  }
  bool settled() override;
  std::string state() override;
  void finish() override {
    history_.finish();
    counter_.finish();
  }
  std::string summary() const override {
    return fmt::format("produced={} acked={} retries={} fetches={} refreshes={} moves={} counted={}",
                       history_.batches(), history_.acks(), retries_, fetches_, refreshes_, members_.taken(),
                       counter_.confirmed());
  }

 private:
  // What one producer has for one partition.
  struct Lane {
    std::deque<uint64_t> waiting;  // batch ids, the first one may be on its way
    std::vector<uint8_t> bytes;    // of the first one
    bool busy = false;
    int32_t next_sequence = 0;
  };
  struct Producer {
    std::unique_ptr<KafkaClient> client;
    int64_t id = -1;
    int16_t epoch = -1;
    std::vector<Lane> lanes;  // by partition
    bool refreshing = false;
  };
  struct Consumer {
    std::unique_ptr<KafkaClient> client;
    uint32_t partition = 0;
    int64_t offset = 0;
  };

  World& world() { return cluster_.world(); }
  void create_topic();
  void start_producer(Producer& producer);
  void generate();
  void add_batch(uint32_t producer, uint32_t partition);
  void pump(Producer& producer, uint32_t partition);
  void send(Producer& producer, uint32_t partition);
  void retry(Producer& producer, uint32_t partition);
  void produced(Producer& producer, uint32_t partition, const Result<kafka::ProduceResponse>& response);
  std::vector<uint8_t> build(int64_t producer, int16_t epoch, uint64_t id);
  void fetch(Consumer& consumer);
  void fetch_later(Consumer& consumer, uint64_t delay);
  void fetched(Consumer& consumer, int32_t epoch, const Result<kafka::FetchResponse>& response);
  void read_batches(Consumer& consumer, kafka::Bytes bytes);
  template <class F>
  void after(uint64_t delay, F fn) {
    world().loop.call(world().now() + delay, std::move(fn));
  }

  Cluster& cluster_;
  const WorkloadOptions options_;
  Rng rng_;
  KafkaHistory history_;
  KafkaClient admin_;
  KafkaMembers members_;
  RecordCounter counter_;
  kafka::Codecs codecs_;
  std::vector<Producer> producers_;
  std::vector<Consumer> consumers_;
  KafkaBursts bursts_;
  bool winding_down_ = false;
  bool last_sent_ = false;
  uint64_t retries_ = 0, fetches_ = 0, refreshes_ = 0;
};

KafkaWorkload::KafkaWorkload(Cluster& cluster, const WorkloadOptions& options)
    : cluster_(cluster),
      options_(options),
      rng_(cluster.world().stream("kafka")),
      history_(cluster.world(), options.groups),
      admin_(cluster.world(), cluster.net(), cluster.size(), "admin"),
      members_(cluster, admin_, kTopic, options.groups),
      counter_(cluster),
      producers_(cluster.world().stream("producers").between(1, kMostProducers)),
      consumers_(options.groups),
      bursts_(cluster.world(), history_,
              std::make_unique<KafkaClient>(cluster.world(), cluster.net(), cluster.size(), "bursts"), kTopic,
              options.groups,
              [this](uint64_t id) { return build(kafka::kNoProducerId, kafka::kNoProducerEpoch, id); }) {
  const auto client = [&](std::string name) {
    return std::make_unique<KafkaClient>(world(), cluster.net(), cluster.size(), std::move(name));
  };
  for (size_t i = 0; i < producers_.size(); ++i) {
    producers_[i].client = client(fmt::format("producer-{}", i));
    producers_[i].lanes.resize(options.groups);
  }
  for (uint32_t i = 0; i < options.groups; ++i) {
    consumers_[i].client = client(fmt::format("consumer-{}", i));
    consumers_[i].partition = i;
  }
  after(50 * kMillisecond, [this] { create_topic(); });
  counter_.begin();
}

void KafkaWorkload::create_topic() {
  kafka::CreateTopicsRequest request;
  auto& topic = request.topics.emplace_back();
  topic.name = kTopic;
  topic.num_partitions = static_cast<int32_t>(options_.groups);
  topic.replication_factor = static_cast<int16_t>(std::min(options_.replicas, cluster_.size()));
  request.timeout_ms = 5000;
  admin_.call<kafka::CreateTopics>(
      admin_.any_node(), admin_.versions.create_topics, request, kTimeout,
      [this](const Result<kafka::CreateTopicsResponse>& response) {
        const ErrorCode code = response && response->topics.size() == 1 ? response->topics[0].error_code
                                                                        : ErrorCode::kRequestTimedOut;
        if (code != ErrorCode::kNone && code != ErrorCode::kTopicAlreadyExists) {
          if (!kafka::is_retriable(code) && code != ErrorCode::kInvalidReplicationFactor) {
            return world().fail("create-topic", std::string(kafka::error_name(code)));
          }
          return after(200 * kMillisecond, [this] { create_topic(); });
        }
        for (Producer& producer : producers_) start_producer(producer);
        for (Consumer& consumer : consumers_) fetch_later(consumer, 1);
        after(1, [this] { generate(); });
        bursts_.start();
      });
}

// ---- producers
// -----------------------------------------------------------------------------------------------------

void KafkaWorkload::start_producer(Producer& producer) {
  kafka::InitProducerIdRequest request;
  request.transactional_id.reset();
  KafkaClient& client = *producer.client;
  client.call<kafka::InitProducerId>(
      client.any_node(), client.versions.init_producer_id, request, kTimeout,
      [this, &producer](const Result<kafka::InitProducerIdResponse>& response) {
        if (!response || response->error_code != ErrorCode::kNone) {
          return after(200 * kMillisecond, [this, &producer] { start_producer(producer); });
        }
        producer.id = response->producer_id;
        producer.epoch = response->producer_epoch;
        for (uint32_t p = 0; p < options_.groups; ++p) pump(producer, p);
      });
}

void KafkaWorkload::generate() {
  if (winding_down_) return;
  after(std::max<uint64_t>(rng_.around(kSecond / std::max<uint64_t>(options_.requests_per_s, 1)), 1),
        [this] { generate(); });
  const auto which = static_cast<uint32_t>(rng_.below(producers_.size()));
  const auto partition = static_cast<uint32_t>(rng_.below(options_.groups));
  add_batch(which, partition);
}

void KafkaWorkload::add_batch(uint32_t which, uint32_t partition) {
  Producer& producer = producers_[which];
  Lane& lane = producer.lanes[partition];
  world().trace.note(world().now(), kHarness, Kind::kWork, which << 16 | partition);
  if (lane.waiting.size() >= kMaxWaiting) return;
  const uint32_t records = options_.records_per_request;
  lane.waiting.push_back(history_.sent({partition, which, lane.next_sequence, records}));
  lane.next_sequence = kafka::sequence_after(lane.next_sequence, static_cast<int32_t>(records));
  pump(producer, partition);
}

// A record's value: the batch, its own number, and filling.
std::vector<uint8_t> KafkaWorkload::build(int64_t producer, int16_t epoch, uint64_t id) {
  const SentBatch& batch = history_.batch(id);
  kafka::BatchHeader fields;
  fields.producer_id = producer;
  fields.producer_epoch = epoch;
  fields.base_sequence = batch.once ? kafka::kNoSequence : batch.base_sequence;
  kafka::BatchBuilder builder(fields);
  std::vector<uint8_t> value(std::max<uint32_t>(options_.record_bytes, 12), static_cast<uint8_t>(id));
  std::memcpy(value.data(), &id, sizeof id);
  const int64_t now =
      cluster_.world().options.unix_ms + static_cast<int64_t>(cluster_.world().now() / kMillisecond);
  for (uint32_t i = 0; i < batch.records; ++i) {
    std::memcpy(value.data() + sizeof id, &i, sizeof i);
    builder.add(now, std::nullopt, kafka::Bytes(value));
  }
  auto bytes = builder.finish(codecs_);
  return bytes ? std::move(*bytes) : std::vector<uint8_t>();
}

void KafkaWorkload::pump(Producer& producer, uint32_t partition) {
  Lane& lane = producer.lanes[partition];
  if (lane.busy || lane.waiting.empty() || producer.id < 0) return;
  lane.busy = true;
  lane.bytes = build(producer.id, producer.epoch, lane.waiting.front());
  send(producer, partition);
}

void KafkaWorkload::send(Producer& producer, uint32_t partition) {
  KafkaClient& client = *producer.client;
  if (partition >= client.leaders().size() || client.leaders()[partition].node < 0)
    return retry(producer, partition);
  kafka::ProduceRequest request;
  request.acks = -1;
  request.timeout_ms = 5000;
  auto& topic = request.topic_data.emplace_back();
  topic.name = kTopic;
  topic.topic_id = client.topic_id();
  auto& part = topic.partition_data.emplace_back();
  part.index = static_cast<int32_t>(partition);
  part.records = kafka::Records(kafka::Bytes(producer.lanes[partition].bytes));
  client.call<kafka::Produce>(static_cast<uint32_t>(client.leaders()[partition].node),
                              client.versions.produce, request, kTimeout,
                              [this, &producer, partition](const Result<kafka::ProduceResponse>& response) {
                                produced(producer, partition, response);
                              });
}

void KafkaWorkload::retry(Producer& producer, uint32_t partition) {
  ++retries_;
  const auto again = [this, &producer, partition] {
    after(50 * kMillisecond + rng_.below(100 * kMillisecond),
          [this, &producer, partition] { send(producer, partition); });
  };
  if (producer.refreshing) return again();
  producer.refreshing = true;
  ++refreshes_;
  producer.client->refresh(kTopic, [&producer, again] {
    producer.refreshing = false;
    again();
  });
}

void KafkaWorkload::produced(Producer& producer, uint32_t partition,
                             const Result<kafka::ProduceResponse>& response) {
  if (!response || response->responses.size() != 1 ||
      response->responses[0].partition_responses.size() != 1) {
    return retry(producer, partition);
  }
  const auto& answer = response->responses[0].partition_responses[0];
  Lane& lane = producer.lanes[partition];
  if (answer.error_code != ErrorCode::kNone && answer.error_code != ErrorCode::kDuplicateSequenceNumber) {
    if (kafka::is_retriable(answer.error_code)) return retry(producer, partition);
    return world().fail("produce",
                        fmt::format("partition {}: {} for batch {} of producer {} (sequence {})", partition,
                                    kafka::error_name(answer.error_code), lane.waiting.front(), producer.id,
                                    history_.batch(lane.waiting.front()).base_sequence));
  }
  history_.acknowledged(lane.waiting.front(),
                        answer.error_code == ErrorCode::kNone ? answer.base_offset : -1);
  lane.waiting.pop_front();
  lane.busy = false;
  pump(producer, partition);
}

// ---- consumers
// -----------------------------------------------------------------------------------------------------

void KafkaWorkload::fetch_later(Consumer& consumer, uint64_t delay) {
  after(delay, [this, &consumer] { fetch(consumer); });
}

void KafkaWorkload::fetch(Consumer& consumer) {
  KafkaClient& client = *consumer.client;
  const uint32_t partition = consumer.partition;
  if (partition >= client.leaders().size() || client.leaders()[partition].node < 0) {
    ++refreshes_;
    return client.refresh(kTopic, [this, &consumer] { fetch_later(consumer, 100 * kMillisecond); });
  }
  const PartitionLeader leader = client.leaders()[partition];
  kafka::FetchRequest request;
  request.max_wait_ms = 500;
  request.min_bytes = 1;
  request.max_bytes = 1 << 20;
  auto& topic = request.topics.emplace_back();
  topic.topic = kTopic;
  topic.topic_id = client.topic_id();
  auto& part = topic.partitions.emplace_back();
  part.partition = static_cast<int32_t>(partition);
  part.current_leader_epoch = leader.epoch;
  part.fetch_offset = consumer.offset;
  part.partition_max_bytes = 1 << 18;
  ++fetches_;
  client.call<kafka::Fetch>(
      static_cast<uint32_t>(leader.node), client.versions.fetch, request, kTimeout,
      [this, &consumer, epoch = leader.epoch](const Result<kafka::FetchResponse>& response) {
        fetched(consumer, epoch, response);
      });
}

void KafkaWorkload::fetched(Consumer& consumer, int32_t epoch, const Result<kafka::FetchResponse>& response) {
  const auto look_again = [this, &consumer] {
    ++refreshes_;
    consumer.client->refresh(kTopic, [this, &consumer] { fetch_later(consumer, 100 * kMillisecond); });
  };
  if (!response) return look_again();
  if (response->error_code != ErrorCode::kNone || response->responses.size() != 1) return look_again();
  const auto& answer = response->responses[0].partitions.at(0);
  if (answer.error_code != ErrorCode::kNone) {
    if (kafka::is_retriable(answer.error_code)) return look_again();
    return world().fail("fetch", fmt::format("partition {}: {} at offset {} in epoch {}", consumer.partition,
                                             kafka::error_name(answer.error_code), consumer.offset, epoch));
  }
  history_.high_watermark(consumer.partition, epoch, answer.high_watermark);
  read_batches(consumer, answer.records.bytes());
  if (!world().failed()) fetch_later(consumer, 1);
}

void KafkaWorkload::read_batches(Consumer& consumer, kafka::Bytes bytes) {
  kafka::BatchCursor cursor(bytes);
  while (true) {
    const auto batch = cursor.next();
    if (!batch) return world().fail("fetch", batch.error().message);
    if (!*batch) return;
    const kafka::BatchHeader& header = (*batch)->header;
    if (!kafka::batch_crc_matches((*batch)->bytes)) {
      return world().fail(
          "fetch", fmt::format("partition {}: bad CRC at offset {}", consumer.partition, header.base_offset));
    }
    kafka::Bytes records = (*batch)->bytes.subspan(kafka::kBatchHeaderSize);
    const auto first = kafka::decode_record(records);
    if (!first || !first->value || first->value->size() < 12) {
      return world().fail("fetch", fmt::format("partition {}: offset {} holds no record of ours",
                                               consumer.partition, header.base_offset));
    }
    uint64_t id = 0;
    std::memcpy(&id, first->value->data(), sizeof id);
    history_.read(consumer.partition, header.base_offset, id, static_cast<uint32_t>(header.record_count));
    if (world().failed()) return;
    consumer.offset = header.last_offset() + 1;
  }
}

// Everything sent is answered, and everything acknowledged was read; then every
// partition takes something new.
bool KafkaWorkload::settled() {
  members_.look_again();
  if (!cluster_.all_running() || !members_.settled() || !counter_.settled()) return false;
  for (const Producer& producer : producers_) {
    for (const Lane& lane : producer.lanes) {
      if (!lane.waiting.empty()) return false;
    }
  }
  if (!bursts_.settled()) return false;
  for (uint32_t p = 0; p < options_.groups; ++p) {
    if (history_.read_up_to(p) < history_.acked_up_to(p)) return false;
  }
  if (std::exchange(last_sent_, true)) return true;
  for (uint32_t p = 0; p < options_.groups; ++p) add_batch(0, p);
  return false;
}

std::string KafkaWorkload::state() {
  std::string text;
  for (uint32_t p = 0; p < options_.groups; ++p) {
    size_t waiting = 0;
    for (const Producer& producer : producers_) waiting += producer.lanes[p].waiting.size();
    text += fmt::format("; partition {}: {} batches unanswered, read up to {}, acknowledged up to {}", p,
                        waiting, history_.read_up_to(p), history_.acked_up_to(p));
  }
  return text + (members_.settled() ? "" : members_.state()) + (counter_.settled() ? "" : counter_.state());
}

}  // namespace

std::unique_ptr<Workload> make_kafka_workload(Cluster& cluster, const WorkloadOptions& options) {
  return std::make_unique<KafkaWorkload>(cluster, options);
}

}  // namespace chronik::sim
