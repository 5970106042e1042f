#include "host/offline/lone_plugin.h"

#include <fmt/format.h>

#include <chrono>
#include <future>

namespace chronik::host {
namespace {

constexpr std::chrono::minutes kStartPatience{30};  // a recovery reads the whole log in the worst case
constexpr std::chrono::minutes kStopPatience{5};

}  // namespace

LonePlugin::LonePlugin(LonePluginOptions options) : options_(std::move(options)) {}

LonePlugin::~LonePlugin() {
  if (!parts_) return;
  if (is_running_ && !stop()) {
    static_cast<void>(parts_.release());  // its callbacks may still come
    return;
  }
  if (parts_->instances) parts_->instances->destroy_all();
  if (parts_->runtime) parts_->runtime->stop();
}

// Its table as JSON.
Result<std::string> LonePlugin::load() {
  parts_->set = PluginSet::unresolved({options_.file});
  CHRONIK_CHECK(parts_->set.load());
  const LoadedPlugin& plugin = parts_->set[0];
  const Manifest& manifest = plugin.manifest();
  CHRONIK_TRY(const TableSchema schema,
              schema_from_abi(manifest.config, manifest.id + " " + manifest.version, plugin.schema()));
  CHRONIK_TRY(parts_->values, options_.values(schema));
  std::string json = parts_->values.json();
  CHRONIK_CHECK(plugin.validate(json));
  return json;
}

Status LonePlugin::create() {
  parts_ = std::make_unique<Parts>();
  CHRONIK_TRY(const std::string json, load());
  parts_->config = std::make_unique<TableConfig>(parts_->values);
  RuntimeOptions runtime;
  runtime.shards = 1;
  parts_->runtime = std::make_unique<Runtime>(runtime, parts_->logger, parts_->metrics);
  CHRONIK_TRY(parts_->files, FileService::open(*parts_->runtime, options_.file_io));
  parts_->runtime->start();
  PluginHostOptions host;
  host.id = id();
  host.abi_minor = std::min<uint32_t>(parts_->set[0].table().abi_minor, CHR_ABI_MINOR);
  host.config = parts_->config.get();
  host.node.id = options_.node_id;
  host.node.directory = options_.directory.string();
  host.node.peers.push_back({options_.node_id, {}});
  CHRONIK_TRY(host.files, parts_->files->open_folder(id(), options_.directory.string()));
  parts_->host = std::make_unique<PluginHost>(*parts_->runtime, parts_->health, std::move(host));
  parts_->instances = std::make_unique<Instances>(parts_->set);
  CHRONIK_CHECK(parts_->instances->create(0, parts_->host->core(), json));
  return parts_->instances->check_services(0, Instances::Missing::kRefused);
}

Status LonePlugin::start() {
  CHRONIK_CHECK(parts_->instances->start_all(
      [this](size_t, const Runtime::Call& call) { return parts_->runtime->call(call, kStartPatience); }));
  is_running_ = true;
  return {};
}

Status LonePlugin::stop() {
  const Status status = parts_->instances->stop_all(
      [this](size_t, const Runtime::Call& call) { return parts_->runtime->call(call, kStopPatience); });
  if (status) is_running_ = false;
  return status;
}

Result<StorageAdmin> LonePlugin::admin() const {
  void* self = nullptr;
  const void* const table = parts_->instances->service_at(0, CHR_STORAGE_ADMIN_ID, &self);
  if (table == nullptr)
    return fail(Code::kNotFound, fmt::format("{} does not provide {}", id(), CHR_STORAGE_ADMIN_ID));
  return StorageAdmin(static_cast<const chr_storage_admin_v1*>(table), self);
}

Result<Storage> LonePlugin::storage() const {
  void* self = nullptr;
  const void* const table = parts_->instances->find_service(CHR_STORAGE_ID, &self);
  if (table == nullptr)
    return fail(Code::kNotFound, fmt::format("{} does not provide {}", id(), CHR_STORAGE_ID));
  return Storage(Host(parts_->host->core()), static_cast<const chr_storage_v1*>(table), self);
}

Status LonePlugin::run_blocking(const std::function<Status()>& fn) {
  struct Job {
    const std::function<Status()>& fn;
    std::promise<Status> done;
  };
  Job job{fn, {}};
  std::future<Status> done = job.done.get_future();
  parts_->runtime->blocking(
      [](void* context) {
        auto* const self = static_cast<Job*>(context);
        self->done.set_value(self->fn());
      },
      &job);
  return done.get();
}

}  // namespace chronik::host
