// A whole kafka-proto plugin in virtual time, between fakes of everything around it, and clients that speak
// real wire bytes to it.
#pragma once

#include <chronik/plugin.h>
#include <gtest/gtest.h>
#include <chronik/testing/fake_assignor.hpp>
#include <chronik/testing/fake_consensus.hpp>
#include <chronik/testing/fake_features.hpp>
#include <chronik/testing/fake_metadata.hpp>
#include <chronik/testing/fake_net.hpp>
#include <chronik/testing/fake_nodes.hpp>
#include <chronik/testing/fake_records.hpp>
#include <chronik/testing/fake_topic_changes.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kafka-proto/messages/fetch.h"
#include "kafka-proto/messages/produce.h"
#include "kafka-proto/records/batch.h"
#include "kafka-proto/wire/frame.h"

namespace chronik::kafka::testing {

using chronik::testing::FakeConsensus;
using chronik::testing::FakeFeatures;
using chronik::testing::FakeHost;
using chronik::testing::FakeMetadata;
using chronik::testing::FakeNet;
using chronik::testing::FakeNodes;
using chronik::testing::FakeRecords;
using chronik::testing::FakeTopicChanges;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string to_text(const OutFrame& frame);
std::string to_text(Bytes bytes);

// A client: sends requests, takes answers apart in the order in which they came.
class TestClient {
 public:
  TestClient(FakeHost& host, std::shared_ptr<FakeNet::Client> wire) : host_(host), wire_(std::move(wire)) {}

  // Sends, and lets nothing run. Returns the correlation id.
  template <class Api>
  int32_t send(int16_t version, const typename Api::Request& request) {
    wire_->send(to_text(encode_request(version, ++correlation_id_, "tester", request)));
    return correlation_id_;
  }
  // The next answer as a whole frame without its prefix; nothing: none came yet.
  std::optional<std::string> next_frame();
  // Decodes the next answer, which must be there and belong to correlation_id (0: any).
  template <class Api>
  typename Api::Response receive(int16_t version, int32_t correlation_id = 0) {
    const std::optional<std::string> frame = next_frame();
    if (!frame.has_value()) {
      ADD_FAILURE() << "no answer to " << Api::Request::kName << " v" << version;
      return {};
    }
    kept_.push_back(std::make_unique<std::string>(*frame));  // strings of the answer point into it
    auto in = open_response(bytes_of(*kept_.back()), api_info(Api::kApi), version);
    if (!in.has_value()) {
      ADD_FAILURE() << in.error().message;
      return {};
    }
    if (correlation_id != 0) {
      EXPECT_EQ(in->correlation_id, correlation_id);
    }
    auto response = Api::Response::decode(in->body, version);
    if (!response.has_value()) {
      ADD_FAILURE() << response.error().message;
      return {};
    }
    EXPECT_EQ(in->body.remaining(), 0u);
    return std::move(*response);
  }
  template <class Api>
  typename Api::Response call(int16_t version, const typename Api::Request& request) {
    const int32_t id = send<Api>(version, request);
    host_.run();
    return receive<Api>(version, id);
  }
  FakeNet::Client& wire() { return *wire_; }
  bool open() const { return wire_->open(); }

 private:
  static Bytes bytes_of(const std::string& text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  }
  FakeHost& host_;
  std::shared_ptr<FakeNet::Client> wire_;
  int32_t correlation_id_ = 0;
  std::vector<std::unique_ptr<std::string>> kept_;
};

struct BatchOptions {
  int records = 1;
  int64_t timestamp = 0;  // 0: now
  int64_t producer = kNoProducerId;
  int16_t epoch = kNoProducerEpoch;
  int32_t sequence = kNoSequence;
  Compression codec = Compression::kNone;
  size_t value_size = 10;
};

class TestBroker {
 public:
  struct Options {
    int32_t node = 1;
    uint32_t shards = 1;
    uint64_t seed = 1;
    bool start = true;
    bool links = false;  // whether the host has links to other nodes
  };
  TestBroker() : TestBroker(Options{}) {}
  explicit TestBroker(Options options);
  ~TestBroker();

  void start();
  // Begins the stop; true once it completed.
  void begin_stop();
  bool stopped() const { return stopped_.token != 0; }

  TestClient client(uint32_t shard = 0);
  // Creates a topic in the catalog and lets its partitions open.
  chr_uuid add_topic(const std::string& name, int32_t partitions = 1,
                     std::map<std::string, std::string> configs = {}, int32_t factor = 1);
  // The link to another node comes or goes.
  void set_link(int32_t node, bool up) {
    host.set_link("kafka", node, up);
    host.run();
  }
  std::string group(const std::string& topic, int32_t partition = 0) const;
  std::string batch(BatchOptions options = {});

  FakeHost host;
  FakeNet net;
  FakeConsensus consensus;
  FakeMetadata metadata;
  FakeFeatures features;
  FakeRecords records;
  FakeTopicChanges topic_changes;
  FakeNodes nodes;
  chronik::testing::FakeAssignor uniform, range;

 private:
  chr_plugin* plugin_ = nullptr;
  chr_done stopped_{};
  uint64_t values_ = 0;
};

// Requests about one partition.
ProduceRequest produce_request(std::string_view topic, int32_t partition, const std::string& records,
                               int16_t acks = -1);
FetchRequest fetch_request(std::string_view topic, int32_t partition, int64_t offset);
FetchRequest fetch_request(const chr_uuid& topic, int32_t partition, int64_t offset);
FetchRequest::Partition fetch_partition(int32_t partition, int64_t offset);

// The only partition of an answer.
const ProduceResponse::Partition& only(const ProduceResponse& response);
const FetchResponse::Partition& only(const FetchResponse& response);
std::string text_of(const Records& records);

}  // namespace chronik::kafka::testing
