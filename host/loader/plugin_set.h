// The plugins that a host was told to run, in the order in which they start. Used by every host: nothing here
// depends on a runtime. One set serves any number of nodes in one process: see Instances.
//
//     std::vector<PluginFile> files = ...;                               // PluginFile::probe of each
//     CHRONIK_TRY(PluginSet set, PluginSet::resolve(std::move(files)));  // no plugin code has run so far
//     CHRONIK_CHECK(set.load());                                         // dlopen, version negotiation
//     set[i].schema(), set[i].table(), ...
#pragma once

#include <chronik/plugin.h>

#include "host/loader/plugin_file.h"

#include <optional>
#include <span>

namespace chronik::host {

// One plugin of a set. Its file stays loaded until the process ends.
class LoadedPlugin {
 public:
  explicit LoadedPlugin(PluginFile file) : file_(std::move(file)) {}

  const PluginFile& file() const { return file_; }
  const Manifest& manifest() const { return file_.manifest(); }
  const std::string& id() const { return file_.manifest().id; }

  // Opens the file and negotiates the version: from here on the plugin's code runs.
  Status load();
  bool loaded() const { return table_ != nullptr; }

  // REQUIRES: loaded.
  const chr_plugin_v1& table() const { return *table_; }
  std::span<const chr_config_key> schema() const { return schema_; }
  // Checks relations between keys, without side effects.
  Status validate(std::string_view json) const;

 private:
  Status check_table(const chr_plugin_v1* table) const;

  PluginFile file_;
  const chr_plugin_v1* table_ = nullptr;
  std::span<const chr_config_key> schema_;
};

class PluginSet {
 public:
  struct Problem {
    std::string plugin;   // whose selection is to be changed
    std::string message;  // names plugin, service, and what to change
    bool is_absence;      // of a provider: another plugin beside these would help
  };
  // Why these plugins cannot run together; empty if they can.
  static std::vector<Problem> problems(const std::vector<PluginFile>& files);

  // Orders the plugins so that each comes after what it requires, or has as optional. Refused, all reasons in
  // one message (a line each): the same plugin twice, two providers of a service (under one name, where it has
  // names), a required service that nobody provides, a cycle.
  static Result<PluginSet> resolve(std::vector<PluginFile> files);

  // All of them, each once, whatever their problems: for reading their schemas, not for running them.
  static PluginSet unresolved(std::vector<PluginFile> files);

  // Loads every plugin that is not loaded yet; stops at the first one that fails.
  Status load();

  // In start order.
  size_t size() const { return plugins_.size(); }
  const LoadedPlugin& operator[](size_t i) const { return plugins_[i]; }
  LoadedPlugin& operator[](size_t i) { return plugins_[i]; }
  std::optional<size_t> find(std::string_view plugin_id) const;
  std::optional<size_t> provider(std::string_view service) const;

 private:
  std::vector<LoadedPlugin> plugins_;
};

}  // namespace chronik::host
