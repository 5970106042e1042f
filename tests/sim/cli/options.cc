#include "sim/cli/options.h"

#include "sim/scenario/mutants.h"
#include "sim/scenario/scenarios.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <functional>
#include <map>

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
      {"--layout", number([](Options* o, uint64_t n) { o->layout = static_cast<uint32_t>(n); })},
      {"--log-level", number([](Options* o, uint64_t n) { o->run.log_level = static_cast<int32_t>(n); })},
      {"--plugins", text([](Options* o, std::string v) { o->plugins = std::move(v); })},
      {"--workload", text([](Options* o, std::string v) { o->run.workload.name = std::move(v); })},
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
  for (const std::string_view other : {"--seed", "--seeds", "--layout", "--log-level"}) {
    if (name == other) return false;
  }
  return true;
}

Status check(const Options& options) {
  const RunOptions& run = options.run;
  if (run.nodes < 1 || run.nodes > 9) return fail(Code::kInvalidArgument, "--nodes must be within 1 and 9");
  if (run.workload.groups < 1) return fail(Code::kInvalidArgument, "--groups must be at least 1");
  if (run.workload.name != "log" && run.workload.name != "kafka") {
    return fail(Code::kInvalidArgument,
                fmt::format("unknown workload \"{}\"; known: kafka, log", run.workload.name));
  }
  if (!run.mutant.empty() && make_mutant(run.mutant) == nullptr) {
    return fail(Code::kInvalidArgument, fmt::format("unknown mutant \"{}\"", run.mutant));
  }
  for (const std::string& name : options.scenarios) {
    if (find_scenario(name) == nullptr)
      return fail(Code::kInvalidArgument, fmt::format("unknown scenario \"{}\"", name));
  }
  return {};
}

}  // namespace

Result<Options> parse_options(int argc, char** argv) {
  Options out;
  std::error_code ignored;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  out.plugins = (self.parent_path().parent_path() / "plugins").string();
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    if (set_flag(name, &out)) continue;
    std::string value;
    if (const size_t equals = name.find('='); equals != std::string::npos) {
      value = name.substr(equals + 1);
      name.resize(equals);
    } else if (i + 1 < argc) {
      value = argv[++i];
    }
    const auto setter = setters().find(name);
    if (setter == setters().end()) {
      return fail(Code::kInvalidArgument, fmt::format("unknown option \"{}\"; see --help", name));
    }
    if (const Status status = setter->second(value, &out); !status) {
      return fail(Code::kInvalidArgument, fmt::format("{}: {}", name, status.error().message));
    }
    if (belongs_to_replay(name)) out.replay += fmt::format(" {} {}", name, value);
  }
  if (out.layout != 0) out.run.fill = static_cast<uint8_t>(0x11 * out.layout);
  CHRONIK_CHECK(check(out));
  return out;
}

std::string usage() {
  std::string text =
      "chronik-sim: a cluster in virtual time, every run a pure function of its seed\n\n"
      "  --seed N | --seeds A..B   what to run (default 1)\n"
      "  --minutes M, --seconds S  virtual time with faults (default 1 minute); healing comes on top\n"
      "  --nodes N                 nodes of the cluster (default 3)\n"
      "  --workload kafka|log      clients through kafka-proto, or proposals straight at raft (default "
      "kafka)\n"
      "  --groups N --rate N --records N --record-bytes N\n"
      "                            partitions; requests a second; records in one; bytes of one\n"
      "  --faults LIST             default, all, none, or of: " +
      faults_text(kAllFaults) +
      "\n"
      "  --mutant NAME             a planted bug, see below; with --expect-violation it must be caught\n"
      "  --scenario NAME           a scripted run instead of a random one, see below\n"
      "  --retry PLUGIN            the retry policy (default retry-exponential)\n"
      "  --plugins DIR             where the plugins are (default ../plugins from here)\n"
      "  --set KEY=VALUE           a key of a plugin's table, such as raft.heartbeat=100ms\n"
      "  --check-determinism       runs every seed twice, the second time with another layout of memory\n"
      "  --keep-going --quiet --logs --log-level N --trace\n\n"
      "mutants:\n";
  for (const MutantInfo& mutant : mutants()) text += fmt::format("  {:<24} {}\n", mutant.name, mutant.what);
  text += "scenarios:\n";
  for (const Scenario& scenario : scenarios())
    text += fmt::format("  {:<24} {}\n", scenario.name, scenario.what);
  return text;
}

}  // namespace chronik::sim
