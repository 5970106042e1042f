#include "sim/scenario/run.h"

#include "sim/check/liveness_watch.h"
#include "sim/check/metadata_watch.h"
#include "sim/check/storage_watch.h"
#include "sim/scenario/faults.h"
#include "sim/scenario/mutants.h"

#include <chronik/storage.h>
#include <fmt/format.h>
#include <chronik/host.hpp>

#include <algorithm>
#include <cstdlib>

namespace chronik::sim {
namespace {

constexpr uint64_t kHealWithin = 120 * kSecond;  // after the last fault everything is well by then

using Config = std::vector<std::pair<std::string, std::string>>;

// Limits that make a store of a few megabytes meet what else only large ones do; of those that it has.
void add_storage_config(const RunOptions& options, const host::PluginSet& set, Config* config) {
  const auto provider = set.provider(CHR_STORAGE_ID);
  if (!provider || !uses_files(options)) return;
  Rng rng = Rng::stream(options.seed, "storage config");
  const auto maybe = [&](std::string_view key, double chance, std::string value) {
    const bool known = std::ranges::any_of(
        set[*provider].schema(), [key](const chr_config_key& k) { return from_abi(k.name) == key; });
    if (rng.chance(chance) && known)
      config->emplace_back(fmt::format("{}.{}", set[*provider].manifest().config, key), std::move(value));
  };
  maybe("map_size", 1, "1GiB");
  maybe("commit_bytes", 0.7, fmt::format("{}KiB", rng.between(64, 256)));
  maybe("queue_bytes", 0.2, fmt::format("{}KiB", rng.between(256, 1024)));
  maybe("preallocate", 0.7, fmt::format("{}KiB", rng.chance(0.5) ? 0 : rng.between(64, 1024)));
  maybe("lease_budget", 0.3, "0B");
  maybe("max_lease", 0.3, fmt::format("{}ms", rng.between(10, 500)));
  maybe("journal_file_bytes", 1, fmt::format("{}KiB", rng.between(1024, 4096)));
  maybe("journal_files", 0.5, std::to_string(rng.between(2, 4)));
  maybe("segment_bytes", 0.8, fmt::format("{}KiB", rng.between(64, 1024)));
  maybe("direct_bytes", 0.7, fmt::format("{}KiB", rng.between(4, 64)));
  maybe("open_files", 0.5, "16");
  maybe("move_after", 0.7, fmt::format("{}ms", rng.chance(0.5) ? 0 : rng.between(50, 2000)));
}

// Limits and timeouts as a run may have them; what the command line sets comes last and wins.
Config swarm_config(const RunOptions& options, const host::PluginSet& plugins) {
  Rng rng = Rng::stream(options.seed, "config");
  Config config;
  if (options.faults != 0) {
    const auto maybe = [&](std::string key, uint64_t low, uint64_t high, std::string_view unit) {
      const bool set = rng.chance(0.3);
      const uint64_t value = rng.between(low, high);
      if (set) config.emplace_back(std::move(key), fmt::format("{}{}", value, unit));
    };
    maybe("raft.snapshot_interval", 64, 512, "KiB");
    maybe("raft.max_append", 1, 64, "KiB");
    maybe("raft.max_inflight", 4, 256, "KiB");
    maybe("raft.max_uncommitted", 32, 512, "KiB");
    maybe("raft.election_timeout", 600, 3000, "ms");
    maybe("raft.tail_cache", 1, 4, "MiB");
    // So short that a node which is away for a moment needs a snapshot when it comes back.
    const uint64_t hold = rng.chance(0.5) ? rng.between(0, 5000) : 60'000;
    config.emplace_back("raft.trim_hold", fmt::format("{}ms", hold));
    // The log of __meta gets a dozen or two entries in a minute.
    const uint64_t entries = rng.between(1, 15);
    if (rng.chance(0.5) && options.workload.name != "log")
      config.emplace_back("metadata.snapshot_entries", std::to_string(entries));
  }
  add_storage_config(options, plugins, &config);
  if (options.workload.name == "groups")
    for (auto& entry : group_workload_config()) config.push_back(std::move(entry));
  for (auto& entry : config_of(options)) config.push_back(std::move(entry));
  return config;
}

std::unique_ptr<Workload> make_workload(Cluster& cluster, Checker& checker, const WorkloadOptions& options) {
  if (options.name == "log") return make_log_workload(cluster, checker, options);
  if (options.name == "groups") return make_group_workload(cluster, checker, options);
  return make_kafka_workload(cluster, options);
}

}  // namespace

WorldOptions world_options(const RunOptions& options) {
  Rng rng = Rng::stream(options.seed, "world");
  WorldOptions out;
  out.seed = options.seed;
  out.nodes = options.nodes;
  out.shards = static_cast<uint32_t>(rng.between(1, 2));
  out.post_jitter_ns = rng.chance(0.5) ? 0 : rng.between(100, 50'000);
  out.poison = rng.chance(0.25) || options.fill != RunOptions().fill;
  out.fill = options.fill;
  out.print_logs = options.print_logs;
  out.trace = options.trace;
  out.log_level = options.log_level;
  out.real_files = uses_files(options);
  return out;
}

std::vector<std::pair<std::string, std::string>> config_of(const RunOptions& options) {
  auto config = options.config;
  config.emplace(config.begin(), "storage.journal",
                 "true");  // of storage-memory: what it has outlives a crash
  config.emplace_back("kafka.listen", "node-{node}:9092");
  return config;
}

RunReport report_of(const RunOptions& options, const World& world, const Checker& checker,
                    std::string summary) {
  RunReport report;
  report.seed = options.seed;
  report.hash = world.trace.hash();
  report.invariant = world.invariant;
  report.violation = world.violation;
  report.violated_at = world.violated_at;
  report.last_lines.assign(world.recent.begin(), world.recent.end());
  report.virtual_ns = world.loop.now();
  report.events = world.trace.events();
  report.checks = checker.checks();
  report.elections = checker.elections();
  report.workload = std::move(summary);
  return report;
}

Plan plan_of(const RunOptions& options) {
  if (options.schedule) return {*options.schedule, options.faults};
  return draw_plan(options.seed, options.nodes, options.duration_ns, options.faults);
}

namespace {

uint64_t election_timeout(const std::vector<std::pair<std::string, std::string>>& config) {
  uint64_t timeout = 3 * kSecond;
  for (const auto& [key, value] : config) {
    if (key != "raft.election_timeout") continue;
    const bool in_ms = value.ends_with("ms");
    timeout = std::strtoull(value.c_str(), nullptr, 10) * (in_ms ? kMillisecond : kSecond);
  }
  return timeout;
}

// A cluster with everything that watches it.
class Run {
 public:
  Run(const RunOptions& options, const host::PluginSet& set)
      : options_(options),
        plan_(plan_of(options)),
        config_(swarm_config(options, set)),
        world_(world_options(options)),
        checker_(world_),
        storage_(checker_, options.nodes),
        consensus_(checker_, options.nodes),
        mutant_(make_mutant(options.mutant)),
        cluster_(world_, set, config_, interposers()),
        workload_(make_workload(cluster_, checker_, options.workload)),
        faults_(cluster_, plan_.schedule),
        liveness_(cluster_, checker_, consensus_, election_timeout(config_)),
        metadata_(cluster_, checker_, consensus_) {
    for (uint32_t id = 1; id <= options.nodes; ++id) {
      Node& node = cluster_.node(id);
      apply_mutant(options.mutant, node);
      node.on_running = [&](Node& n) { workload_->node_running(n); };
      node.on_down = [&](Node& n) { workload_->node_down(n); };
      node.on_stopping = [&](Node& n, std::function<void()> go_on) {
        workload_->node_stopping(n, std::move(go_on));
      };
    }
    faults_.on_members = [this](uint32_t group, std::vector<int32_t> members) {
      workload_->change_members(group, std::move(members));
    };
    faults_.on_damage = [this](Node& node, uint64_t which) { return storage_.damage(node, which); };
    faults_.on_replaced = [this](uint32_t gone, uint32_t by) { workload_->replace(gone, by); };
  }
  ~Run() {
    for (uint32_t id = 1; id <= options_.nodes; ++id) cluster_.node(id).on_down = nullptr;
  }

  RunReport go() {
    cluster_.boot_all(faults_.spares());
    faults_.begin();
    liveness_.begin();
    const bool with_metadata = options_.workload.name != "log";
    if (with_metadata) metadata_.begin();
    if (cluster_.run_until(options_.duration_ns)) {
      faults_.end();
      workload_->wind_down();
      metadata_.healed();
      const auto settled = [&] { return workload_->settled() && (!with_metadata || metadata_.agree()); };
      if (!cluster_.run_while(kHealWithin, 100 * kMillisecond, settled) && !world_.failed()) {
        world_.fail("liveness",
                    "the cluster did not settle within 120 s of virtual time after the last fault" +
                        workload_->state());
      }
      if (!world_.failed()) workload_->finish();
      if (!world_.failed()) check_bounds();
    }
    RunReport report = report_of(options_, world_, checker_, workload_->summary());
    report.faults = faults_.injected();
    report.fault_kinds = plan_.kinds;
    return report;
  }

 private:
  std::vector<Interposer*> interposers() {
    std::vector<Interposer*> all = {&storage_, &consensus_};
    if (mutant_) all.push_back(mutant_.get());
    return all;
  }

  // Where nothing is under way any more, nothing may have piled up.
  void check_bounds() {
    constexpr uint64_t kMostBytes = 64 << 20, kMostTokens = 1000;
    for (uint32_t id = 1; id <= options_.nodes; ++id) {
      Node& node = cluster_.node(id);
      const uint64_t stored = node.disk().used();  // storage-memory holds it in buffers
      if (node.memory().live_bytes() <= kMostBytes + stored && node.ops().pending() <= kMostTokens) continue;
      world_.fail("bounded", fmt::format("node {} holds {} bytes of buffers and {} tokens while it rests", id,
                                         node.memory().live_bytes(), node.ops().pending()));
    }
  }

  const RunOptions options_;
  const Plan plan_;
  const std::vector<std::pair<std::string, std::string>> config_;
  World world_;
  Checker checker_;
  StorageWatch storage_;
  ConsensusWatch consensus_;
  const std::unique_ptr<Interposer> mutant_;
  Cluster cluster_;
  const std::unique_ptr<Workload> workload_;
  Faults faults_;
  LivenessWatch liveness_;
  MetadataWatch metadata_;
};

}  // namespace

RunReport run(const RunOptions& options, const host::PluginSet& set) { return Run(options, set).go(); }

}  // namespace chronik::sim
