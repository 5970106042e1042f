#include "sim/cli/options.h"

#include "sim/scenario/mutants.h"
#include "sim/scenario/scenarios.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

namespace chronik::sim {
namespace {

Result<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return fail(Code::kInvalidArgument, fmt::format("\"{}\" is not a number", text));
  }
  return value;
}

Status parse_seeds(std::string_view text, Options* out) {
  const size_t dots = text.find("..");
  CHRONIK_TRY(out->first_seed, parse_number(text.substr(0, dots)));
  out->last_seed = out->first_seed;
  if (dots != std::string_view::npos) {
    CHRONIK_TRY(out->last_seed, parse_number(text.substr(dots + 2)));
  }
  return {};
}

// A list of faults, or @FILE with one.
Status parse_schedule_option(std::string_view text, Options* out) {
  std::string list(text);
  if (text.starts_with('@')) {
    std::ifstream file(list.substr(1));
    if (!file) return fail(Code::kNotFound, fmt::format("cannot read the file \"{}\"", list.substr(1)));
    std::stringstream content;
    content << file.rdbuf();
    list = content.str();
  }
  CHRONIK_TRY(out->run.schedule, parse_schedule(list));
  return {};
}

// Options with a value: how each changes the whole.
using Setter = std::function<Status(std::string_view, Options*)>;

Setter number(std::function<void(Options*, uint64_t)> set) {
  return [set](std::string_view text, Options* out) -> Status {
    CHRONIK_TRY(const uint64_t value, parse_number(text));
    set(out, value);
    return {};
  };
}

Setter text(std::function<void(Options*, std::string)> set) {
  return [set](std::string_view value, Options* out) -> Status {
    set(out, std::string(value));
    return {};
  };
}

const std::map<std::string, Setter, std::less<>>& setters() {
  static const std::map<std::string, Setter, std::less<>> kSetters = {
      {"--seed", parse_seeds},
      {"--seeds", parse_seeds},
      {"--minutes", number([](Options* o, uint64_t n) { o->run.duration_ns = n * 60 * kSecond; })},
      {"--seconds", number([](Options* o, uint64_t n) { o->run.duration_ns = n * kSecond; })},
      {"--nodes", number([](Options* o, uint64_t n) { o->run.nodes = static_cast<uint32_t>(n); })},
      {"--groups", number([](Options* o, uint64_t n) { o->run.workload.groups = static_cast<uint32_t>(n); })},
      {"--rate", number([](Options* o, uint64_t n) { o->run.workload.requests_per_s = n; })},
      {"--records", number([](Options* o, uint64_t n) {
         o->run.workload.records_per_request = static_cast<uint32_t>(n);
       })},
      {"--record-bytes",
       number([](Options* o, uint64_t n) { o->run.workload.record_bytes = static_cast<uint32_t>(n); })},
      {"--retain", number([](Options* o, uint64_t n) { o->run.workload.retained_records = n; })},
      {"--replicas",
       number([](Options* o, uint64_t n) { o->run.workload.replicas = static_cast<uint32_t>(n); })},
      {"--jobs", number([](Options* o, uint64_t n) { o->jobs = static_cast<uint32_t>(n); })},
      {"--shrink", number([](Options* o, uint64_t n) { o->shrink_seconds = static_cast<double>(n); })},
      {"--mutant-seconds",
       number([](Options* o, uint64_t n) { o->mutant_seconds = static_cast<double>(n); })},
      {"--schedule", parse_schedule_option},
      {"--layout", number([](Options* o, uint64_t n) { o->layout = static_cast<uint32_t>(n); })},
      {"--log-level", number([](Options* o, uint64_t n) { o->run.log_level = static_cast<int32_t>(n); })},
      {"--plugins", text([](Options* o, std::string v) { o->plugins = std::move(v); })},
      {"--workload", text([](Options* o, std::string v) { o->run.workload.name = std::move(v); })},
      {"--storage", text([](Options* o, std::string v) { o->run.storage_plugin = std::move(v); })},
      {"--retry", text([](Options* o, std::string v) { o->run.retry_plugin = std::move(v); })},
      {"--mutant", text([](Options* o, std::string v) { o->run.mutant = std::move(v); })},
      {"--scenario", text([](Options* o, std::string v) { o->scenarios.push_back(std::move(v)); })},
      {"--faults",
       [](std::string_view v, Options* o) -> Status {
         CHRONIK_TRY(o->run.faults, parse_faults(v));
         return {};
       }},
      {"--set",
       [](std::string_view v, Options* o) -> Status {
         const size_t equals = v.find('=');
         if (equals == std::string_view::npos) return fail(Code::kInvalidArgument, "--set wants key=value");
         o->run.config.emplace_back(v.substr(0, equals), v.substr(equals + 1));
         return {};
       }},
  };
  return kSetters;
}

bool set_flag(std::string_view name, Options* out) {
  if (name == "--check-determinism") return out->check_determinism = true;
  if (name == "--mutants") return out->mutants = true;
  if (name == "--print-schedule") return out->print_schedule = true;
  if (name == "--expect-violation") return out->expect_violation = true;
  if (name == "--keep-going") return out->keep_going = true;
  if (name == "--quiet") return out->quiet = true;
  if (name == "--logs") return out->run.print_logs = true;
  if (name == "--trace") return out->run.trace = true;
  if (name == "--help") return out->help = true;
  return false;
}

