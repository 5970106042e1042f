// NodePlan: everything that can be known of a node before it starts. Made from the
// configuration and the plugins that it selects; what is wrong is collected, never thrown.
// `check`, `config` and `start` all stand on it.
#pragma once

#include "host/config/host_schema.h"
#include "host/loader/plugin_set.h"

#include <map>
#include <memory>
#include <set>

namespace chronik::host {

struct PlanOptions {
  std::filesystem::path file;  // empty: no file, as for `dev`
  std::vector<Override> overrides;
  std::vector<EnvironmentVariable> environment;
};

struct PlannedPlugin {
  std::string table;  // that configures it; may be empty
  TableValues values;
  std::string json;  // canonical; empty: its schema could not be read
};

class NodePlan {
 public:
  // Reads, selects, probes, resolves, loads, checks. Each goes on behind what the one before it found: all
  // errors are shown at once. A plugin's code first runs in a child process, where a crash does no harm.
  explicit NodePlan(const PlanOptions& options);
  NodePlan(const NodePlan&) = delete;
  NodePlan& operator=(const NodePlan&) = delete;

  bool ok() const { return diagnostics_.errors() == 0; }
  const Diagnostics& diagnostics() const { return diagnostics_; }
  const Settings& settings() const { return *settings_; }
  const HostConfig& config() const { return config_; }
  // All schemas that were read, the host's first: for `config default`.
  const std::vector<TableSchema>& schemas() const { return schemas_; }

  // REQUIRES: ok(). In start order; plugin(i) belongs to set()[i].
  const PluginSet& set() const { return set_; }
  const PlannedPlugin& plugin(size_t i) const { return plugins_[i]; }
  // The plugin in the slot that keeps the node's data; empty: none.
  const std::string& data_plugin() const { return data_plugin_; }

 private:
  struct Selected {
    std::string table;  // the slot, or list of slots; empty: from plugins = [...]
    std::string key;    // of the setting that names it
    std::string name;
    std::optional<PluginFile> file;
    bool stands_in = false;  // file is that of another plugin, for its keys
    bool is_absent = false;  // what was selected is not there, or unusable
  };

  std::vector<Selected> select();
  void select_lists(std::vector<Selected>* selected);
  void probe(Selected* selected);
  static std::string wrong_table(const Selected& selected, const Manifest& manifest);
  std::string find_stand_in(Selected* selected, const std::filesystem::path& sought) const;
  std::vector<std::string> unjudged(const std::string& table) const;
  void resolve(std::vector<Selected>* selected);
  void load();
  Status read_plugin_table(const LoadedPlugin& from, PlannedPlugin* plugin);
  void leave_alone();
  void check_names(const SlotList& list);
  void validate(size_t i);
  void report_invalid(size_t i, std::string message, const std::vector<const Setting*>& named);
  void try_instance(size_t i);
  void error_at(const std::string& key, const std::string& message, std::vector<std::string> notes = {});

  Diagnostics diagnostics_;
  TomlDocument document_;
  std::unique_ptr<Settings> settings_;
  HostConfig config_;
  std::vector<TableSchema> schemas_;
  std::map<std::string, std::string> selected_by_;  // plugin id -> key of the setting that selected it
  std::set<std::string> unread_;                    // tables of plugins that are not there
  bool is_complete_ = false;                        // each plugin that was selected could be probed
  bool lacks_further_ = false;                      // one of plugins = [...], whose table is not known
  PluginSet set_;
  std::vector<PlannedPlugin> plugins_;
  std::string data_plugin_;
};

// Where plugins are found by name when plugin_dir is not set.
std::filesystem::path default_plugin_dir();

}  // namespace chronik::host
