#include "sim/scenario/scenarios.h"

namespace chronik::sim {

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> kScenarios = {
      {"meta-stalled", "a partition's leader while __meta cannot elect, then it can", run_meta_stalled},
      {"power-losses", "200 times, all nodes lose their power at once under load", run_power_losses},
  };
  return kScenarios;
}

const Scenario* find_scenario(std::string_view name) {
  for (const Scenario& scenario : scenarios()) {
    if (scenario.name == name) return &scenario;
  }
  return nullptr;
}

// The workload and every invariant as in a random run; what was acknowledged before any of
// the losses is read at the end.
RunReport run_power_losses(const RunOptions& options, const host::PluginSet& set) {
  constexpr uint32_t kLosses = 200;
  constexpr uint64_t kMs = 1'000;
  Rng rng = Rng::stream(options.seed, "power losses");
  RunOptions changed = options;
  changed.schedule.emplace();
  uint64_t at_us = 1'000 * kMs;
  for (uint32_t i = 0; i < kLosses; ++i) {
    for (uint32_t node = 1; node <= options.nodes; ++node)
      changed.schedule->push_back({at_us, FaultType::kPower, node, 0, rng.between(0, 200 * kMs), 0});
    at_us += rng.between(300 * kMs, 4'000 * kMs);
  }
  changed.duration_ns = at_us * kMicrosecond;
  return run(changed, set);
}

}  // namespace chronik::sim
