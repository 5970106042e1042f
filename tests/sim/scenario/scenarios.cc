#include "sim/scenario/scenarios.h"

namespace chronik::sim {

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> kScenarios = {
      {"meta-stalled", "a partition's leader while __meta cannot elect, then it can", run_meta_stalled},
  };
  return kScenarios;
}

const Scenario* find_scenario(std::string_view name) {
  for (const Scenario& scenario : scenarios()) {
    if (scenario.name == name) return &scenario;
  }
  return nullptr;
}

}  // namespace chronik::sim
