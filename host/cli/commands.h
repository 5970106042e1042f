// What each command does, apart from how its words are parsed. Data goes to stdout, everything else to
// stderr. Each returns the exit code: 0 done, 1 failed, 2 wrong usage, 3 damaged data, 78 wrong configuration.
#pragma once

#include "host/config/settings.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace chronik::host {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitDamaged = 3;
inline constexpr int kExitConfig = 78;  // EX_CONFIG of sysexits.h

struct ConfigArguments {
  std::filesystem::path file;
  std::vector<std::string> set;                  // KEY=VALUE
  std::vector<EnvironmentVariable> environment;  // of the process
};

struct DevArguments {
  std::vector<std::string> set;
  std::vector<EnvironmentVariable> environment;
  std::filesystem::path data_dir;
  int32_t nodes = 1;
  uint16_t port = 9092;
  bool memory = false;
};

// Of `node`, `cluster` and `group`, which ask a running node.
struct AdminArguments {
  std::string http;        // "host:port"; empty: what the file says, or the default
  ConfigArguments config;  // file may be empty
  int32_t id = 0;
  std::string raft;  // "host:port"
  std::string group;
  bool watch = false;
  bool json = false;
};

// Of `group reset-offsets`: exactly one of the targets.
struct ResetArguments {
  std::vector<std::string> topics;  // "orders" or "orders:0,1"
  bool all_topics = false;
  bool earliest = false, latest = false;
  std::optional<int64_t> offset, timestamp_ms, shift;
  std::string datetime;  // "2026-11-29T03:00:00Z"
  bool execute = false;
};

// Of `storage`, which looks into the folder of a node that does not run.
struct StorageArguments {
  ConfigArguments config;  // file may be empty
  std::filesystem::path data_dir;
  std::string plugin;            // check: empty: the one that the data is bound to
  std::string from, to;          // copy
  std::filesystem::path to_dir;  // copy; empty: the same data_dir
};

int command_start(const ConfigArguments& arguments);
int command_dev(const DevArguments& arguments);
// Prints what is wrong with a configuration and returns kExitOk or what ends the command.
int check_config(const ConfigArguments& arguments);
// A cluster of arguments.nodes processes, whose files are in this folder.
int run_dev_cluster(const DevArguments& arguments, const std::filesystem::path& folder);
int command_check(const ConfigArguments& arguments);
int command_config_print(const ConfigArguments& arguments, bool origin);
int command_config_default(const ConfigArguments& arguments);

int command_node_list(const AdminArguments& arguments);
int command_node_status(const AdminArguments& arguments);
int command_node_add(const AdminArguments& arguments);
int command_node_remove(const AdminArguments& arguments);
int command_cluster_status(const AdminArguments& arguments);
int command_group_list(const AdminArguments& arguments);
int command_group_describe(const AdminArguments& arguments);
int command_group_delete(const AdminArguments& arguments);
int command_group_reset_offsets(const AdminArguments& arguments, const ResetArguments& reset);

int command_storage_check(const StorageArguments& arguments);
int command_storage_copy(const StorageArguments& arguments);

int command_plugin_ls(const std::filesystem::path& directory);
// A name in the directory, or a path.
int command_plugin_info(const std::filesystem::path& directory, const std::string& plugin);
int command_plugin_check(const std::filesystem::path& directory, const std::string& plugin);

int command_version(bool verbose);

}  // namespace chronik::host
