// CatalogWaits: calls that wait until the catalog, or who leads, says what they need. They look again when
// something has changed, all of a shard with one image, and never because time passed.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "kafka-proto/cluster/catalog.h"

namespace chronik::kafka {

class CatalogWaits {
 public:
  // Whether the call was dealt with, and waits no more. over: time is up, or the node stops; what is known
  // now must do.
  using Look = std::function<bool(const Catalog& catalog, bool over)>;

  explicit CatalogWaits(Services& services);
  CatalogWaits(const CatalogWaits&) = delete;
  CatalogWaits& operator=(const CatalogWaits&) = delete;

  // Any shard: looks at once, and later on this shard; for the last time at until_ns.
  void wait(uint64_t until_ns, Look look);
  // Any shard: the catalog, a leader, a link changed, or the node stops.
  void changed();

 private:
  struct Wait {
    uint64_t until_ns;
    Look look;
  };
  // What is not atomic is touched on the shard only.
  struct Shard {
    CatalogWaits* owner;
    uint32_t number;
    std::vector<Wait> waits;
    uint64_t timer = 0;  // runs while something waits, until the first of them gives up
    uint64_t timer_at_ns = 0;
    std::atomic<bool> waited_on = false;  // raised before a wait looks first, so that no change is missed
    std::atomic<bool> look_is_posted = false;
  };

  Shard& here();
  bool is_over(Wait& wait, const Catalog& catalog) const;
  void look_again(Shard& shard);
  void arm(Shard& shard, uint64_t until_ns);
  void disarm(Shard& shard);

  Services& services_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace chronik::kafka
