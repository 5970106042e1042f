#include "sim/scenario/run.h"

#include "sim/check/storage_watch.h"
#include "sim/scenario/faults.h"
#include "sim/scenario/mutants.h"

#include <fmt/format.h>

namespace chronik::sim {
namespace {

constexpr uint64_t kHealWithin = 120 * kSecond;  // after the last fault everything is well by then

// Limits and timeouts as a run may have them; what the command line sets comes last and wins.
std::vector<std::pair<std::string, std::string>> swarm_config(const RunOptions& options) {
  Rng rng = Rng::stream(options.seed, "config");
  std::vector<std::pair<std::string, std::string>> config;
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
  }
  for (auto& entry : config_of(options)) config.push_back(std::move(entry));
  return config;
}

std::unique_ptr<Workload> make_workload(Cluster& cluster, Checker& checker, const RunOptions& options) {
  if (options.workload.name == "log") return make_log_workload(cluster, checker, options.workload);
  return make_kafka_workload(cluster, options.workload);
}

}  // namespace

std::vector<std::string> plugins_for(const RunOptions& options) {
  std::vector<std::string> plugins = {"storage-memory", "raft"};
  if (options.workload.name != "log")
    plugins.insert(plugins.end(), {options.retry_plugin, "metadata", "kafka-proto"});
  const MutantInfo* const mutant = find_mutant(options.mutant);
  for (std::string& plugin : plugins) {
    if (mutant != nullptr && mutant->plugin == plugin)
      plugin = fmt::format("{}/{}/{}.so", options.mutants, mutant->name, plugin);
  }
  return plugins;
}

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
  return out;
}

std::vector<std::pair<std::string, std::string>> config_of(const RunOptions& options) {
  auto config = options.config;
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

RunReport run(const RunOptions& options, const host::PluginSet& set) {
  World world(world_options(options));
  Checker checker(world);
  StorageWatch storage(checker, options.nodes);
  ConsensusWatch consensus(checker, options.nodes);
  std::vector<Interposer*> interposers = {&storage, &consensus};
  const std::unique_ptr<Interposer> mutant = make_mutant(options.mutant);
  if (mutant) interposers.push_back(mutant.get());

  Cluster cluster(world, set, swarm_config(options), interposers);
  const std::unique_ptr<Workload> workload = make_workload(cluster, checker, options);
  const Plan plan = plan_of(options);
  Faults faults(cluster, plan.schedule);
  for (uint32_t id = 1; id <= options.nodes; ++id) {
    Node& node = cluster.node(id);
    apply_mutant(options.mutant, node);
    node.on_running = [&](Node& n) { workload->node_running(n); };
    node.on_down = [&](Node& n) { workload->node_down(n); };
    node.on_stopping = [&](Node& n, std::function<void()> go_on) {
      workload->node_stopping(n, std::move(go_on));
    };
  }
  cluster.boot_all();
  faults.begin();

  if (cluster.run_until(options.duration_ns)) {
    faults.end();
    workload->wind_down();
    if (!cluster.run_while(kHealWithin, 100 * kMillisecond, [&] { return workload->settled(); }) &&
        !world.failed()) {
      world.fail("liveness", "the cluster did not settle within 120 s of virtual time after the last fault");
    }
    if (!world.failed()) workload->finish();
  }

  RunReport report = report_of(options, world, checker, workload->summary());
  report.faults = faults.injected();
  report.fault_kinds = plan.kinds;
  for (uint32_t id = 1; id <= options.nodes; ++id) cluster.node(id).on_down = nullptr;
  return report;
}

}  // namespace chronik::sim
