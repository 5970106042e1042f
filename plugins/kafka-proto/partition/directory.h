// PartitionDirectory: which partitions this node hosts. Follows the catalog on shard 0; read from any shard.
#pragma once

#include <atomic>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "kafka-proto/cluster/catalog_waits.h"
#include "kafka-proto/cluster/controller_view.h"
#include "kafka-proto/cluster/in_sync.h"
#include "kafka-proto/configs/broker_config.h"
#include "kafka-proto/configs/dynamic_configs.h"
#include "kafka-proto/partition/codec_lane.h"
#include "kafka-proto/partition/partition.h"
#include "kafka-proto/partition/replication_throttle.h"
#include "kafka-proto/partition/strays.h"

namespace chronik::kafka {

struct TopicKey {
  chr_uuid id;
  bool operator==(const TopicKey& other) const { return same(id, other.id); }
};
struct TopicKeyHash {
  size_t operator()(const TopicKey& key) const {  // topic ids are random already
    size_t value = 0;
    std::memcpy(&value, key.id.b, sizeof value);
    return value;
  }
};

// One topic of the catalog, and the partitions of it that are hosted here (null: elsewhere).
struct HostedTopic {
  chr_uuid id{};
  std::string name;
  bool internal = false;
  std::vector<std::pair<std::string, std::string>> set;         // its explicit configs
  std::shared_ptr<const DynamicConfigs::State> broker_configs;  // what it inherits from
  std::shared_ptr<const TopicConfig> config;
  std::vector<std::shared_ptr<Partition>> partitions;

  bool has(int32_t index) const { return index >= 0 && static_cast<size_t>(index) < partitions.size(); }
};

// An immutable state of the directory.
class PartitionMap {
 public:
  const HostedTopic* find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : found->second.get();
  }
  const HostedTopic* find(const chr_uuid& id) const {
    const auto found = by_id_.find(TopicKey{id});
    return found == by_id_.end() ? nullptr : found->second.get();
  }
  // In place of what was there of its name and its id.
  void add(const std::shared_ptr<const HostedTopic>& topic) {
    remove(topic->id);
    by_name_.erase(topic->name);
    by_name_.emplace(topic->name, topic);
    by_id_[TopicKey{topic->id}] = topic;
  }
  void remove(const chr_uuid& id) {
    const auto found = by_id_.find(TopicKey{id});
    if (found == by_id_.end()) return;
    const auto named = by_name_.find(found->second->name);
    if (named != by_name_.end() && named->second == found->second) by_name_.erase(named);
    by_id_.erase(found);
  }
  const auto& topics() const { return by_id_; }

 private:
  // Keys are names of the topics themselves: a copy of a map copies no text.
  std::unordered_map<std::string_view, std::shared_ptr<const HostedTopic>> by_name_;
  std::unordered_map<TopicKey, std::shared_ptr<const HostedTopic>, TopicKeyHash> by_id_;
};

// What others make of it. Shard 0.
struct DirectoryHooks {
  // A partition that is about to open, and may still get observers.
  std::function<void(Partition& partition)> hosted;
  // The catalog has changed, or who leads; what is hosted follows later.
  std::function<void(const Catalog& catalog)> changed;
};

class PartitionDirectory {
 public:
  PartitionDirectory(Services& services, const BrokerConfig& config, DynamicConfigs& configs, InSync& in_sync,
                     ControllerView& controller, CatalogWaits& waits);
  // Before start().
  void set_hooks(DirectoryHooks hooks) { hooks_ = std::move(hooks); }

  // Any shard.
  std::shared_ptr<const PartitionMap> map() const {
    const std::lock_guard lock(mutex_);
    return map_;
  }

  // Any shard. Where codecs work on the batches of all partitions,
  // if they have more to do than a turn allows.
  CodecLane& codec_lane() const { return *codec_lane_; }

  // Any shard. Whether the members of partitions are as new as what the leader of the catalog said last; not
  // while none is known.
  bool is_current() const { return seen_.is_current.load(std::memory_order_relaxed); }

  // Any shard. The level of chronik.version that the cluster agreed to write.
  int16_t level() const { return seen_.level.load(std::memory_order_relaxed); }

