#include "kafka-proto/cluster/catalog_waits.h"

#include <algorithm>
#include <utility>

namespace chronik::kafka {

CatalogWaits::CatalogWaits(Services& services) : services_(services) {
  for (uint32_t i = 0; i < services.host.shard_count(); ++i) {
    shards_.push_back(std::make_unique<Shard>());
    shards_[i]->owner = this;
    shards_[i]->number = i;
  }
}

CatalogWaits::Shard& CatalogWaits::here() {
  return *shards_[static_cast<size_t>(services_.host.current_shard())];
}

bool CatalogWaits::is_over(Wait& wait, const Catalog& catalog) const {
  const bool over = services_.host.now_ns() >= wait.until_ns || services_.stopping;
  return wait.look(catalog, over) || over;
}

void CatalogWaits::wait(uint64_t until_ns, Look look) {
  Shard& shard = here();
  shard.waited_on.store(true);
  Wait wait{until_ns, std::move(look)};
  if (is_over(wait, Catalog(services_))) return;
  shard.waits.push_back(std::move(wait));
  arm(shard, until_ns);
}

void CatalogWaits::changed() {
  for (const std::unique_ptr<Shard>& shard : shards_) {
    if (!shard->waited_on.load() || shard->look_is_posted.exchange(true)) continue;
    services_.host.post(shard->number, [this, posted = shard.get()] { look_again(*posted); });
  }
}

// A look may begin another wait.
void CatalogWaits::look_again(Shard& shard) {
  shard.look_is_posted.store(false);
  disarm(shard);
  std::vector<Wait> waits = std::exchange(shard.waits, {});
  const Catalog catalog(services_);
  for (Wait& wait : waits) {
    if (is_over(wait, catalog)) continue;
    arm(shard, wait.until_ns);
    shard.waits.push_back(std::move(wait));
  }
  if (shard.waits.empty()) shard.waited_on.store(false);
}

void CatalogWaits::arm(Shard& shard, uint64_t until_ns) {
  if (shard.timer != 0 && shard.timer_at_ns <= until_ns) return;
  disarm(shard);
  const uint64_t now_ns = services_.host.now_ns();
  shard.timer_at_ns = until_ns;
  shard.timer = services_.host.timer(
      until_ns - std::min(until_ns, now_ns),
      [](void* context) {
        Shard& late = *static_cast<Shard*>(context);
        late.timer = 0;
        late.owner->look_again(late);
      },
      &shard);
}

void CatalogWaits::disarm(Shard& shard) { services_.host.cancel_timer(std::exchange(shard.timer, 0)); }

}  // namespace chronik::kafka
