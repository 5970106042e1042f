#include "kafka-proto/coordinator/internal_topic.h"

#include <chronik/draft/internal_topics.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "kafka-proto/configs/broker_config.h"
#include "kafka-proto/partition/by_shard.h"

namespace chronik::kafka {
namespace {

constexpr uint64_t kTimeoutNs = 5'000'000'000;
constexpr uint64_t kRetryNs = 5'000'000'000;  // after replicas could not be added

}  // namespace

// ---- made on first use ----

struct InternalTopic::Creation {
  explicit Creation(Services& services) : count(services) {}
  CallCount count;  // a stop waits for it
  std::vector<chr_config_entry> configs;
  chr_change_result result{};
};

void InternalTopic::make(Made done) {
  const auto home = static_cast<uint32_t>(services_.host.current_shard());
  services_.host.post(0, [this, home, done = std::move(done)] {
    waiting_.push_back([this, home, done](ErrorCode error) {
      on_shard(services_.host, home, [done, error] { done(error); });
    });
    if (waiting_.size() == 1) create();
  });
}

void InternalTopic::create() {
  const Catalog catalog(services_);
  if (catalog.topic(settings_.name).has_value()) return created(ErrorCode::kNone);
  const auto creation = std::make_shared<Creation>(services_);
  for (const auto& [key, value] : settings_.configs)
    creation->configs.push_back({to_abi(key), to_abi(value)});
  creation->configs.push_back({to_abi(CHR_INTERNAL_CONFIG), to_abi("true")});
  chr_new_topic topic{};
  topic.name = to_abi(settings_.name);
  topic.partitions = settings_.partitions;
  topic.replication_factor = possible_replicas(services_, catalog, settings_.replication_factor);
  topic.configs = creation->configs.data();
  topic.n_configs = static_cast<uint32_t>(creation->configs.size());
  const chronik::Metadata& metadata = services_.metadata;
  const chr_status status = services_.host.async(
      [&](uint64_t token) {
        return metadata.table()->create_topics(metadata.self(), &topic, 1, 0, kTimeoutNs, &creation->result,
                                               token, nullptr);
      },
      [this, creation](const chr_done& done) {
        const chr_status code = done.code == CHR_OK ? creation->result.code : done.code;
        const bool there = code == CHR_OK || code == CHR_E_EXISTS;
        if (!there)
          services_.host.warn(fmt::format(
              "The topic {} could not be made: {}", settings_.name,
              done.code == CHR_OK ? std::string_view(creation->result.message) : from_abi(done.message)));
        created(there ? ErrorCode::kNone : ErrorCode::kCoordinatorNotAvailable);
      });
  if (status != CHR_PENDING) created(ErrorCode::kCoordinatorNotAvailable);
}

void InternalTopic::created(ErrorCode error) {
  for (const Made& done : std::exchange(waiting_, {})) done(error);
}

// ---- as nodes come ----

struct InternalTopic::Raise {
  explicit Raise(Services& services) : count(services) {}
  CallCount count;
  std::vector<std::vector<int32_t>> replicas;
  std::vector<chr_reassignment> items;
  std::vector<chr_change_result> results;
};

void InternalTopic::follow_catalog(const Catalog& catalog) {
  const std::optional<chr_topic> topic = catalog.topic(settings_.name);
  if (topic.has_value()) check_partitions(*topic);
  if (topic.has_value() && catalog.controller() == services_.host.node().id) raise_factor(catalog, *topic);
}

// Groups and transactions are looked for by the number of partitions. The topic may be made, or be heard of, long after
// the start.
void InternalTopic::check_partitions(const chr_topic& topic) {
  if (std::exchange(checked_partitions_, topic.n_partitions) == topic.n_partitions) return;
  const auto there = static_cast<int32_t>(topic.n_partitions);
  if (!settings_.partitions_given || there == settings_.partitions) return;
  services_.host.fatal(fmt::format(
      "{} shall have {} partitions, but has {}, and what is in them would not be found any more: set "
      "the number back to {}",
      settings_.name, settings_.partitions, there, there));
}

void InternalTopic::raise_factor(const Catalog& catalog, const chr_topic& topic) {
  if (raising_) return;
  std::map<int32_t, size_t> load;  // replicas of the topic, by node
  for (const chr_broker& broker : catalog.brokers())
    if (broker.leaving == 0 && services_.is_up(broker.id)) load[broker.id] = 0;
  const auto raise = std::make_shared<Raise>(services_);
  for (uint32_t i = 0; i < topic.n_partitions; ++i) {
    const std::optional<chr_partition> now = catalog.partition(topic, static_cast<int32_t>(i));
    if (!now.has_value()) continue;
    for (uint32_t k = 0; k < now->n_replicas; ++k)
      if (const auto found = load.find(now->replicas[k]); found != load.end()) ++found->second;
  }
  const auto wanted =
      static_cast<size_t>(possible_replicas(services_, catalog, settings_.replication_factor));
  for (uint32_t i = 0; i < topic.n_partitions; ++i) {
    const std::optional<chr_partition> now = catalog.partition(topic, static_cast<int32_t>(i));
    if (!now.has_value() || now->n_target != 0 || now->n_replicas >= wanted) continue;
    std::vector<int32_t> replicas(now->replicas, now->replicas + now->n_replicas);
    while (replicas.size() < wanted) {
      const auto is_free = [&](const auto& node) {
        return std::ranges::find(replicas, node.first) == replicas.end();
      };
      auto best = load.end();
      for (auto at = load.begin(); at != load.end(); ++at)
        if (is_free(*at) && (best == load.end() || at->second < best->second)) best = at;
      if (best == load.end()) break;
      ++best->second;
      replicas.push_back(best->first);
    }
    if (replicas.size() == now->n_replicas) continue;
    // Each is the preferred leader of its part.
    std::ranges::rotate(replicas, replicas.begin() + static_cast<std::ptrdiff_t>(i % replicas.size()));
    raise->replicas.push_back(std::move(replicas));
    raise->items.push_back({topic.id, static_cast<int32_t>(i), 0, raise->replicas.back().data(),
                            static_cast<uint32_t>(raise->replicas.back().size()), 0});
  }
  if (raise->items.empty()) return;
  raise->results.resize(raise->items.size());
  raising_ = true;
  const chronik::Metadata& metadata = services_.metadata;
  const chr_status status = services_.host.async(
      [&](uint64_t token) {
        return metadata.table()->alter_reassignments(metadata.self(), raise->items.data(),
                                                     static_cast<uint32_t>(raise->items.size()), kTimeoutNs,
                                                     raise->results.data(), token, nullptr);
      },
      [this, raise](const chr_done& done) { raised(*raise, done.code); });
  if (status != CHR_PENDING) raised(*raise, status);
}

// No change of the catalog may follow a failure.
void InternalTopic::raised(const Raise& raise, chr_status status) {
  raising_ = false;
  const bool all = status == CHR_OK && std::ranges::all_of(raise.results, [](const chr_change_result& each) {
                     return each.code == CHR_OK;
                   });
  if (all || retry_timer_ != 0 || services_.stopping.load(std::memory_order_relaxed)) return;
  const auto again = [](void* self) {
    auto& topic = *static_cast<InternalTopic*>(self);
    topic.retry_timer_ = 0;
    topic.follow_catalog(Catalog(topic.services_));
  };
  retry_timer_ = services_.host.timer(kRetryNs, again, this);
}

void InternalTopic::stop() { services_.host.cancel_timer(std::exchange(retry_timer_, 0)); }

}  // namespace chronik::kafka