  // Shard 0. Follows the catalog from now on.
  void start();
  // Shard 0. A link to another node came or went: the leaders here look at who is in sync.
  void links_changed();
  // Any shard. The leader here has made these nodes the members: the catalog shall show it.
  void members_changed(const std::shared_ptr<Partition>& partition, const std::vector<int32_t>& now);
  // Shard 0. Closes every partition, for which consensus lets others take over what is led here; done() on
  // shard 0 once none has a callback any more.
  void stop(std::function<void()> done);

 private:
  // The open partitions of a shard, touched there only.
  struct Shard {
    std::vector<std::shared_ptr<Partition>> partitions;
    uint64_t timer = 0;
    bool stopped = false;
  };
  // By topic and index: an order that is the same wherever the partitions stand in memory.
  struct ByPartition {
    bool operator()(const std::shared_ptr<Partition>& a, const std::shared_ptr<Partition>& b) const {
      const int topics = std::memcmp(a->id().topic.b, b->id().topic.b, sizeof a->id().topic.b);
      if (topics != 0) return topics < 0;
      return a->id().index != b->id().index ? a->id().index < b->id().index : a < b;
    }
  };
  struct Tick {
    PartitionDirectory* directory;
    uint32_t shard;
  };

  PartitionContext make_context(const BrokerConfig& config, InSync& in_sync);
  void follow_catalog();
  void publish(const Catalog& catalog);
  std::shared_ptr<const PartitionMap> make_map(const Catalog& catalog);
  std::shared_ptr<const PartitionMap> change_map(const Catalog& catalog);
  std::shared_ptr<const HostedTopic> host(const Catalog& catalog, const chr_topic& topic,
                                          const HostedTopic* before);
  std::shared_ptr<Partition> host_partition(const chr_topic& topic, int32_t index, Partition::Members members,
                                            std::shared_ptr<const TopicConfig> config);
  void keep_partition(const std::shared_ptr<Partition>& partition, Partition::Members members,
                      std::shared_ptr<const TopicConfig> config);
  void finish_changes();
  void open(const std::shared_ptr<Partition>& partition);
  void close(const std::shared_ptr<Partition>& partition, Partition::Log log, std::function<void()> done);
  void remove_topic(const HostedTopic& topic);
  void one_closed();
  void closed(const Partition& partition);
  void opened(const std::shared_ptr<Partition>& partition, const Status& status);
  void report_health();
  void upkeep(uint32_t shard);
  void schedule(uint32_t shard);
  static void CHR_CALL changed(void* self) { static_cast<PartitionDirectory*>(self)->follow_catalog(); }

  Services& services_;
  DynamicConfigs& configs_;
  ControllerView& controller_;
  CatalogWaits& waits_;
  mutable std::mutex mutex_;  // of map_
  std::shared_ptr<const PartitionMap> map_;
  std::vector<Shard> shards_;
  std::vector<Tick> ticks_;  // what the timers get
  const std::shared_ptr<CodecLane> codec_lane_;
  const PartitionContext context_;
  const uint64_t brokers_metric_;
  std::unique_ptr<const Catalog> shown_;  // what map_ shows
  struct {
    std::atomic<bool> is_current = false;
    std::atomic<int16_t> level = 1;  // of chronik.version
  } seen_;                           // of the catalog, for any shard
  std::set<std::string> closing_groups_;
  Strays strays_;
  ReplicationThrottle throttle_;
  // Replicas that come back before their group of before is gone, by its name.
  std::map<std::string, std::shared_ptr<Partition>> open_later_;
  // Members that the catalog does not show yet.
  std::map<std::shared_ptr<Partition>, std::vector<int32_t>, ByPartition> changed_;
  bool finishing_ = false;
  struct {
    size_t opening = 0;
    size_t closing = 0;
  } count_;                       // of partitions; what closes has a part of each shard, too
  std::set<std::string> failed_;  // that could not be opened, by their labels
  DirectoryHooks hooks_;
  std::function<void()> stopped_;
  bool followed_ = false;
  bool stopping_ = false;
};

}  // namespace chronik::kafka
