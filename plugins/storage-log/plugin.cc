// The plugin storage-log: checks of the configuration, life cycle and the service table.
#include "storage-log/checker.h"
#include "storage-log/schema.h"
#include "storage-log/stopped_store.h"
#include "storage-log/store.h"

#include <chronik/config_json.hpp>
#include <chronik/plugin.hpp>
#include <chronik/storage_admin_plugin.hpp>
#include <chronik/storage_plugin.hpp>

namespace chronik::storage_log {
namespace {

class StorageLog final : public Plugin {
 public:
  static constexpr std::string_view kId = "storage-log", kVersion = "0.1.0";
  static std::span<const chr_config_key> schema() { return kSchema; }
  static Status validate(std::string_view json) {
    const int64_t max_size = json_integer(json, "max_size").value_or(-1);
    if (max_size < 0 || max_size >= kMinSize) return {};
    return fail(Code::kInvalidArgument,
                "max_size (" + std::to_string(max_size) +
                    " bytes) is below 8MiB, the least that a store works with; raise it, "
                    "or set \"-1\" for none");
  }

  explicit StorageLog(Host host) : store_(host), admin_(host) {}

  const void* service(std::string_view id, void** instance) override;
  Result<Progress> start(uint64_t token) override {
    CHRONIK_CHECK(store_.start(token));
    return Progress::kPending;
  }
  Result<Progress> stop(uint64_t token) override {
    return store_.stop(token) ? Progress::kDone : Progress::kPending;
  }

 private:
  Store store_;
  StorageAdminService<StoppedStore, Checker> admin_;
};

const void* StorageLog::service(std::string_view id, void** instance) {
  if (id == CHR_STORAGE_ID) {
    *instance = &store_;
    return &kStorageTable<Store>;
  }
  if (id == CHR_STORAGE_ADMIN_ID) return admin_.table(instance);
  return nullptr;
}

}  // namespace
}  // namespace chronik::storage_log

CHRONIK_PLUGIN(chronik::storage_log::StorageLog)
