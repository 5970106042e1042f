// A partition with three replicas, on this node and two others.
#pragma once

#include "kafka-proto/messages/metadata.h"
#include "kafka-proto/messages/produce.h"
#include "server/broker_testing.h"

namespace chronik::kafka::testing {

class ReplicationTest : public ::testing::Test {
 protected:
  ReplicationTest() {
    broker.metadata.set_broker({2, "two.example", 9094, "r2"});
    broker.metadata.set_broker({3, "three.example", 9096, ""});
    for (const int32_t peer : {2, 3}) broker.set_link(peer, true);
    broker.host.run();
  }
  void add(const std::string& topic, const std::string& min_in_sync = "1") {
    broker.add_topic(topic, 1, {{"min.insync.replicas", min_in_sync}}, 3);
  }
  ErrorCode produce(std::string_view topic, int16_t acks = -1) {
    const std::string records = broker.batch();
    return only(client.call<Produce>(9, produce_request(topic, 0, records, acks))).error_code;
  }
  // A replica that has nothing, and last had everything at a time.
  void lag(const std::string& topic, int32_t replica, uint64_t caught_up_ns = 0) {
    broker.consensus.set_member(broker.group(topic), {replica, 0, 1, 0, caught_up_ns, caught_up_ns});
  }
  MetadataResponse::Partition partition(std::string_view topic) {
    MetadataRequest request;
    request.topics.emplace().emplace_back().name = topic;
    metadata = client.call<Metadata>(12, request);
    return metadata.topics.at(0).partitions.at(0);
  }
  void look_again() { broker.host.advance(milliseconds(600)); }

  TestBroker broker{{.links = true}};
  TestClient client = broker.client();
  MetadataResponse metadata;
};

}  // namespace chronik::kafka::testing
