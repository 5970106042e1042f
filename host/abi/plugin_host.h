// PluginHost: the host's side of one plugin instance, as the table chr_host_v1 and
// every host service behind it.
//
// How the application uses it, all on the control thread:
//
//     PluginHost host(runtime, health, {.id = "storage-lmdb", .config = &values, .node = node, ...});
//     table->create(host.core(), json, &instance, &error);
//     runtime.call([&](uint64_t token, chr_error* e) { return table->start(instance, token, e); }, patience);
//     host.started();            // ready, unless the plugin said otherwise through chronik.host.health
//     ...
//     host.close_listeners();    // stop begins: no new connections
//     runtime.call([&](uint64_t token, chr_error* e) { return table->stop(instance, token, e); }, patience);
//     host.close_connections();  // and channels, that the plugin left open; closed() was called for each
//     table->destroy(instance);
//
// A PluginHost lives until Runtime::stop() has returned: completions still on their way name it.
#pragma once

#include "host/runtime/runtime.h"

#include <chronik/net.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::host {

class AdminRoutes;
class Connections;
class FileFolder;
class Health;
class Links;
class Listener;

// Values of one plugin's configuration table, defaults filled in. Keys are as in the plugin's schema (dots
// for nested tables). Immutable and callable from any thread; lives as long as the PluginHost.
class ConfigValues {
 public:
  virtual ~ConfigValues() = default;
  // BOOL (0, 1), INT, DURATION (ns), SIZE (bytes). CHR_OK or CHR_E_NOT_FOUND.
  virtual chr_status integer(std::string_view key, int64_t* out) const = 0;
  // STRING, ADDRESS, CHOICE. The text lives as long as this object. CHR_OK or CHR_E_NOT_FOUND.
  virtual chr_status string(std::string_view key, std::string_view* out) const = 0;
  // Element i of a list of numbers, or of texts. CHR_OK, CHR_E_NOT_FOUND, or CHR_E_OUT_OF_RANGE past the end.
  virtual chr_status integer_at(std::string_view key, uint32_t i, int64_t* out) const = 0;
  virtual chr_status string_at(std::string_view key, uint32_t i, std::string_view* out) const = 0;
  // Whether something else than the schema said the value.
  virtual bool is_given(std::string_view) const { return false; }
};

// Who this node is, as one plugin sees it (chr_node_info).
struct NodeIdentity {
  struct Peer {
    int32_t id = 0;
    std::string address;  // "host:port" of its links
  };
  int32_t id = 0;
  std::string directory;  // this plugin's own, below data_dir; already made, or empty
  std::vector<Peer> peers;
  bool new_node = false;
  chr_uuid incarnation{};
  std::string rack;
};

struct PluginHostOptions {
  std::string id;                        // the plugin's, for logs and metrics
  uint32_t abi_minor = CHR_ABI_MINOR;    // as negotiated
  const ConfigValues* config = nullptr;  // null: every key is NOT_FOUND
  NodeIdentity node;
  // acquire(): the table of another plugin's service and the first argument of its functions, or null. Called
  // on the control thread, from start() on.
  std::function<const void*(std::string_view service, void** instance)> resolve;
  // adopt_cluster(): binds the data directory; any thread, may block. Absent: UNSUPPORTED.
  std::function<Status(std::string_view cluster_id)> adopt_cluster;
  Connections* connections = nullptr;  // null: nobody can listen
  Links* links = nullptr;              // null: this host has no links
  AdminRoutes* admin = nullptr;        // null: this host has no HTTP
  std::shared_ptr<FileFolder> files;   // null: this plugin has no folder
};

class PluginHost {
 public:
  // Runtime, health, and options.config outlive it. From here on the node is not ready, until started().
  PluginHost(Runtime& runtime, Health& health, PluginHostOptions options);
  ~PluginHost();
  PluginHost(const PluginHost&) = delete;
  PluginHost& operator=(const PluginHost&) = delete;

  const chr_host_v1* core() const { return &core_; }
  const std::string& id() const { return options_.id; }

  // Control thread.
  void started();
  void close_listeners();  // and HTTP routes
  void close_connections();

  // Buffers that this plugin allocated and that are still leased by somebody.
  int64_t live_buffers() const;
  // Of each of them, where the code is that retained it last; null: nobody but this plugin did.
  std::vector<const void*> retainers() const;

 private:
  friend struct PluginServices;  // the tables (plugin_services.cc)
  friend struct FileServices;    // that of files (file_services.cc)
  Result<uint16_t> listen(std::string_view address, const chr_protocol_v1* protocol, void* instance);

  Runtime& runtime_;
  Health& health_;
  PluginHostOptions options_;
  chr_host_v1 core_{};
  chr_node_info node_{};
  std::vector<chr_peer> peers_;
  uint32_t buffer_owner_ = 0;  // who pays for what this plugin allocates, in the buffer pool
  std::vector<std::unique_ptr<Listener>> listeners_;
};

}  // namespace chronik::host
