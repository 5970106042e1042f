// The host's own keys, and the slots into which plugins go.
#pragma once

#include "host/config/settings.h"

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace chronik::host {

// A table that names the plugin which it configures. This list is all that the host
// knows of what plugins are for.
struct Slot {
  std::string_view table;
  std::string_view default_plugin;
  bool keeps_data;  // the node's data is bound to the plugin in this slot
  std::string_view doc;
};
inline constexpr std::array<Slot, 5> kSlots = {{
    {"storage", "storage-lmdb", true,
     "Where the log is kept. Each storage has its own folder below data_dir."},
    {"retry", "retry-exponential", false, "How long to wait between attempts that failed."},
    {"raft", "raft", false, "Consensus and replication."},
    {"metadata", "metadata", false, "The catalog of topics, partitions and nodes."},
    {"kafka", "kafka-proto", false, "The Kafka protocol: where clients connect."},
}};
// A table that names any number of plugins; each has its keys in a table of its own below: [assignor.range].
struct SlotList {
  std::string_view table;
  std::string_view default_plugins;
  std::string_view user;       // the slot whose plugin asks them: where that is empty, so is this by default
  std::string_view names_key;  // of the user's table: which of them it asks, by the names of their services
  std::string_view doc;
};
inline constexpr std::array<SlotList, 1> kSlotLists = {{
    {"assignor", "[\"assignor-uniform\", \"assignor-range\"]", "kafka", "group_consumer_assignors",
     "How partitions are assigned to the members of consumer groups."},
}};
// In place of a plugin's name: the slot stays empty.
inline constexpr std::string_view kNoPlugin = "none";

std::vector<TableSchema> host_schemas();

struct ConfiguredPeer {
  int32_t id = 0;
  std::string raft;    // "host:port"
  Position at, end;    // where its id, or the entry itself, stands
  std::string source;  // of one that does not come from the file
};

// The host's keys as values. Relative paths from the file are relative to the file's folder, others to the
// working directory.
struct HostConfig {
  int32_t node_id = 1;
  std::filesystem::path data_dir;
  std::string rack;
  uint32_t shards = 0;               // 0: one per core
  std::filesystem::path plugin_dir;  // empty: ../plugins from the executable
  std::vector<std::string> plugins;  // beside those of the slots
  std::string http_listen;
  std::string log_level;
  std::string log_format;
  int64_t drain_timeout_ns = 0;
  std::string file_io;                // "auto", "io_uring", "threads"
  std::vector<ConfiguredPeer> peers;  // as configured; empty for a node alone
};

// Reads host_schemas() and [[peer]] into settings and checks what goes beyond single keys. What is wrong is
// in the settings' diagnostics; the value that then stands here is the default.
HostConfig read_host_config(Settings& settings, const std::filesystem::path& file);

// Reports what is listened on twice: a port of an address under `listen`, of whatever table, and this node's
// own under [[peer]]. After all tables were read.
void check_listen_addresses(Settings& settings, const HostConfig& config);

// [[peer]] entries. Overridden as a whole by CHRONIK_PEER or --set peer=,
// in the form "1@host:port,2@host:port".
std::vector<ConfiguredPeer> read_peers(Settings& settings);

}  // namespace chronik::host
