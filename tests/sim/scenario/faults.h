// Carries out a schedule: breaks things, and mends them.
#pragma once

#include "sim/host/cluster.h"
#include "sim/scenario/schedule.h"

#include <functional>
#include <vector>

namespace chronik::sim {

class Faults {
 public:
  Faults(Cluster& cluster, Schedule schedule);

  // Nodes that are not there at the beginning.
  std::vector<uint32_t> spares() const;
  void begin();
  // No more faults; what is broken is mended, what is down starts.
  void end();
  uint64_t injected() const { return injected_; }

  // What a workload does about its groups: these nodes are to be the members of one, the preferred leader
  // first; one node takes the place of another, which is gone for good.
  std::function<void(uint32_t group, std::vector<int32_t> members)> on_members;
  std::function<void(uint32_t gone, uint32_t by)> on_replaced;
  // Damages a record in a file of this node, if there is one; `which` says which.
  std::function<bool(Node& node, uint64_t which)> on_damage;

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
  void restart_if_failed(const Fault& fault);
  void power_at_sync(const Fault& fault);
  void flip(const Fault& fault);
  void change_members(const Fault& fault);
  void lose_disk(const Fault& fault);
  void replace_after(const Fault& fault, uint64_t delay_ns);
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
