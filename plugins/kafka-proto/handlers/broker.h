// Broker: what the handlers work with. One per instance; plugin.cc makes its parts at the start, and they stay
// until the stop.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "kafka-proto/cluster/services.h"
#include "kafka-proto/configs/broker_config_rows.h"
#include "kafka-proto/records/compression.h"

namespace chronik::kafka {

class CatalogWaits;
class ControllerView;
class Elections;
class FetchSessions;
class GroupCoordinator;
class InSync;
class InternalTopic;
class PartitionDirectory;
class PeerCalls;
class PeerChannel;
class ProducerIds;

struct Broker : Services {
  explicit Broker(const Host& host);
  ~Broker();

  ConfigSources config_sources() const { return {*this, config, *dynamic_configs, advertised}; }

  const BrokerConfig config;
  // Where clients find this node; null until it listens, then the same for good.
  std::atomic<std::shared_ptr<const Address>> advertised;
  std::vector<std::unique_ptr<Codecs>> codecs;  // one per shard, each touched on its shard only
  std::unique_ptr<DynamicConfigs> dynamic_configs;
  std::unique_ptr<ControllerView> controller;
  std::unique_ptr<CatalogWaits> catalog_waits;
  std::unique_ptr<PeerChannel> peer_channel;
  std::unique_ptr<PeerCalls> peers;
  std::unique_ptr<InSync> in_sync;
  std::unique_ptr<PartitionDirectory> partitions;
  std::unique_ptr<Elections> elections;
  std::unique_ptr<ProducerIds> producer_ids;
  std::unique_ptr<FetchSessions> fetch_sessions;
  std::unique_ptr<InternalTopic> offsets_topic;
  std::unique_ptr<GroupCoordinator> groups;
};

}  // namespace chronik::kafka
