#include "kafka-proto/partition/replication_throttle.h"

#include <algorithm>
#include <charconv>

#include "kafka-proto/partition/directory.h"

namespace chronik::kafka {
namespace {

// The rates of all nodes, those of which nothing is said under -1.
std::map<int32_t, int64_t> follower_rates(const Catalog& catalog) {
  std::map<int32_t, int64_t> out;
  for (const auto& [key, value] : catalog.records(DynamicConfigs::kSpace, {})) {
    const size_t slash = key.find('/');
    if (slash == std::string_view::npos || key.substr(slash + 1) != kFollowerRate) continue;
    int32_t node = -1;
    if (slash != 0 && std::from_chars(key.data(), key.data() + slash, node).ec != std::errc()) continue;
    TopicConfig unused;
    ReplicationRates rates;
    if (set_dynamic_config(kFollowerRate, value, unused, rates)) out[node] = rates.follower;
  }
  return out;
}

bool is_in_sync(const InSync& in_sync, const HostedTopic& topic, int32_t index,
                const chr_partition& partition, int32_t node) {
  const std::shared_ptr<Partition>& here = topic.partitions[static_cast<size_t>(index)];
  if (const auto seen = here == nullptr ? nullptr : here->in_sync(); seen != nullptr)
    return std::ranges::find(*seen, node) != seen->end();
  const auto told = in_sync.find({topic.id, index}, partition.leader, static_cast<int32_t>(partition.term));
  return !told.has_value() || std::ranges::find(*told, node) != told->end();
}

}  // namespace

void ReplicationThrottle::set_rates_later() {
  if (timer_ != 0 || follower_rates_.empty()) return;
  timer_ = services_.host.timer(
      kLookNs,
      [](void* context) {
        auto* const self = static_cast<ReplicationThrottle*>(context);
        self->timer_ = 0;
        self->set_rates(Catalog(self->services_));
        self->set_rates_later();
      },
      this);
}

// The catalog is followed no more by then.
void ReplicationThrottle::stop() {
  follower_rates_.clear();
  services_.host.cancel_timer(std::exchange(timer_, 0));
}

void ReplicationThrottle::follow_catalog(const Catalog& catalog) {
  if (services_.throttle.table == nullptr) return;
  const int64_t leader = configs_.now()->rates.leader;
  Rates followers = follower_rates(catalog);
  if (leader == leader_rate_ && followers == follower_rates_) return;
  leader_rate_ = leader;
  follower_rates_ = std::move(followers);
  set_rates(catalog);
  set_rates_later();
}

void ReplicationThrottle::set_rates(const Catalog& catalog) {
  Rates rates = wanted_rates(catalog);
  for (const auto& [bucket, rate] : set_) {
    if (!rates.contains(bucket))
      services_.throttle.table->limit(services_.throttle.self, bucket, ReplicationRates::kAny);
  }
  for (const auto& [bucket, rate] : rates) {
    const auto before = set_.find(bucket);
    if (before == set_.end() || before->second != rate)
      services_.throttle.table->limit(services_.throttle.self, bucket, rate);
  }
  set_ = std::move(rates);
}

ReplicationThrottle::Rates ReplicationThrottle::wanted_rates(const Catalog& catalog) const {
  Rates out;
  if (leader_rate_ != ReplicationRates::kAny) out[kLeaderBucket] = leader_rate_;
  if (follower_rates_.empty()) return out;
  const std::map<int32_t, std::set<int32_t>> leaders = leaders_of_followers(catalog);
  for (const chr_broker& broker : catalog.brokers()) {
    auto rate = follower_rates_.find(broker.id);
    if (rate == follower_rates_.end()) rate = follower_rates_.find(-1);
    if (rate == follower_rates_.end() || rate->second == ReplicationRates::kAny) continue;
    const auto found = leaders.find(broker.id);
    const auto parts = static_cast<int64_t>(found == leaders.end() ? 1 : found->second.size());
    out[broker.id] = rate->second / parts + (rate->second % parts != 0 ? 1 : 0);
  }
  return out;
}

// Which nodes feed throttled replicas, by the node that these are on.
std::map<int32_t, std::set<int32_t>> ReplicationThrottle::leaders_of_followers(const Catalog& catalog) const {
  std::map<int32_t, std::set<int32_t>> out;
  const std::shared_ptr<const PartitionMap> map = partitions_.map();
  for (const auto& [key, topic] : map->topics()) {
    const std::shared_ptr<const ThrottledReplicas>& throttled = topic->config->follower_throttled;
    const std::optional<chr_topic> shown = throttled == nullptr ? std::nullopt : catalog.topic(topic->id);
    if (!shown.has_value()) continue;
    for (int32_t i = 0; topic->has(i); ++i) {
      const std::optional<chr_partition> partition = catalog.partition(*shown, i);
      if (!partition.has_value() || partition->leader < 0) continue;
      Partition::Members::each(*partition, [&](int32_t node) {
        if (throttled->has(i, node) && !is_in_sync(in_sync_, *topic, i, *partition, node))
          out[node].insert(partition->leader);
      });
    }
  }
  return out;
}

}  // namespace chronik::kafka
