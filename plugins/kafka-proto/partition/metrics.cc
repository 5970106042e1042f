#include "kafka-proto/partition/metrics.h"

#include <fmt/format.h>

namespace chronik::kafka {

std::string topic_label(std::string_view topic) { return fmt::format("topic=\"{}\"", topic); }

uint64_t topic_partitions_metric(const Host& host, std::string_view topic) {
  return host.gauge("kafka_topic_partitions", "How many partitions the topic has.", topic_label(topic));
}

TopicTraffic::TopicTraffic(const Host& host, std::string_view topic)
    : in(host.counter("chronik_topic_bytes_total", "Bytes of record batches produced and fetched.",
                      topic_label(topic) + ",direction=\"in\"")),
      out(host.counter("chronik_topic_bytes_total", "Bytes of record batches produced and fetched.",
                       topic_label(topic) + ",direction=\"out\"")) {}

PartitionMetrics::PartitionMetrics(const Host& host, std::string_view topic, int32_t index)
    : traffic(host, topic), host_(host) {
  const std::string labels = fmt::format("{},partition=\"{}\"", topic_label(topic), index);
  current_offset_ = host.gauge("kafka_topic_partition_current_offset",
                               "The offset after the last committed record.", labels);
  oldest_offset_ =
      host.gauge("kafka_topic_partition_oldest_offset", "The offset of the oldest record.", labels);
  leader_ = host.gauge("kafka_topic_partition_leader", "The id of the node that leads.", labels);
  preferred_ = host.gauge("kafka_topic_partition_leader_is_preferred",
                          "1 where the preferred replica leads, else 0.", labels);
  replicas_ = host.gauge("kafka_topic_partition_replicas", "How many replicas there are.", labels);
}

PartitionMetrics::~PartitionMetrics() {
  for (const uint64_t metric : {current_offset_, oldest_offset_, leader_, preferred_, replicas_})
    host_.remove_metric(metric);
}

void PartitionMetrics::report(const chr_group_bounds& bounds, bool preferred, size_t replicas) {
  set(current_offset_, bounds.high_watermark, last_[0]);
  set(oldest_offset_, bounds.log_start, last_[1]);
  set(leader_, host_.node().id, last_[2]);
  set(preferred_, preferred ? 1 : 0, last_[3]);
  set(replicas_, static_cast<int64_t>(replicas), last_[4]);
}

void PartitionMetrics::set(uint64_t metric, int64_t value, int64_t& last) {
  if (last == value) return;
  last = value;
  host_.set(metric, static_cast<double>(value));
}

}  // namespace chronik::kafka
