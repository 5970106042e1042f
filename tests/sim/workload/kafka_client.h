// A Kafka client of the simulator: connections that speak the wire protocol, and what Metadata said.
#pragma once

#include "sim/net/net.h"

#include <chronik/result.hpp>

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "kafka-proto/messages/metadata.h"
#include "kafka-proto/wire/frame.h"

namespace chronik::sim {

// One connection to one address; made anew when it is needed and gone.
class KafkaLink final : public ClientSink {
 public:
  // An error: the request got no answer; it may have been carried out.
  using Answer = std::function<void(Result<kafka::Reader>)>;

  KafkaLink(World& world, Net& net, std::string address)
      : world_(world), net_(net), address_(std::move(address)), rng_(world.stream(address_)) {}
  ~KafkaLink() override { net_.close(socket_); }

  // The frame carries `correlation`, which next_correlation() gave. Returns a number of the connection.
  uint64_t call(const kafka::ApiInfo& api, int16_t version, int32_t correlation, const kafka::OutFrame& frame,
                uint64_t timeout_ns, Answer answer);
  int32_t next_correlation() { return next_correlation_++; }
  // Closes the connection; what is asked ends without an answer.
  void hang_up();

  void connected(uint64_t socket) override;
  void received(uint64_t socket, std::string_view bytes) override;
  void disconnected(uint64_t socket) override;

 private:
  struct Pending {
    int32_t correlation;
    const kafka::ApiInfo* api;
    int16_t version;
    Answer answer;
  };
  void fail_all(std::string_view why);

  World& world_;
  Net& net_;
  const std::string address_;
  Rng rng_;
  uint64_t socket_ = 0;  // 0: none
  bool open_ = false;
  std::string unsent_;  // while connecting
  std::string received_;
  std::deque<Pending> pending_;
  int32_t next_correlation_ = 1;
};

// Versions of one client, drawn once.
struct KafkaVersions {
  int16_t produce = 11, fetch = 12, metadata = 12, init_producer_id = 4, create_topics = 6, list_offsets = 6;
  static KafkaVersions draw(Rng& rng);
};

struct PartitionLeader {
  int32_t node = -1;
  int32_t epoch = -1;
};

class KafkaClient {
 public:
  KafkaClient(World& world, Net& net, uint32_t nodes, std::string name);

  // Api names a request and its response. done(Result<Response>). Returns a number of the connection that the
  // request went to.
  template <class Api, class Done>
  uint64_t call(uint32_t node, int16_t version, const typename Api::Request& request, uint64_t timeout_ns,
                Done done);

  // Asks some node who leads the partitions of the topic; at most one question at a time.
  void refresh(std::string_view topic, std::function<void()> done);
  // By partition; empty before the first answer. An answer never replaces one of a newer epoch.
  const std::vector<PartitionLeader>& leaders() const { return leaders_; }
  const chr_uuid& topic_id() const { return topic_id_; }

  const KafkaVersions versions;
  Rng& rng() { return rng_; }
  // Closes all connections, as the end of its process does.
  void hang_up() {
    for (const auto& [node, link] : links_) link->hang_up();
  }
  uint32_t any_node() { return static_cast<uint32_t>(rng_.between(1, nodes_)); }

 private:
  void learn(const kafka::MetadataResponse& response, std::string_view topic);
  KafkaLink& link(uint32_t node);

  World& world_;
  Net& net_;
  const uint32_t nodes_;
  const std::string name_;
  Rng rng_;
  std::map<uint32_t, std::unique_ptr<KafkaLink>> links_;
  std::vector<PartitionLeader> leaders_;
  chr_uuid topic_id_{};
};

template <class Api, class Done>
uint64_t KafkaClient::call(uint32_t node, int16_t version, const typename Api::Request& request,
                           uint64_t timeout_ns, Done done) {
  using Response = typename Api::Response;
  KafkaLink& to = link(node);
  const int32_t correlation = to.next_correlation();
  const kafka::OutFrame frame = kafka::encode_request(version, correlation, std::string_view(name_), request);
  return to.call(kafka::api_info(Api::kApi), version, correlation, frame, timeout_ns,
                 [version, done = std::move(done), this](Result<kafka::Reader> body) {
                   if (!body) return done(Result<Response>(std::unexpected(body.error())));
                   Result<Response> response = Response::decode(*body, version);
                   if (!response)
                     world_.fail("wire", "an answer cannot be decoded: " + response.error().message);
                   done(std::move(response));
                 });
}

}  // namespace chronik::sim
