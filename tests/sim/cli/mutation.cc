#include "sim/cli/mutation.h"

#include "sim/cli/isolate.h"
#include "sim/scenario/mutants.h"
#include "sim/scenario/plugins.h"

#include <fmt/format.h>

#include <cmath>

namespace chronik::sim {
namespace {

constexpr size_t kMostSeeds = 100'000;

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    if (end > 0) words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

// How this mutant is run: what it names itself, and what the command line says on top.
Result<Options> options_for(const MutantInfo& mutant, const Options& given) {
  std::vector<std::string> words = words_of(mutant.arguments);
  words.insert(words.end(), {"--mutant", std::string(mutant.name)});
  words.insert(words.end(), given.replay.begin(), given.replay.end());
  CHRONIK_TRY(Options options, parse_options(words));
  options.plugins = given.plugins;
  return options;
}

Result<bool> catch_one(const MutantInfo& mutant, const Options& given) {
  CHRONIK_TRY(const Options options, options_for(mutant, given));
  CHRONIK_TRY(const host::PluginSet set, plugins_of(options.run, options.plugins));
  double cpu_s = 0;
  size_t tried = 0;
  Outcome caught;
  const auto job = [&](size_t i) {
    Job one{options.run, &set, options.scenarios.empty() ? nullptr : find_scenario(options.scenarios[0])};
    one.options.seed = given.first_seed + i;
    return one;
  };
  const auto limit = static_cast<uint32_t>(std::ceil(given.mutant_seconds));
  while (cpu_s < given.mutant_seconds && tried < kMostSeeds && !caught.failed()) {
    Outcome outcome = Isolated(job(tried++), limit, true).finish();
    cpu_s += outcome.cpu_s;
    if (outcome.failed()) caught = std::move(outcome);
  }
  if (!caught.failed()) {
    fmt::print("{:<28} NOT CAUGHT in {} seeds, {:.1f} CPU s: {}\n", mutant.name, tried, cpu_s, mutant.what);
  } else {
    fmt::print("{:<28} {:>5.1f} CPU s, {:>4} seeds: {}\n{:<28} {}\n", mutant.name, cpu_s, tried,
               caught.report.violation, "", replay_line(options, caught.report.seed));
  }
  std::fflush(stdout);
  return caught.failed();
}

}  // namespace

int run_mutants(const Options& options) {
  size_t caught = 0;
  for (const MutantInfo& mutant : mutants()) {
    const Result<bool> result = catch_one(mutant, options);
    if (!result) {
      fmt::print(stderr, "{}: {}\n", mutant.name, result.error().message);
      return 69;
    }
    caught += *result ? 1 : 0;
  }
  fmt::print("{} of {} mutants were caught, each within {:.0f} CPU s\n", caught, mutants().size(),
             options.mutant_seconds);
  return caught == mutants().size() ? 0 : 1;
}

}  // namespace chronik::sim
