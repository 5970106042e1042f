#include "sim/scenario/plugins.h"

#include "host/config/diagnostic.h"
#include "sim/host/cluster.h"
#include "sim/scenario/mutants.h"

#include <fmt/format.h>

namespace chronik::sim {
namespace {

std::vector<std::string> names_of(const RunOptions& options) {
  std::vector<std::string> plugins = {options.storage_plugin, "raft"};
  if (options.workload.name != "log")
    plugins.insert(plugins.end(),
                   {options.retry_plugin, "metadata", "assignor-uniform", "assignor-range", "kafka-proto"});
  const MutantInfo* const mutant = find_mutant(options.mutant);
  for (std::string& plugin : plugins) {
    if (mutant != nullptr && mutant->plugin == plugin)
      plugin = fmt::format("{}/{}/{}.so", options.mutants, mutant->name, plugin);
  }
  return plugins;
}

// "--set raft.heartbeat=100ms" must not pass for a run with another heartbeat than the default one.
Status check_setting(const host::PluginSet& set, const std::string& name, const std::string& text) {
  std::vector<std::string> known;
  for (size_t i = 0; i < set.size(); ++i) {
    const auto schema = host::schema_from_abi(set[i].manifest().config, set[i].id(), set[i].schema());
    CHRONIK_CHECK(schema ? Status() : std::unexpected(schema.error()));
    for (const host::KeySchema& key : schema->keys) {
      known.push_back(schema->full_name(key));
      if (known.back() != name) continue;
      const auto value = host::check_text(key, text);
      if (value) return {};
      return fail(Code::kInvalidArgument, fmt::format("--set {} {}", name, value.error().message));
    }
  }
  const std::string_view near = host::closest(name, known);
  return fail(Code::kInvalidArgument,
              fmt::format("--set {}: no plugin of this run has this key{}", name,
                          near.empty() ? std::string() : fmt::format("; did you mean {}?", near)));
}

}  // namespace

Result<host::PluginSet> plugins_of(const RunOptions& options, const std::string& directory) {
  CHRONIK_TRY(auto set, load_plugins(directory, names_of(options)));
  for (const auto& [name, text] : options.config) CHRONIK_CHECK(check_setting(set, name, text));
  return set;
}

}  // namespace chronik::sim