// Which options change what a run does, and so belong to the line that replays it.
bool belongs_to_replay(std::string_view name) {
  for (const std::string_view other :
       {"--seed", "--seeds", "--layout", "--log-level", "--jobs", "--shrink", "--mutant-seconds"}) {
    if (name == other) return false;
  }
  return true;
}

Status check(const Options& options) {
  const RunOptions& run = options.run;
  if (run.nodes < 1 || run.nodes > 9) return fail(Code::kInvalidArgument, "--nodes must be within 1 and 9");
  if (run.workload.groups < 1) return fail(Code::kInvalidArgument, "--groups must be at least 1");
  if (run.workload.replicas < 1) return fail(Code::kInvalidArgument, "--replicas must be at least 1");
  if (run.workload.name != "log" && run.workload.name != "kafka" && run.workload.name != "groups") {
    return fail(Code::kInvalidArgument,
                fmt::format("unknown workload \"{}\"; known: kafka, groups, log", run.workload.name));
  }
  if (!run.mutant.empty() && find_mutant(run.mutant) == nullptr) {
    return fail(Code::kInvalidArgument, fmt::format("unknown mutant \"{}\"", run.mutant));
  }
  for (const std::string& name : options.scenarios) {
    if (find_scenario(name) == nullptr)
      return fail(Code::kInvalidArgument, fmt::format("unknown scenario \"{}\"", name));
  }
  return {};
}

}  // namespace

Result<Options> parse_options(const std::vector<std::string>& arguments) {
  Options out;
  std::error_code ignored;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const auto build = self.parent_path().parent_path();
  out.plugins = (build / "plugins").string();
  out.run.mutants = (build / "tests" / "mutants").string();
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string name = arguments[i];
    if (set_flag(name, &out)) continue;
    std::string value;
    if (const size_t equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    }
    const auto setter = setters().find(name);
    if (setter == setters().end()) {
      return fail(Code::kInvalidArgument, fmt::format("unknown option \"{}\"; see --help", name));
    }
    if (const Status status = setter->second(value, &out); !status) {
      return fail(Code::kInvalidArgument, fmt::format("{}: {}", name, status.error().message));
    }
    if (belongs_to_replay(name)) out.replay.insert(out.replay.end(), {name, value});
  }
  if (out.layout != 0) out.run.fill = static_cast<uint8_t>(0x11 * out.layout);
  CHRONIK_CHECK(check(out));
  return out;
}

std::string replay_line(const Options& options, uint64_t seed) {
  std::string line = fmt::format("chronik-sim --seed {}", seed);
  for (const std::string& word : options.replay) {
    const bool plain = word.find_first_of(" ;'") == std::string::npos;
    line += plain ? " " + word : " '" + word + "'";
  }
  return line;
}

std::string usage() {
  std::string text =
      "chronik-sim: a cluster in virtual time, every run a pure function of its seed\n\n"
      "  --seed N | --seeds A..B   what to run (default 1)\n"
      "  --minutes M, --seconds S  virtual time with faults (default 1 minute); healing comes on top\n"
      "  --nodes N                 nodes of the cluster (default 3)\n"
      "  --workload kafka|groups|log   clients through kafka-proto, members of groups likewise, or proposals "
      "straight at\n"
      "                            raft (default kafka)\n"
      "  --groups N --replicas N --rate N --records N --record-bytes N\n"
      "                            partitions; their replicas (3); requests a second; records in one; bytes "
      "of one\n"
      "  --retain N                records that logs are trimmed to once the faults are over (workload log)\n"
      "  --faults LIST             default, all, none, or of: " +
      faults_text(kAllFaults) +
      "\n"
      "  --schedule LIST           these faults in place of those that the seed draws: \"12.5 power node=1 "
      "lasts=3; ...\",\n"
      "                            none, or @FILE; --print-schedule shows what a seed draws\n"
      "  --shrink S                CPU seconds for making the schedule of the first failing run smaller "
      "(default 60)\n"
      "  --mutant NAME             a planted bug, see below; with --expect-violation it must be caught\n"
      "  --mutants                 runs every planted bug until it is caught, at most --mutant-seconds "
      "(60) of CPU each\n"
      "  --scenario NAME           a scripted run instead of a random one, see below\n"
      "  --storage PLUGIN          the storage (default storage-memory): a name, or a file with a slash in "
      "it\n"
      "  --retry PLUGIN            the retry policy (default retry-exponential), likewise\n"
      "  --plugins DIR             where the plugins are (default ../plugins from here)\n"
      "  --set KEY=VALUE           a key of a plugin's table, such as raft.heartbeat_interval=100ms\n"
      "  --check-determinism       runs every seed twice, the second time with another layout of memory\n"
      "  --jobs N                  runs side by side (default 1)\n"
      "  --keep-going --quiet --logs --log-level N --trace\n\n"
      "mutants:\n";
  for (const MutantInfo& mutant : mutants()) text += fmt::format("  {:<24} {}\n", mutant.name, mutant.what);
  text += "scenarios:\n";
  for (const Scenario& scenario : scenarios())
    text += fmt::format("  {:<24} {}\n", scenario.name, scenario.what);
  return text;
}

}  // namespace chronik::sim
