// chronik-sim: runs seeds, prints what happened, and on a failure the one line that replays it.
#include "sim/cli/determinism.h"
#include "sim/cli/isolate.h"
#include "sim/cli/mutation.h"
#include "sim/cli/options.h"
#include "sim/cli/shrink.h"
#include "sim/scenario/plugins.h"

#include <fmt/format.h>

namespace chronik::sim {
namespace {

void print_report(const Options& options, const RunReport& report) {
  if (!options.quiet || !report.invariant.empty()) {
    fmt::print("seed={} hash={:016x} virtual={:.1f}s events={} checks={} elections={} faults={} ({}) {} {}\n",
               report.seed, report.hash, static_cast<double>(report.virtual_ns) / 1e9, report.events,
               report.checks, report.elections, report.faults, faults_text(report.fault_kinds),
               report.workload, report.invariant.empty() ? "ok" : "VIOLATED");
  }
  if (report.invariant.empty() || options.expect_violation) return;
  for (const std::string& line : report.last_lines) fmt::print("  {}\n", line);
  fmt::print("violated at {:.6f} s: {}\nreplay: {}\n", static_cast<double>(report.violated_at) / 1e9,
             report.violation, replay_line(options, report.seed));
  std::fflush(stdout);
}

// True: the second process, with another layout of memory, saw the same.
bool same_elsewhere(const Options& options, const std::vector<uint64_t>& hashes) {
  std::vector<std::string> arguments = {
      "chronik-sim", "--seeds", fmt::format("{}..{}", options.first_seed, options.last_seed), "--layout", "3",
      "--shrink",    "0"};
  arguments.insert(arguments.end(), options.replay.begin(), options.replay.end());
  const auto others = hashes_of_another_process(arguments);
  if (!others) {
    fmt::print("{}\n", others.error().message);
    return false;
  }
  for (size_t i = 0; i < hashes.size(); ++i) {
    const std::string mine = fmt::format("{:016x}", hashes[i]);
    if (i < others->size() && (*others)[i] == mine) continue;
    fmt::print(
        "NOT DETERMINISTIC: seed {} gives {} here and {} with another layout of memory\nreplay: {} and "
        "the same with --layout 3; compare their --trace\n",
        options.first_seed + i, mine, i < others->size() ? (*others)[i] : "nothing",
        replay_line(options, options.first_seed + i));
    return false;
  }
  fmt::print("deterministic: {} runs gave the same trace hash under another layout of memory\n",
             hashes.size());
  return true;
}

void shrink_and_print(const Options& options, Job job, const Outcome& failure) {
  if (job.script != nullptr || options.shrink_seconds <= 0) return;
  job.options.schedule = plan_of(job.options).schedule;
  const Shrunk shrunk = shrink(job, failure, options.shrink_seconds);
  if (shrunk.from == 0) return;
  Options smaller = options;
  for (size_t i = 0; i + 1 < smaller.replay.size(); i += 2) {
    if (smaller.replay[i] != "--schedule") continue;
    smaller.replay.erase(smaller.replay.begin() + static_cast<std::ptrdiff_t>(i),
                         smaller.replay.begin() + static_cast<std::ptrdiff_t>(i) + 2);
    break;
  }
  smaller.replay.insert(smaller.replay.end(), {"--schedule", to_text(shrunk.schedule, "; ")});
  fmt::print("shrunk from {} faults to {} in {} runs ({:.1f} CPU s):\n", shrunk.from, shrunk.schedule.size(),
             shrunk.runs, shrunk.cpu_s);
  for (const Fault& fault : shrunk.schedule) fmt::print("  {}\n", to_text(fault));
  fmt::print("violated at {:.6f} s: {}\nreplay: {}\n",
             static_cast<double>(shrunk.outcome.report.violated_at) / 1e9, shrunk.outcome.report.violation,
             replay_line(smaller, failure.report.seed));
}

struct Totals {
  uint64_t runs = 0, failed = 0, events = 0, virtual_ns = 0;
  double cpu_s = 0;
  uint64_t first_failed = 0;  // which run, from 1 on
  Outcome failure;
};

int conclude(const Options& options, const Totals& totals, const std::vector<uint64_t>& hashes) {
  const double hours = static_cast<double>(totals.virtual_ns) / 3.6e12;
  fmt::print(
      "{} runs, {} failed, {} events, {:.2f} simulated hours in {:.2f} CPU s ({:.1f} hours per CPU minute)\n",
      totals.runs, totals.failed, totals.events, hours, totals.cpu_s,
      totals.cpu_s > 0 ? hours / totals.cpu_s * 60 : 0);
  if (options.check_determinism && !same_elsewhere(options, hashes)) return 1;
  if (options.expect_violation) return totals.failed > 0 ? 0 : 1;
  return totals.failed > 0 ? 1 : 0;
}

int run_all(const Options& options, const host::PluginSet& set) {
  std::vector<const Scenario*> scripts;
  for (const std::string& name : options.scenarios) scripts.push_back(find_scenario(name));
  if (scripts.empty()) scripts.push_back(nullptr);
  const auto job = [&](size_t i) {
    Job one{options.run, &set, scripts[i % scripts.size()]};
    one.options.seed = options.first_seed + i / scripts.size();
    return one;
  };
  Totals totals;
  std::vector<uint64_t> hashes;
  const size_t n = (options.last_seed - options.first_seed + 1) * scripts.size();
  run_jobs(n, options.jobs, job, [&](size_t i, Outcome outcome) {
    print_report(options, outcome.report);
    hashes.push_back(outcome.report.hash);
    ++totals.runs;
    totals.events += outcome.report.events;
    totals.virtual_ns += outcome.report.virtual_ns;
    totals.cpu_s += outcome.cpu_s;
    if (!outcome.failed()) return true;
    ++totals.failed;
    if (totals.first_failed == 0) {
      totals.first_failed = i + 1;
      totals.failure = std::move(outcome);
    }
    return options.keep_going;
  });
  if (totals.first_failed != 0) {
    const RunReport& report = totals.failure.report;
    if (options.expect_violation) {
      fmt::print("caught in seed {} ({} seeds tried): {}\nreplay: {}\n", report.seed, totals.first_failed,
                 report.violation, replay_line(options, report.seed));
    }
    shrink_and_print(options, job(totals.first_failed - 1), totals.failure);
  }
  return conclude(options, totals, hashes);
}

void print_schedules(const Options& options) {
  for (uint64_t seed = options.first_seed; seed <= options.last_seed; ++seed) {
    RunOptions run = options.run;
    run.seed = seed;
    fmt::print("# seed {}\n{}\n", seed, to_text(plan_of(run).schedule, "\n"));
  }
}

}  // namespace

int main_of(const std::vector<std::string>& arguments) {
  const auto options = parse_options(arguments);
  if (!options) {
    fmt::print(stderr, "{}\n", options.error().message);
    return 64;
  }
  if (options->help) {
    fmt::print("{}", usage());
    return 0;
  }
  if (options->print_schedule) {
    print_schedules(*options);
    return 0;
  }
  if (options->mutants) return run_mutants(*options);
  disturb_layout(options->layout);
  const auto set = plugins_of(options->run, options->plugins);
  if (!set) {
    fmt::print(stderr, "{}\n", set.error().message);
    return set.error().code == Code::kInvalidArgument ? 64 : 69;
  }
  return run_all(*options, *set);
}

}  // namespace chronik::sim

int main(int argc, char** argv) {
  return chronik::sim::main_of(std::vector<std::string>(argv + 1, argv + argc));
}
