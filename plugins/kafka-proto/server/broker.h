// Broker: what every handler works with. One per instance; made in start(), constant until stop except
// through its parts.
#pragma once

#include <chronik/consensus.h>
#include <chronik/draft/features.h>
#include <chronik/draft/groups.h>
#include <chronik/draft/liveness.h>
#include <chronik/draft/records.h>
#include <chronik/draft/throttle.h>
#include <chronik/draft/topic_changes.h>
#include <chronik/link.h>
#include <chronik/metadata.h>
#include <chronik/net.h>
#include <chronik/storage.h>
#include <chronik/host.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kafka-proto/configs/topic_config.h"
#include "kafka-proto/records/compression.h"
#include "kafka-proto/server/listen.h"
#include "kafka-proto/server/metrics.h"

namespace chronik::kafka {

class CatalogWaits;
class ConnectionSet;
class DynamicConfigs;
class Elections;
class FetchSessions;
class InSync;
class PartitionDirectory;
class ProducerIds;
class ReplicationThrottle;
class RequestBudget;
class Turns;
struct ApiEntry;

// The keys of the [kafka] table.
struct BrokerConfig {
  explicit BrokerConfig(const Host& host);

  uint32_t max_request_bytes;
  uint64_t queued_max_request_bytes;
  bool auto_create_topics;
  int32_t default_partitions;
  int32_t default_replication_factor;
  uint32_t fetch_max_bytes;  // the most that one Fetch answers, whatever the client asks
  uint32_t max_fetch_sessions;
  int64_t producer_id_expiration_ms;
  uint64_t replica_lag_time_max_ns;
  TopicConfig topic_defaults;
};

// A service of another plugin: its table and the first argument of its functions.
template <class Table>
struct Service {
  const Table* table = nullptr;
  void* self = nullptr;
};

struct Broker {
  explicit Broker(const Host& host);
  ~Broker();

  // Any shard: whether a node is up, which clients are told of; this node is, and on a host without links all
  // are. Where metadata does not say so, up is who is linked.
  bool is_up(int32_t node) const {
    if (node == host.node().id) return true;
    return liveness.table != nullptr ? liveness.table->is_up(liveness.self, node) != 0 : is_linked(node);
  }
  // Any shard: whether the link of this node to another one is up, by which replicas are fed.
  bool is_linked(int32_t node) const {
    return node == host.node().id || link == nullptr || link->is_up(host.self(), node) != 0;
  }

  Host host;
  BrokerConfig config;
  ServerMetrics metrics;
  std::atomic<uint32_t> open_calls{0};
  std::atomic<bool> stopping{false};
  // Where clients find this node; null until it listens, then the same for good.
  std::atomic<std::shared_ptr<const Address>> advertised;
  const chr_net_v1* net = nullptr;
  const chr_link_v1* link = nullptr;  // absent where there are no peers
  Service<chr_metadata_v1> metadata;
  Service<chr_consensus_v1> consensus;
  Service<chr_groups_v1> groups;                // absent where consensus does not offer it
  Service<chr_throttle_v1> throttle;            // likewise
  Service<chr_features_v1> features;            // absent where metadata does not offer it
  Service<chr_records_v1> records;              // likewise
  Service<chr_liveness_v1> liveness;            // likewise
  Service<chr_topic_changes_v1> topic_changes;  // likewise
  Service<chr_storage_v1> storage;  // asked how full it is, and nothing else; absent where there is none
  std::unique_ptr<RequestBudget> requests;
  // One per shard, each touched on its shard only.
  std::vector<std::unique_ptr<Codecs>> codecs;
  std::vector<std::unique_ptr<ConnectionSet>> connections;
  std::vector<std::unique_ptr<Turns>> turns;
  std::unique_ptr<DynamicConfigs> dynamic_configs;
  std::unique_ptr<PartitionDirectory> partitions;
  std::unique_ptr<FetchSessions> fetch_sessions;
  std::unique_ptr<ProducerIds> producer_ids;
  std::unique_ptr<Elections> elections;
  std::unique_ptr<CatalogWaits> catalog_waits;
  std::unique_ptr<InSync> in_sync;
  std::unique_ptr<ReplicationThrottle> replication_throttle;
};

// The level of chronik.version that brought records, and frames of InSync.
inline constexpr int16_t kRecordsLevel = 2;

// An image of the catalog, held for as long as this lives.
class Catalog {
 public:
  explicit Catalog(const Broker& broker)
      : service_(broker.metadata),
        features_(broker.features),
        records_(broker.records),
        topic_changes_(broker.topic_changes),
        controller_(service_.table->controller(service_.self)),
        catalog_(service_.table->catalog(service_.self)) {}
  ~Catalog() { service_.table->release(service_.self, catalog_); }
  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;

  uint64_t version() const { return service_.table->version(service_.self, catalog_); }
  std::string_view cluster_id() const {
    return from_abi(service_.table->cluster_id(service_.self, catalog_));
  }
  // -1: none is known, and what is not in the catalog may exist. As of before the image.
  int32_t controller() const { return controller_; }
  uint32_t topic_count() const { return service_.table->n_topics(service_.self, catalog_); }
  // Empty: there is none.
  std::optional<chr_topic> topic_at(uint32_t i) const;
  std::optional<chr_topic> topic(std::string_view name) const;
  std::optional<chr_topic> topic(const chr_uuid& id) const;
  std::optional<chr_partition> partition(const chr_topic& topic, int32_t partition) const;
  std::vector<std::pair<std::string_view, std::string_view>> configs(const chr_topic& topic) const;
  std::vector<chr_broker> brokers() const;
  uint32_t broker_count() const { return service_.table->n_brokers(service_.self, catalog_); }
  // Whether metadata tells what became of topics since an older image, leaders aside.
  using TopicChanged = std::function<void(const chr_topic_change& change)>;
  bool tells_changes() const { return topic_changes_.table != nullptr; }
  void each_change_since(const Catalog& before, const TopicChanged& changed) const;
  // What this node knows of each feature, and what is finalized.
  std::vector<chr_feature> features() const;
  // The level of the feature chronik.version that the cluster agreed to write.
  int16_t level() const;
  // Keys that begin with the prefix, and their values.
  std::vector<std::pair<std::string_view, std::string_view>> records(std::string_view space,
                                                                     std::string_view prefix) const;

 private:
  Service<chr_metadata_v1> service_;
  Service<chr_features_v1> features_;
  Service<chr_records_v1> records_;
  Service<chr_topic_changes_v1> topic_changes_;
  int32_t controller_;
  chr_catalog* catalog_;
};

}  // namespace chronik::kafka
