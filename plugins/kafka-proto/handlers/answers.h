// What several handlers say in the same way.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kafka-proto/cluster/catalog_errors.h"
#include "kafka-proto/cluster/topic_names.h"
#include "kafka-proto/handlers/broker.h"
#include "kafka-proto/partition/directory.h"
#include "kafka-proto/wire/answer_room.h"
#include "kafka-proto/wire/errors.h"

namespace chronik::kafka {

// Operations on a topic or the cluster that everybody has where there is no authorizer:
// bits as in Kafka's AclOperation.
inline constexpr int32_t kTopicOperations =
    1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11;
inline constexpr int32_t kClusterOperations = 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 11 | 1 << 12;
inline constexpr int32_t kOperationsNotAsked = INT32_MIN;

// Whom the catalog knows as the leader of a partition that is not hosted here; one that is down is none.
LeaderHint leader_in_catalog(const Broker& broker, const Catalog& catalog, const chr_topic& topic,
                             int32_t index);

// Tells clients that understand it where to go instead (KIP-951): in the partition's part of an answer who
// leads, in the answer where that is.
template <class Response>
void add_leader(const Catalog& catalog, const LeaderHint& hint, Texts& texts, Response& response,
                typename Response::Partition& out) {
  out.current_leader.leader_id = hint.id;
  out.current_leader.leader_epoch = hint.epoch;
  if (hint.id < 0) return;
  for (const auto& known : response.node_endpoints) {
    if (known.node_id == hint.id) return;
  }
  for (const chr_broker& broker : catalog.brokers()) {
    if (broker.id != hint.id || broker.host.n == 0) continue;
    typename Response::NodeEndpoint endpoint;
    endpoint.node_id = hint.id;
    endpoint.host = texts.keep(std::string(from_abi(broker.host)));
    endpoint.port = broker.port;
    if (broker.rack.n != 0) endpoint.rack = texts.keep(std::string(from_abi(broker.rack)));
    response.node_endpoints.push_back(endpoint);
  }
}

// Where clients are to send changes, always one of those brokers that they are told of: the leader of __meta,
// else this node, else any. Each takes changes, and keeps them until there is a leader; a client that is told
// of a controller whose address it does not know sends nothing, and does not ask again.
int32_t controller_of(const Broker& broker, const Catalog& catalog, const std::vector<chr_broker>& usable);

// Of a partition that is not among those of PartitionMap, which follows the catalog a little later: what
// makes clients look again who leads it, or that it does not exist. id: where the request names the topic by
// it, else null.
ErrorCode not_hosted(const Broker& broker, std::string_view name, const chr_uuid* id, int32_t partition);
// The same, for those who ask for many.
ErrorCode not_hosted(const Catalog& catalog, std::string_view name, const chr_uuid* id, int32_t partition);

inline constexpr std::string_view kNamedTwice = "Duplicate topic name.";

// How often a request names each topic. Ordered, as all that is made of what clients name: they could choose
// names that a hash table has in one bucket.
template <class Topic>
std::map<std::string_view, int> count_names(const std::vector<Topic>& topics) {
  std::map<std::string_view, int> times;
  for (const Topic& topic : topics) ++times[topic.name];
  return times;
}

// The timeout of an admin request; Kafka's clients send tens of seconds.
inline uint64_t timeout_ns(int32_t timeout_ms) {
  constexpr int32_t kMinMs = 1;
  return static_cast<uint64_t>(timeout_ms < kMinMs ? kMinMs : timeout_ms) * 1'000'000;
}

// The brokers that clients are told of: those that said where they are and that are up.
// A node that sees no leader of __meta may be the one that is cut off, and tells of all;
// where the catalog has none yet, of itself.
std::vector<chr_broker> usable_brokers(const Broker& broker, const Catalog& catalog);
// Whether the catalog has any of them.
bool knows_brokers(const Broker& broker, const Catalog& catalog);

// A leader that is down is none: better that than a broker that does not answer.
inline bool is_led(const Broker& broker, const chr_partition& partition) {
  return partition.leader >= 0 && broker.is_up(partition.leader);
}

// What partitions are described from, for one answer: an image of the catalog, what is hosted here, and who
// is up, each node asked after once.
class Describing {
 public:
  Describing(const Broker& broker, const Catalog& catalog);
  const Broker& broker() const { return broker_; }
  const Catalog& catalog() const { return catalog_; }

  // One partition as Metadata and DescribeTopicPartitions describe it.
  template <class Described>
  Described partition(const chr_topic& topic, int32_t index) {
    Described out;
    out.partition_index = index;
    const std::optional<chr_partition> partition = catalog_.partition(topic, index);
    if (!partition.has_value()) {
      out.error_code = ErrorCode::kUnknownTopicOrPartition;
      return out;
    }
    const bool led = partition->leader >= 0 && is_up(partition->leader);
    out.leader_id = led ? partition->leader : -1;
    // Also without one: a client that forgot it would believe older metadata of another node.
    out.leader_epoch = static_cast<int32_t>(partition->term);
    out.error_code = led ? ErrorCode::kNone : ErrorCode::kLeaderNotAvailable;
    const Seen seen = seen_by_leader(topic, index, *partition);
    Partition::Members::each(*partition, [&](int32_t node) {
      out.replica_nodes.push_back(node);
      if (!is_up(node)) {
        out.offline_replicas.push_back(node);
      } else if (seen == nullptr || std::ranges::find(*seen, node) != seen->end()) {
        out.isr_nodes.push_back(node);
      }
    });
    return out;
  }

 private:
  // Who is in sync; null: all that are up.
  using Seen = std::shared_ptr<const std::vector<int32_t>>;
  Seen seen_by_leader(const chr_topic& topic, int32_t index, const chr_partition& partition);
  bool is_up(int32_t node);

  enum class Up : uint8_t { kNotAsked, kNo, kYes };
  const Broker& broker_;
  const Catalog& catalog_;
  const std::shared_ptr<const PartitionMap> map_;
  chr_uuid topic_{};  // the last one, as hosted here
  const HostedTopic* hosted_ = nullptr;
  std::array<Up, 1024> up_{};  // by id, as far as they are small
};

}  // namespace chronik::kafka
