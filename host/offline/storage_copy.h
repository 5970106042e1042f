// `storage copy`: everything that one storage keeps, copied into another, for a node that does not run.
//
// The copy grows in a folder of its own, where no node looks:
//
//     <target>/<plugin>.copying/copy.toml   of what it is a copy, so that an interrupted one goes on
//     <target>/<plugin>.copying/data/       the folder of the plugin
//     <target>/<plugin>/                    data/, renamed, once both sides were read again and are the same
//
// then the data belongs to the plugin that has the copy (the identity file, node.toml in data_dir), durably: the
// last step, and the only one that a node sees. The source is only read.
#pragma once

#include "host/offline/group_digest.h"
#include "host/offline/stopped_node.h"

namespace chronik::host {

struct StorageCopyOptions {
  PluginFile from;
  PluginFile to;
  std::filesystem::path to_dir;                      // another data_dir; empty: the node's own
  std::function<void(const std::string& line)> say;  // what happens, for people
};

struct StorageCopyResult {
  uint64_t groups = 0, keys = 0, entries = 0, bytes = 0;
  uint32_t checksum = 0;
  std::filesystem::path source, target;  // the plugins' folders
};

// A process without threads, which holds the node's lock.
class StorageCopy {
 public:
  StorageCopy(StoppedNode& node, StorageCopyOptions options);

  // After an error the same call goes on where it stopped, unless it says what is to be done before.
  Result<StorageCopyResult> run();

 private:
  Status check_source() const;
  Status check_apart() const;
  Status prepare();
  Status begin_anew();
  std::string end_unfinished(bool is_useless, Code code) const;
  Status transfer();
  Status verify();
  Status compare(int from, int to);
  Status put_in_place();
  Status with_opened(const std::filesystem::path& folder, const PluginFile& file,
                     const std::function<Status(const StorageAdmin& admin)>& fn) const;
  Status read_groups(const std::filesystem::path& folder, const PluginFile& file, int socket) const;
  Status write_groups(int socket) const;
  Status digest_groups(const std::filesystem::path& folder, const PluginFile& file, int socket) const;

  StoppedNode& node_;
  StorageCopyOptions options_;
  DataDir other_;    // where to_dir is
  DataDir* target_;  // where the copy is to stay
  StorageCopyResult result_;
  std::filesystem::path work_;  // <plugin>.copying
  bool is_in_place_ = false;    // an earlier run was ended behind the rename
};

}  // namespace chronik::host
