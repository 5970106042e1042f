// A running node: data folder, runtime, HTTP port and plugin instances, from start to stop.
#pragma once

#include "host/abi/plugin_host.h"
#include "host/app/data_dir.h"
#include "host/app/plan.h"
#include "host/app/table_config.h"
#include "host/app/watchdog.h"
#include "host/files/file_service.h"
#include "host/http/admin_routes.h"
#include "host/http/http_server.h"
#include "host/link/links.h"
#include "host/loader/instances.h"
#include "host/net/connections.h"
#include "host/observe/health.h"
#include "host/observe/logger.h"
#include "host/observe/metrics.h"

#include <memory>

namespace chronik::host {

// Control thread only.
class Server {
 public:
  // plan is ok() and outlives the server. is_stopping: whether a signal asked for the end; any thread.
  Server(const NodePlan& plan, std::function<bool()> is_stopping);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Starts everything. On an error all that had started is stopped again.
  Status start();
  // Ends what is in flight, within drain_timeout. An error: something did not stop in time; then the process
  // must end without unwinding (see run_node).
  Status stop();

  // What `/readyz` says.
  const Health& health() const { return health_; }
  Logger& logger() { return logger_; }

 private:
  void log_beginning();
  Status open_data();
  Status open_links();
  Status make_hosts();
  Status start_plugins();
  Status start_http();
  Status adopt_cluster(std::string_view id);
  NodeIdentity identity(const std::string& directory) const;
  Status await(size_t i, const Runtime::Call& call);
  std::string what_it_may_wait_for(size_t i) const;
  void tell_leaks();
  std::string plugin_at(const void* code) const;

  const NodePlan& plan_;
  const std::function<bool()> is_stopping_;
  Logger logger_;
  Watchdog watchdog_;
  Metrics metrics_;
  Health health_;
  DataDir data_;
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<Connections> connections_;
  std::unique_ptr<FileService> files_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<AdminRoutes> admin_;
  std::unique_ptr<Links> links_;
  std::vector<std::unique_ptr<TableConfig>> values_;
  std::vector<std::unique_ptr<PluginHost>> hosts_;
  std::unique_ptr<Instances> instances_;
  std::chrono::steady_clock::time_point deadline_;  // of a stop
  bool stopping_ = false;
  bool unclean_ = false;  // a plugin failed to stop
};

// Runs a node until a signal asks it to stop; returns the exit code. on_ready runs once
// `/readyz` says that it is.
int run_node(const NodePlan& plan, const std::function<void()>& on_ready);

}  // namespace chronik::host
