// One run of the simulator: a cluster, a workload, faults, then healing and a verdict. A
// pure function of its options.
#pragma once

#include "sim/scenario/plan.h"
#include "sim/workload/workload.h"

#include <optional>
#include <string>
#include <vector>

namespace chronik::sim {

struct RunOptions {
  uint64_t seed = 1;
  uint32_t nodes = 3;
  uint64_t duration_ns = 60 * kSecond;  // with faults; healing comes on top
  uint32_t faults = kDefaultFaults;
  std::optional<Schedule> schedule;  // in place of the one that is drawn from the seed
  std::string mutant;                // empty: none
  std::string mutants;               // directory of plugins that were built with a planted bug
  WorkloadOptions workload;
  std::vector<std::pair<std::string, std::string>> config;  // of plugins, by full key
  std::string storage_plugin = "storage-memory";
  std::string retry_plugin = "retry-exponential";
  uint8_t fill = 0xc3;  // of fresh memory
  bool print_logs = false;
  bool trace = false;
  int32_t log_level = 3;
};

struct RunReport {
  uint64_t seed = 0;
  uint64_t hash = 0;
  std::string invariant;  // empty: nothing was violated
  std::string violation;
  uint64_t violated_at = 0;
  std::vector<std::string> last_lines;  // of the logs
  uint64_t virtual_ns = 0;
  uint64_t events = 0;
  uint64_t checks = 0;
  uint64_t elections = 0;
  uint64_t faults = 0;
  uint32_t fault_kinds = 0;
  std::string workload;  // its summary
};

// Such a run wants a working directory of its own.
inline bool uses_files(const RunOptions& options) {
  return options.storage_plugin != RunOptions().storage_plugin;
}

// Shared with the scenarios.
WorldOptions world_options(const RunOptions& options);
std::vector<std::pair<std::string, std::string>> config_of(const RunOptions& options);
RunReport report_of(const RunOptions& options, const World& world, const Checker& checker,
                    std::string summary);

// The faults of a run: the schedule that was given, or what its seed draws.
Plan plan_of(const RunOptions& options);

// set: plugins_of(options).
RunReport run(const RunOptions& options, const host::PluginSet& set);

}  // namespace chronik::sim
