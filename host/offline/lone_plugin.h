// One storage plugin in this process, on a runtime, without a node around it: to be asked through
// chronik.storage_admin/1, or started on a folder and written to.
#pragma once

#include "host/abi/plugin_host.h"
#include "host/app/table_config.h"
#include "host/files/file_service.h"
#include "host/loader/instances.h"
#include "host/observe/health.h"
#include "host/observe/logger.h"
#include "host/observe/metrics.h"

#include <chronik/storage.hpp>
#include <chronik/storage_admin.hpp>

#include <memory>

namespace chronik::host {

struct LonePluginOptions {
  PluginFile file;
  std::filesystem::path directory;  // its own; exists
  int32_t node_id = 1;
  FileIo file_io = FileIo::kAuto;
  std::function<Result<TableValues>(const TableSchema& schema)> values;
};

// Control thread only.
class LonePlugin {
 public:
  explicit LonePlugin(LonePluginOptions options);
  // Stops it; where it does not stop, nothing of it is freed.
  ~LonePlugin();
  LonePlugin(const LonePlugin&) = delete;
  LonePlugin& operator=(const LonePlugin&) = delete;

  const std::string& id() const { return options_.file.manifest().id; }

  // Loads it and makes the instance.
  Status create();
  // After create(), for chronik.storage/1 alone.
  Status start();
  Status stop();

  Runtime& runtime() { return *parts_->runtime; }
  Host host() const { return Host(parts_->host->core()); }
  // After create(), on an instance that is not started. NOT_FOUND: it has no such service.
  Result<StorageAdmin> admin() const;
  // After start().
  Result<Storage> storage() const;
  // Runs fn on a blocking thread, and waits.
  Status run_blocking(const std::function<Status()>& fn);

 private:
  // What must live as long as code of the plugin may run.
  struct Parts {
    Logger logger{2, LogFormat::kLogfmt, CHR_LOG_WARN};
    Metrics metrics;
    Health health;
    TableValues values;
    std::unique_ptr<TableConfig> config;
    std::unique_ptr<Runtime> runtime;
    std::unique_ptr<FileService> files;
    std::unique_ptr<PluginHost> host;
    PluginSet set;
    std::unique_ptr<Instances> instances;
  };

  Result<std::string> load();

  LonePluginOptions options_;
  std::unique_ptr<Parts> parts_;
  bool is_running_ = false;
};

}  // namespace chronik::host
