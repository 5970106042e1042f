// chronik-sim: runs seeds, prints what happened, and on a failure the one line that replays it.
#include "sim/cli/determinism.h"
#include "sim/cli/options.h"
#include "sim/scenario/scenarios.h"

#include <fmt/format.h>

#include <unistd.h>
#include <csignal>
#include <cstring>
#include <ctime>

namespace chronik::sim {
namespace {

// For the case that a plugin aborts: said by the signal handler, so prepared before.
char g_replay[1024];

void on_abort(int signal) {
  constexpr char kText[] = "the process was killed by a failed assertion or a bad access; replay: ";
  (void)!write(2, kText, sizeof kText - 1);
  (void)!write(2, g_replay, std::strlen(g_replay));
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

std::string replay_line(const Options& options, uint64_t seed) {
  return fmt::format("chronik-sim --seed {}{}", seed, options.replay);
}

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
bool same_elsewhere(const Options& options, uint64_t first, const std::vector<uint64_t>& hashes) {
  std::vector<std::string> arguments = {
      "chronik-sim", "--seeds", fmt::format("{}..{}", first, first + hashes.size() - 1), "--layout", "3"};
  std::string rest = options.replay + " ";
  for (size_t at = 0, end; (end = rest.find(' ', at)) != std::string::npos; at = end + 1) {
    if (end > at) arguments.push_back(rest.substr(at, end - at));
  }
  const auto others = hashes_of_another_process(arguments);
  if (!others) {
    fmt::print("{}\n", others.error().message);
    return false;
  }
  for (size_t i = 0; i < hashes.size(); ++i) {
    const std::string mine = fmt::format("{:016x}", hashes[i]);
    if (i < others->size() && (*others)[i] == mine) continue;
    fmt::print(
        "NOT DETERMINISTIC: seed {} gives {} here and {} with another layout of memory\nreplay: {} and the "
        "same "
        "with --layout 3; compare their --trace\n",
        first + i, mine, i < others->size() ? (*others)[i] : "nothing", replay_line(options, first + i));
    return false;
  }
  return true;
}

struct Totals {
  uint64_t runs = 0, failed = 0, events = 0, virtual_ns = 0;
};

int run_all(const Options& options, const host::PluginSet& set) {
  Totals totals;
  const std::clock_t begin = std::clock();
  std::vector<uint64_t> hashes;
  uint64_t first_caught = 0;
  std::vector<const Scenario*> scripts;
  for (const std::string& name : options.scenarios) scripts.push_back(find_scenario(name));
  for (uint64_t seed = options.first_seed; seed <= options.last_seed; ++seed) {
    RunOptions run_options = options.run;
    run_options.seed = seed;
    std::snprintf(g_replay, sizeof g_replay, "%s\n", replay_line(options, seed).c_str());
    const size_t n = scripts.empty() ? 1 : scripts.size();
    RunReport report;
    for (size_t i = 0; i < n && report.invariant.empty(); ++i) {
      report = scripts.empty() ? run(run_options, set) : scripts[i]->run(run_options, set);
      print_report(options, report);
      hashes.push_back(report.hash);
      totals.events += report.events;
      totals.virtual_ns += report.virtual_ns;
    }
    ++totals.runs;
    if (report.invariant.empty()) continue;
    ++totals.failed;
    if (first_caught == 0) {
      first_caught = seed;
      if (options.expect_violation) {
        fmt::print("caught in seed {} ({} seeds tried): {}\nreplay: {}\n", seed, totals.runs,
                   report.violation, replay_line(options, seed));
      }
    }
    if (!options.keep_going) break;
  }
  const double cpu = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  const double hours = static_cast<double>(totals.virtual_ns) / 3.6e12;
  fmt::print(
      "{} runs, {} failed, {} events, {:.2f} simulated hours in {:.2f} CPU s ({:.1f} hours per CPU minute)\n",
      totals.runs, totals.failed, totals.events, hours, cpu, cpu > 0 ? hours / cpu * 60 : 0);
  if (options.check_determinism) {
    if (!same_elsewhere(options, options.first_seed, hashes)) return 1;
    fmt::print("deterministic: {} runs gave the same trace hash under another layout of memory\n",
               hashes.size());
  }
  if (options.expect_violation) return totals.failed > 0 ? 0 : 1;
  return totals.failed > 0 ? 1 : 0;
}

}  // namespace

int main_of(int argc, char** argv) {
  const auto options = parse_options(argc, argv);
  if (!options) {
    fmt::print(stderr, "{}\n", options.error().message);
    return 64;
  }
  if (options->help) {
    fmt::print("{}", usage());
    return 0;
  }
  disturb_layout(options->layout);
  const auto set = load_plugins(options->plugins, plugins_for(options->run));
  if (!set) {
    fmt::print(stderr, "{}\n", set.error().message);
    return 69;
  }
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE}) std::signal(signal, on_abort);
  return run_all(*options, *set);
}

}  // namespace chronik::sim

int main(int argc, char** argv) { return chronik::sim::main_of(argc, argv); }
