// Scripted runs: each sets up one situation and checks what is promised for it.
#pragma once

#include "sim/scenario/run.h"

#include <string_view>
#include <vector>

namespace chronik::sim {

struct Scenario {
  std::string_view name;
  std::string_view what;
  RunReport (*run)(const RunOptions& options, const host::PluginSet& set);
};
const std::vector<Scenario>& scenarios();
const Scenario* find_scenario(std::string_view name);

RunReport run_meta_stalled(const RunOptions& options, const host::PluginSet& set);
RunReport run_power_losses(const RunOptions& options, const host::PluginSet& set);

}  // namespace chronik::sim
