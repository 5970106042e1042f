// A client that sends batches without waiting for answers, and none twice: those of one connection that are
// acknowledged stand in the order in which they were sent, whatever happens to others.
#pragma once

#include "sim/workload/kafka_client.h"
#include "sim/workload/kafka_history.h"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka-proto/messages/produce.h"

namespace chronik::sim {

class KafkaBursts {
 public:
  static constexpr uint32_t kProducer = UINT32_MAX;  // in the history
  // Makes the bytes of a batch of the history.
  using Build = std::function<std::vector<uint8_t>(uint64_t id)>;

  KafkaBursts(World& world, KafkaHistory& history, std::unique_ptr<KafkaClient> client,
              std::string_view topic, uint32_t partitions, Build build);

  // The topic is there.
  void start() { later(); }
  void wind_down() { winding_down_ = true; }
  // Everything that was sent has ended.
  bool settled() const { return under_way_ == 0; }

 private:
  void later();
  void burst();
  void send(uint32_t partition);
  void ended(uint64_t id, uint64_t connection, const Result<kafka::ProduceResponse>& response);
  void refresh();

  World& world_;
  KafkaHistory& history_;
  const std::unique_ptr<KafkaClient> client_;
  const std::string_view topic_;
  const uint32_t partitions_;
  const Build build_;
  size_t under_way_ = 0;
  bool refreshing_ = false;
  bool winding_down_ = false;
};

}  // namespace chronik::sim
