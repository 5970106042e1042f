#include "kafka-proto/partition/directory.h"

#include <fmt/format.h>

#include <algorithm>

namespace chronik::kafka {

namespace {

constexpr uint64_t kUpkeepNs = 500'000'000;  // retention acts within a second

bool same_configs(const std::vector<std::pair<std::string, std::string>>& before,
                  const std::vector<std::pair<std::string_view, std::string_view>>& now) {
  return std::ranges::equal(
      before, now, [](const auto& a, const auto& b) { return a.first == b.first && a.second == b.second; });
}

}  // namespace

PartitionDirectory::PartitionDirectory(Services& services, const BrokerConfig& config,
                                       DynamicConfigs& configs, InSync& in_sync, ControllerView& controller,
                                       CatalogWaits& waits)
    : services_(services),
      configs_(configs),
      controller_(controller),
      waits_(waits),
      map_(std::make_shared<PartitionMap>()),
      shards_(services.host.shard_count()),
      codec_lane_(std::make_shared<CodecLane>(services.host)),
      context_(make_context(config, in_sync)),
      brokers_metric_(services.host.gauge("kafka_brokers", "How many brokers the cluster has.")),
      strays_(services, &closing_groups_),
      throttle_(services, configs, in_sync, *this) {
  for (uint32_t shard = 0; shard < shards_.size(); ++shard) ticks_.push_back({this, shard});
  // Before anything else could be ready.
  services_.host.health("partitions", CHR_HEALTH_NOT_READY, "the catalog was not read yet");
}

PartitionContext PartitionDirectory::make_context(const BrokerConfig& config, InSync& in_sync) {
  PartitionContext out;
  out.host = services_.host;
  out.consensus = services_.consensus.table();
  out.consensus_self = services_.consensus.self();
  out.throttle = services_.throttle.table;
  out.streams = services_.streams.table;
  out.streams_self = services_.streams.self;
  out.leader_bucket = ReplicationThrottle::kLeaderBucket;
  out.replica_lag_time_max_ns = config.replica_lag_time_max_ns;
  out.producer_id_expiration_ms = config.producer_id_expiration_ms;
  out.codec_lane = codec_lane_.get();
  out.is_up = [this](int32_t node) { return services_.is_up(node); };
  out.is_linked = [this](int32_t node) { return services_.is_linked(node); };
  out.is_catalog_current = [this] { return is_current(); };
  out.level = [this] { return level(); };
  out.report_in_sync = [&in_sync](const PartitionInfo& partition, uint64_t term,
                                  const std::vector<int32_t>& nodes) {
    in_sync.set({partition.id().topic, partition.id().index}, {static_cast<int32_t>(term), nodes});
  };
  out.members_changed = [this](const std::shared_ptr<Partition>& partition, const std::vector<int32_t>& now) {
    members_changed(partition, now);
  };
  return out;
}

void PartitionDirectory::start() { services_.metadata.watch(changed, this); }

void PartitionDirectory::stop(std::function<void()> done) {
  stopping_ = true;
  shown_.reset();
  stopped_ = std::move(done);
  services_.metadata.unwatch(changed, this);
  count_.closing += shards_.size();
  for (uint32_t shard = 0; shard < shards_.size(); ++shard) {
    services_.host.post(shard, [this, shard] {
      shards_[shard].stopped = true;
      services_.host.cancel_timer(std::exchange(shards_[shard].timer, 0));
      services_.host.post(0, [this] { one_closed(); });
    });
  }
  const std::shared_ptr<const PartitionMap> map = this->map();
  for (const auto& [key, topic] : map->topics()) {
    for (const std::shared_ptr<Partition>& partition : topic->partitions) {
      if (partition != nullptr) close(partition, Partition::Log::kStays, [] {});
    }
  }
}

void PartitionDirectory::links_changed() {
  if (stopping_) return;
  for (uint32_t shard = 0; shard < shards_.size(); ++shard) {
    services_.host.post(shard, [this, shard] {
      for (const std::shared_ptr<Partition>& partition : shards_[shard].partitions)
        partition->links_changed();
    });
  }
}

// Shard 0. A stop waits for deletions that were under way, too.
void PartitionDirectory::one_closed() {
  if (--count_.closing != 0 || stopped_ == nullptr) return;
  throttle_.stop();
  std::exchange(stopped_, nullptr)();
}

// Compares the catalog with what is hosted: opens what is new, closes and removes what was deleted. A change
// of leaders alone changes nothing here.
void PartitionDirectory::follow_catalog() {
  if (stopping_) return;
  auto catalog = std::make_unique<const Catalog>(services_);
  controller_.controller_changed(catalog->controller());
  followed_ = !catalog->cluster_id().empty();
  const bool current = catalog->controller() >= 0;
  if (hooks_.changed) hooks_.changed(*catalog);
  if (shown_ == nullptr || catalog->version() != shown_->version()) {
    seen_.level.store(catalog->level(), std::memory_order_relaxed);
    publish(*catalog);
    shown_ = std::move(catalog);
  }
  seen_.is_current.store(current, std::memory_order_relaxed);
  strays_.look_for_strays();
  report_health();
  waits_.changed();
}

void PartitionDirectory::publish(const Catalog& catalog) {
  const std::shared_ptr<const DynamicConfigs::State> configs = configs_.now();
  configs_.follow_catalog(catalog);
  const bool same_defaults = configs == configs_.now();
  throttle_.follow_catalog(catalog);  // before replicas come that it is for
  services_.host.set(brokers_metric_, static_cast<double>(catalog.broker_count()));
  const bool by_changes = shown_ != nullptr && same_defaults && catalog.tells_changes();
  const std::shared_ptr<const PartitionMap> before = map();
  const std::shared_ptr<const PartitionMap> after = by_changes ? change_map(catalog) : make_map(catalog);
  if (after == before) return;
  {
    const std::lock_guard lock(mutex_);
    map_ = after;
  }
  for (const auto& [key, topic] : before->topics()) {
    if (after->find(key.id) == nullptr) remove_topic(*topic);
  }
}

std::shared_ptr<const PartitionMap> PartitionDirectory::make_map(const Catalog& catalog) {
  const std::shared_ptr<const PartitionMap> before = map();
  auto after = std::make_shared<PartitionMap>();
  for (uint32_t i = 0; i < catalog.topic_count(); ++i) {
    const std::optional<chr_topic> topic = catalog.topic_at(i);
    if (topic.has_value()) after->add(host(catalog, *topic, before->find(topic->id)));
  }
  return after;
}

// The same map where nothing became of any topic.
std::shared_ptr<const PartitionMap> PartitionDirectory::change_map(const Catalog& catalog) {
  const std::shared_ptr<const PartitionMap> before = map();
  std::shared_ptr<PartitionMap> after;
  catalog.each_change_since(*shown_, [&](const chr_topic_change& change) {
    if (after == nullptr) after = std::make_shared<PartitionMap>(*before);
    const chr_topic& topic = *change.topic;
    if ((change.what & CHR_TOPIC_DELETED) != 0) return after->remove(topic.id);
    after->add(host(catalog, topic, before->find(topic.id)));
  });
  return after == nullptr ? before : after;
}

// The topic was deleted: its logs go, and then what was shown of it, unless a new topic has its name.
void PartitionDirectory::remove_topic(const HostedTopic& topic) {
  const auto left = std::make_shared<size_t>(1);
  const auto one_less = [this, left, name = topic.name] {
    if (--*left != 0 || map()->find(name) != nullptr) return;
    const TopicTraffic traffic(services_.host, name);
    for (const uint64_t metric : {traffic.in, traffic.out, topic_partitions_metric(services_.host, name)})
      services_.host.remove_metric(metric);
  };
  for (const std::shared_ptr<Partition>& partition : topic.partitions) {
    if (partition == nullptr) continue;
    ++*left;
    close(partition, Partition::Log::kDeleted, one_less);
  }
  one_less();
}

std::shared_ptr<const HostedTopic> PartitionDirectory::host(const Catalog& catalog, const chr_topic& topic,
                                                            const HostedTopic* before) {
  auto after = std::make_shared<HostedTopic>();
  after->id = topic.id;
  after->name = from_abi(topic.name);
  after->internal = topic.internal != 0;
  const auto set = catalog.configs(topic);
  after->broker_configs = configs_.now();
  if (before != nullptr && before->broker_configs == after->broker_configs &&
      same_configs(before->set, set)) {
    after->set = before->set;
    after->config = before->config;
  } else {
    std::vector<TopicConfigValue> values;
    for (const auto& [key, value] : set) {
      after->set.emplace_back(key, value);
      values.push_back({key, value});
    }
    after->config = std::make_shared<const TopicConfig>(
        resolve_topic_config(values, after->broker_configs->topic_defaults));
  }
  for (uint32_t i = 0; i < topic.n_partitions; ++i) {
    const auto index = static_cast<int32_t>(i);
    const std::optional<chr_partition> assigned = catalog.partition(topic, index);
    Partition::Members members =
        assigned.has_value() ? Partition::Members::of(*assigned) : Partition::Members();
    std::shared_ptr<Partition> partition =
        before != nullptr && before->has(index) ? before->partitions[i] : nullptr;
    if (!members.names(services_.host.node().id)) {
      if (partition != nullptr) close(partition, Partition::Log::kLeft, [] {});
      partition = nullptr;
    } else if (partition != nullptr) {
      keep_partition(partition, std::move(members), after->config);
    } else {
      partition = host_partition(topic, index, std::move(members), after->config);
    }
    after->partitions.push_back(std::move(partition));
  }
  services_.host.set(topic_partitions_metric(services_.host, after->name),
                     static_cast<double>(topic.n_partitions));
  return after;
}

void PartitionDirectory::keep_partition(const std::shared_ptr<Partition>& partition,
                                        Partition::Members members,
                                        std::shared_ptr<const TopicConfig> config) {
  partition->set_config(std::move(config));
  if (*partition->members() == members) return;
  partition->set_members(std::move(members));
  services_.host.post(partition->shard(), [partition] { partition->reassign(); });
}

std::shared_ptr<Partition> PartitionDirectory::host_partition(const chr_topic& topic, int32_t index,
                                                              Partition::Members members,
                                                              std::shared_ptr<const TopicConfig> config) {
  Partition::Id id{topic.id, index, std::string(from_abi(topic.name))};
  auto partition =
      std::make_shared<Partition>(context_, std::move(id), std::move(members), std::move(config));
  if (hooks_.hosted) hooks_.hosted(*partition);
  if (closing_groups_.contains(partition->group_name())) {
    open_later_[partition->group_name()] = partition;
  } else {
    open(partition);
  }
  return partition;
}

void PartitionDirectory::open(const std::shared_ptr<Partition>& partition) {
  ++count_.opening;
  services_.host.post(partition->shard(), [this, partition] {
    shards_[partition->shard()].partitions.push_back(partition);
    schedule(partition->shard());
    partition->open([this, partition](const Status& status) {
      services_.host.post(0, [this, partition, status] { opened(partition, status); });
    });
  });
}

void PartitionDirectory::opened(const std::shared_ptr<Partition>& partition, const Status& status) {
  --count_.opening;
  if (!status) {
    failed_.insert(partition->label());
    services_.host.error(
        fmt::format("cannot open partition {}: {}", partition->label(), status.error().message));
  }
  if (!stopping_) report_health();
}

void PartitionDirectory::report_health() {
  if (!followed_)
    return services_.host.health("partitions", CHR_HEALTH_NOT_READY, "the catalog was not read yet");
  if (count_.opening != 0)
    return services_.host.health("partitions", CHR_HEALTH_NOT_READY,
                                 fmt::format("{} partitions are recovering", count_.opening));
  if (!failed_.empty())
    return services_.host.health(
        "partitions", CHR_HEALTH_DEGRADED,
        fmt::format("{} could not be opened, {}{}; this node's log says why",
                    failed_.size() == 1 ? "1 partition" : fmt::format("{} partitions", failed_.size()),
                    *failed_.begin(), failed_.size() == 1 ? "" : " first"));
  services_.host.health("partitions", CHR_HEALTH_READY);
}

void PartitionDirectory::close(const std::shared_ptr<Partition>& partition, Partition::Log log,
                               std::function<void()> done) {
  ++count_.closing;
  changed_.erase(partition);
  failed_.erase(partition->label());
  const std::string& group = partition->group_name();
  if (const auto later = open_later_.find(group); later != open_later_.end() && later->second == partition) {
    open_later_.erase(later);  // its group is the one before, which closes already
    log = Partition::Log::kStays;
  } else {
    closing_groups_.insert(group);
  }
  services_.host.post(partition->shard(), [this, partition, log, done = std::move(done)] {
    std::erase(shards_[partition->shard()].partitions, partition);
    partition->close(log, [this, partition, done] {
      services_.host.post(0, [this, partition, done] {
        done();
        closed(*partition);
        one_closed();
      });
    });
  });
}

// A partition that never opened its group has nothing to end.
void PartitionDirectory::closed(const Partition& partition) {
  failed_.erase(partition.label());  // it may have failed while its close waited
  if (partition.never_opened()) return;
  closing_groups_.erase(partition.group_name());
  auto later = open_later_.extract(partition.group_name());
  if (!later.empty() && !stopping_) open(later.mapped());
}

// ---- reassignments ----

void PartitionDirectory::members_changed(const std::shared_ptr<Partition>& partition,
                                         const std::vector<int32_t>& now) {
  services_.host.post(0, [this, partition, now] {
    if (stopping_) return;
    changed_[partition] = now;
    finish_changes();
  });
}

// One request at a time, with all that is there. One that fails is no loss: the leaders tell again until the
// catalog shows it.
void PartitionDirectory::finish_changes() {
  constexpr uint64_t kTimeoutNs = 5'000'000'000;
  if (finishing_ || changed_.empty() || stopping_) return;
  std::vector<chr_reassignment> items;
  const auto changed = std::exchange(changed_, {});
  for (const auto& [partition, replicas] : changed)
    items.push_back({partition->id().topic, partition->id().index, 0, replicas.data(),
                     static_cast<uint32_t>(replicas.size()), 0});
  finishing_ = true;
  // A stop waits for what is counted.
  services_.metadata.finish_reassignments(items, kTimeoutNs,
                                          [this, count = CallCount(services_)](const Result<ChangeResults>&) {
                                            finishing_ = false;
                                            finish_changes();
                                          });
}

void PartitionDirectory::schedule(uint32_t shard) {
  Shard& here = shards_[shard];
  if (here.timer != 0 || here.stopped || here.partitions.empty()) return;
  here.timer = services_.host.timer(
      kUpkeepNs,
      [](void* context) {
        const Tick& tick = *static_cast<Tick*>(context);
        tick.directory->upkeep(tick.shard);
      },
      &ticks_[shard]);
}

void PartitionDirectory::upkeep(uint32_t shard) {
  shards_[shard].timer = 0;
  for (const std::shared_ptr<Partition>& partition : shards_[shard].partitions) partition->upkeep();
  schedule(shard);
}

}  // namespace chronik::kafka
