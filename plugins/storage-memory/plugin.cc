// The plugin storage-memory: life cycle and the service table.
#include "storage-memory/schema.h"
#include "storage-memory/store.h"

#include <chronik/plugin.hpp>

namespace chronik::storage_memory {
namespace {

class StorageMemory final : public Plugin {
 public:
  static constexpr std::string_view kId = "storage-memory", kVersion = "0.1.0";
  static std::span<const chr_config_key> schema() { return kSchema; }

  explicit StorageMemory(Host host) : store_(host) {}

  const void* service(std::string_view id, void** instance) override;
  Result<Progress> start(uint64_t token) override { return store_.start(token); }
  Result<Progress> stop(uint64_t token) override {
    return store_.stop(token) ? Progress::kDone : Progress::kPending;
  }

 private:
  Store store_;
};

constexpr chr_storage_v1 kTable = {
    sizeof kTable,
    1,
    thunk<&Store::open_group>,
    thunk<&Store::list_groups>,
    thunk<&Store::write>,
    thunk<&Store::read>,
    thunk<&Store::find>,
    thunk<&Store::get>,
    thunk<&Store::bounds>,
    thunk<&Store::usage>,
};

const void* StorageMemory::service(std::string_view id, void** instance) {
  if (id != CHR_STORAGE_ID) return nullptr;
  *instance = &store_;
  return &kTable;
}

}  // namespace
}  // namespace chronik::storage_memory

CHRONIK_PLUGIN(chronik::storage_memory::StorageMemory)
