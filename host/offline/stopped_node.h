// The folder of a node that does not run, and what its configuration says of it: for the tools that look into
// it.
#pragma once

#include "host/app/data_dir.h"
#include "host/config/host_schema.h"
#include "host/loader/plugin_file.h"
#include "host/offline/lone_plugin.h"

namespace chronik::host {

struct StoppedNodeOptions {
  std::filesystem::path file;  // its TOML; empty: none
  std::vector<Override> overrides;
  std::vector<EnvironmentVariable> environment;
};

class StoppedNode {
 public:
  explicit StoppedNode(StoppedNodeOptions options);
  StoppedNode(const StoppedNode&) = delete;
  StoppedNode& operator=(const StoppedNode&) = delete;

  // What is wrong with the host's keys; those of plugins are judged by values().
  const Diagnostics& diagnostics() const { return diagnostics_; }

  // Takes the lock; refused while the node runs.
  Status lock() { return data_.open_stopped(config_.data_dir); }
  DataDir& data() { return data_; }

  // A storage with chronik.storage_admin/1, by its name or path. Runs no code of it.
  Result<PluginFile> find_storage(std::string_view name) const;
  // To run it on a folder; this outlives it.
  LonePluginOptions plugin_options(const PluginFile& file, const std::filesystem::path& folder) const;
  // The keys of a plugin as the configuration has them; for those that it does not have, their defaults.
  Result<TableValues> values(const TableSchema& schema) const;

 private:
  StoppedNodeOptions options_;
  Diagnostics diagnostics_;
  HostConfig config_;
  DataDir data_;
};

}  // namespace chronik::host
