// ConsumerMember: a member of a consumer group (KIP-848), as clients are; fetches nothing.
#pragma once

#include <string>
#include <vector>

#include "bench/groups/coordinator_link.h"
#include "bench/groups/embedded_protocol.h"
#include "kafka-proto/messages/consumer_group_heartbeat.h"

namespace chronik::bench {

class ConsumerMember {
 public:
  ConsumerMember(Loop& loop, std::vector<Address> bootstrap, std::string topic, std::string group,
                 std::string id);
  ~ConsumerMember();
  ConsumerMember(const ConsumerMember&) = delete;
  ConsumerMember& operator=(const ConsumerMember&) = delete;

  void join();
  int32_t epoch() const { return epoch_; }
  // What it was given last, and has.
  const Partitions& assigned() const { return assigned_; }

 private:
  // Says what it owns where that is news.
  void heartbeat(bool is_news);
  void answered(const kafka::ConsumerGroupHeartbeatResponse* answer);
  void heartbeat_later(milliseconds delay, bool is_news);

  Loop& loop_;
  const std::string topic_, group_, id_;
  CoordinatorLink link_;
  int32_t epoch_ = 0;
  chr_uuid topic_id_{};
  Partitions assigned_;
  Loop::Timer timer_{};
};

}  // namespace chronik::bench
