// The plugin storage-memory: life cycle and the service table.
#include "storage-memory/schema.h"
#include "storage-memory/store.h"

#include <chronik/plugin.hpp>
#include <chronik/storage_plugin.hpp>

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

const void* StorageMemory::service(std::string_view id, void** instance) {
  if (id != CHR_STORAGE_ID) return nullptr;
  *instance = &store_;
  return &kStorageTable<Store>;
}

}  // namespace
}  // namespace chronik::storage_memory

CHRONIK_PLUGIN(chronik::storage_memory::StorageMemory)
