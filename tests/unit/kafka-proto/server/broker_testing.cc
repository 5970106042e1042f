#include "server/broker_testing.h"

#include <fmt/format.h>
#include <chronik/testing/config_defaults.hpp>

#include "kafka-proto/messages/fetch.h"
#include "kafka-proto/messages/produce.h"
#include "kafka-proto/records/builder.h"

namespace chronik::kafka::testing {
namespace {

const chr_plugin_v1& table() {
  chr_offer offer{};
  offer.struct_size = sizeof offer;
  offer.abi_major = CHR_ABI_MAJOR;
  offer.abi_minor = CHR_ABI_MINOR;
  static const chr_plugin_v1* const found = chronik_plugin_v1(&offer, nullptr);
  return *found;
}

}  // namespace

std::string to_text(const OutFrame& frame) {
  const std::vector<uint8_t> bytes = frame.copy();
  return {bytes.begin(), bytes.end()};
}
std::string to_text(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

std::optional<std::string> TestClient::next_frame() {
  std::string& in = wire_->received;
  if (in.size() < kFramePrefix) return std::nullopt;
  uint32_t size = 0;
  for (size_t i = 0; i < kFramePrefix; ++i) size = size << 8 | static_cast<uint8_t>(in[i]);
  if (in.size() < kFramePrefix + size) return std::nullopt;
  std::string frame = in.substr(kFramePrefix, size);
  in.erase(0, kFramePrefix + size);
  return frame;
}

TestBroker::TestBroker(Options options)
    : host(options.node, options.shards, options.seed,
           options.links ? FakeHost::Link::kRecorded : FakeHost::Link::kNone),
      net(&host),
      consensus(&host),
      metadata(&host),
      features(&host, &metadata),
      records(&host, &metadata),
      topic_changes(&host, &metadata),
      nodes(&host, &metadata),
      uniform(&host, "uniform"),
      range(&host, "range") {
  host.config_list("listen", {"127.0.0.1:9092"});
  host.config_list("group_consumer_assignors", std::vector<std::string>{"uniform", "range"});
  host.config_string("group_consumer_migration_policy", "bidirectional");
  give_config_defaults(host, table());
  host.config_int("default_replication_factor", 1);
  host.config_int("fetch_max_bytes", 55 << 20);
  if (options.start) start();
}

void TestBroker::start() {
  chr_error error = make_abi_error();
  if (table().create(host.core(), to_abi("{}"), &plugin_, &error) != CHR_OK)
    throw std::runtime_error(error.message);
  if (table().start(plugin_, 0, &error) != CHR_OK) throw std::runtime_error(error.message);
  host.run();
}

void TestBroker::begin_stop() {
  uint64_t token = 0;
  host.on_shard(0, [&] { token = host.begin(&stopped_); });
  chr_error error = make_abi_error();
  if (table().stop(plugin_, token, &error) == CHR_OK) stopped_.token = token;
}

TestBroker::~TestBroker() {
  if (plugin_ == nullptr) return;
  consensus.hold_commits(false);
  consensus.hold_disk(false);
  metadata.hold_changes(false);
  if (!stopped()) begin_stop();
  for (int i = 0; i < 1000 && !stopped(); ++i) host.advance(milliseconds(1));
  EXPECT_TRUE(stopped()) << "the plugin does not stop";
  host.advance(milliseconds(1));
  table().destroy(plugin_);
  EXPECT_EQ(metadata.open_images(), 0u);
  EXPECT_EQ(host.open_timers(), 0u);
  EXPECT_TRUE(host.fatals().empty());
}

TestClient TestBroker::client(uint32_t shard) {
  std::shared_ptr<FakeNet::Client> wire = net.connect(shard);
  if (wire == nullptr) throw std::runtime_error("the connection was refused");
  return {host, std::move(wire)};
}

chr_uuid TestBroker::add_topic(const std::string& name, int32_t partitions,
                               std::map<std::string, std::string> configs, int32_t factor) {
  const chr_uuid id = metadata.add_topic(name, partitions, factor, std::move(configs));
  host.run();
  return id;
}

std::string TestBroker::group(const std::string& topic, int32_t partition) const {
  std::string name;
  for (const uint8_t byte : metadata.topic(topic).id.b) name += fmt::format("{:02x}", byte);
  return fmt::format("{}.{}", name, partition);
}

std::string TestBroker::batch(BatchOptions options) {
  BatchHeader fields;
  fields.producer_id = options.producer;
  fields.producer_epoch = options.epoch;
  fields.base_sequence = options.sequence;
  BatchBuilder builder(fields);
  const int64_t now = host.unix_start_ms + static_cast<int64_t>(host.now_ns() / 1'000'000);
  for (int i = 0; i < options.records; ++i) {
    std::string value = fmt::format("value {}", ++values_);
    value.resize(options.value_size, '.');
    builder.add(options.timestamp != 0 ? options.timestamp + i : now, std::nullopt,
                Bytes(reinterpret_cast<const uint8_t*>(value.data()), value.size()));
  }
  Codecs codecs;
  const auto bytes = builder.finish(codecs, options.codec);
  return {bytes->begin(), bytes->end()};
}

ProduceRequest produce_request(std::string_view topic, int32_t partition, const std::string& records,
                               int16_t acks) {
  ProduceRequest request;
  request.acks = acks;
  request.timeout_ms = 30'000;
  ProduceRequest::Topic& t = request.topic_data.emplace_back();
  t.name = topic;
  ProduceRequest::Partition& p = t.partition_data.emplace_back();
  p.index = partition;
  p.records = Records(Bytes(reinterpret_cast<const uint8_t*>(records.data()), records.size()));
  return request;
}

FetchRequest::Partition fetch_partition(int32_t partition, int64_t offset) {
  FetchRequest::Partition p;
  p.partition = partition;
  p.fetch_offset = offset;
  p.partition_max_bytes = 1 << 20;
  return p;
}

FetchRequest fetch_request(std::string_view topic, int32_t partition, int64_t offset) {
  FetchRequest request;
  request.max_wait_ms = 500;
  request.min_bytes = 1;
  request.max_bytes = 50 << 20;
  FetchRequest::Topic& t = request.topics.emplace_back();
  t.topic = topic;
  t.partitions.push_back(fetch_partition(partition, offset));
  return request;
}

FetchRequest fetch_request(const chr_uuid& topic, int32_t partition, int64_t offset) {
  FetchRequest request = fetch_request("", partition, offset);
  request.topics[0].topic_id = topic;
  return request;
}

const ProduceResponse::Partition& only(const ProduceResponse& response) {
  static const ProduceResponse::Partition kNone;
  EXPECT_EQ(response.responses.size(), 1u);
  if (response.responses.empty() || response.responses[0].partition_responses.empty()) return kNone;
  return response.responses[0].partition_responses[0];
}

const FetchResponse::Partition& only(const FetchResponse& response) {
  static const FetchResponse::Partition kNone;
  EXPECT_EQ(response.responses.size(), 1u);
  if (response.responses.empty() || response.responses[0].partitions.empty()) return kNone;
  return response.responses[0].partitions[0];
}

std::string text_of(const Records& records) { return to_text(records.bytes()); }

}  // namespace chronik::kafka::testing
