// The folder that holds everything a node keeps:
//
//     data_dir/lock             held while a node runs, so that two never share a folder
//     data_dir/node.toml        whose data this is: format, node id, incarnation, cluster
//     data_dir/<plugin>/        one folder per plugin
#pragma once

#include <chronik/abi.h>
#include <chronik/result.hpp>

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>

namespace chronik::host {

struct DataDirOptions {
  std::filesystem::path path;
  int32_t node_id = 1;
  std::string data_plugin;  // the plugin that the data is bound to; empty: none
};

class DataDir {
 public:
  // The newest format of node.toml that this version reads and writes.
  static constexpr int64_t kFormat = 1;

  DataDir() = default;
  ~DataDir();  // gives the lock back
  DataDir(const DataDir&) = delete;
  DataDir& operator=(const DataDir&) = delete;

  // Makes the folder where it does not exist. Refuses, without changing anything: a folder that another
  // process holds, that has other files but no node.toml, or that belongs to another node id, another data
  // plugin, or a newer format. A folder whose data plugin has lost all its files becomes a new incarnation.
  Status open(const DataDirOptions& options);

  // For tools, in place of open(): the folder of a node that does not run, locked; nothing else changes.
  // Refused: a folder that is no node's, or whose node runs, or of a newer format.
  Status open_stopped(const std::filesystem::path& path);
  // For tools, in place of open(): makes or takes a folder that is no node's yet, and locks it. What is called
  // `known`, or so with ".copying" behind it, may be there.
  Status open_unused(const std::filesystem::path& path, std::string_view known);
  // From here on the data is kept by this plugin, durably. After open_unused() the folder becomes that of the
  // same node as `from`.
  Status bind(const std::string& data_plugin);
  Status bind(const std::string& data_plugin, const DataDir& from);

  // Makes and returns the folder of a plugin.
  Result<std::filesystem::path> plugin_directory(const std::string& plugin_id) const;

  // Binds the folder to a cluster, durably; kFenced when it is bound to another. Thread-safe, blocks.
  Status adopt_cluster(std::string_view cluster_id);

  const std::filesystem::path& path() const { return path_; }
  int32_t node_id() const { return node_id_; }
  const std::string& data_plugin() const { return data_plugin_; }
  bool new_node() const { return new_node_; }    // nothing was kept here before this start
  bool lost_data() const { return lost_data_; }  // a former incarnation's data is gone
  const chr_uuid& incarnation() const { return incarnation_; }
  std::string cluster_id() const;

 private:
  Status lock();
  Status check_unused(std::string_view known) const;
  Status read_identity(std::string* data_plugin);
  Status check_identity(const DataDirOptions& options, const std::string& data_plugin);
  Status write_identity() const;
  Result<bool> has_files(const std::string& plugin_id) const;
  void renew();

  std::filesystem::path path_;
  int lock_ = -1;
  int32_t node_id_ = 0;
  chr_uuid incarnation_{};
  std::string data_plugin_;
  bool new_node_ = false;
  bool lost_data_ = false;
  mutable std::mutex mutex_;  // guards cluster_id_ and node.toml
  std::string cluster_id_;
};

// "6f9619ff-8b86-4011-b42d-00c04fc964ff"
std::string to_text(const chr_uuid& id);

}  // namespace chronik::host
