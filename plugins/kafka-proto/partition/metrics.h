// The time series of one partition, under the names of kafka_exporter, and the traffic of its topic.
#pragma once

#include <chronik/consensus.h>
#include <chronik/host.hpp>

#include <cstdint>
#include <string>

namespace chronik::kafka {

// `topic="orders"`, escaped as Prometheus wants it; topic names need no escaping, others are refused.
std::string topic_label(std::string_view topic);

// The gauge of how many partitions a topic has.
uint64_t topic_partitions_metric(const Host& host, std::string_view topic);

// Counters of a topic; the same series for every partition of it.
struct TopicTraffic {
  TopicTraffic(const Host& host, std::string_view topic);
  uint64_t in;
  uint64_t out;
};

// Gauges that the leader shows; they vanish with this object.
class PartitionMetrics {
 public:
  PartitionMetrics(const Host& host, std::string_view topic, int32_t index);
  ~PartitionMetrics();
  PartitionMetrics(const PartitionMetrics&) = delete;
  PartitionMetrics& operator=(const PartitionMetrics&) = delete;

  void report(const chr_group_bounds& bounds, bool preferred, size_t replicas);
  TopicTraffic traffic;

 private:
  void set(uint64_t metric, int64_t value, int64_t& last);

  const Host host_;
  uint64_t current_offset_, oldest_offset_, leader_, preferred_, replicas_;
  int64_t last_[5] = {-2, -2, -2, -2, -2};  // what is shown; no value that is ever reported
};

}  // namespace chronik::kafka
