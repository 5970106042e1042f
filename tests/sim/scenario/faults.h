// Carries out a schedule: breaks things, and mends them.
#pragma once

#include "sim/host/cluster.h"
#include "sim/scenario/schedule.h"

#include <vector>

namespace chronik::sim {

class Faults {
 public:
  Faults(Cluster& cluster, Schedule schedule);

  void begin();
  // No more faults; what is broken is mended, what is down starts.
  void end();
  uint64_t injected() const { return injected_; }

 private:
  void inject(const Fault& fault);
  void inject_network(const Fault& fault);
  void inject_disk(const Fault& fault);
  void go_down(const Fault& fault);
  void crash_storm(const Fault& fault, uint64_t until, bool power);
  void stop(const Fault& fault);
  void block(const Fault& fault);
  void flap(const Fault& fault, uint64_t until, bool blocked);
  void reset_storm(const Fault& fault, uint64_t until);
  void fail_sync(const Fault& fault);
  void boot_after(uint32_t node, uint64_t delay_ns);
  // Runs fn after a while, unless the faults are over by then.
  template <class F>
  void later(uint64_t delay_ns, F fn) {
    world_.loop.call(world_.now() + delay_ns, [this, fn = std::move(fn)] {
      if (!over_) fn();
    });
  }
  uint64_t& blocked_until(uint32_t from, uint32_t to) {
    return blocked_until_[from * (cluster_.size() + 1) + to];
  }

  Cluster& cluster_;
  World& world_;
  const Schedule schedule_;
  std::vector<uint64_t> blocked_until_;
  bool over_ = false;
  uint64_t injected_ = 0;
};

}  // namespace chronik::sim
