// The plugin storage-lmdb: checks of the configuration, life cycle and the service table.
#include "storage-lmdb/checker.h"
#include "storage-lmdb/schema.h"
#include "storage-lmdb/stopped_store.h"
#include "storage-lmdb/store.h"

#include <chronik/config_json.hpp>
#include <chronik/plugin.hpp>
#include <chronik/storage_admin_plugin.hpp>
#include <chronik/storage_plugin.hpp>

namespace chronik::storage_lmdb {
namespace {

std::string size_text(int64_t bytes) {
  for (const auto& [bits, unit] : {std::pair{40, "TiB"}, {30, "GiB"}, {20, "MiB"}, {10, "KiB"}})
    if (bytes != 0 && bytes % (1ll << bits) == 0) return std::to_string(bytes >> bits) + unit;
  return std::to_string(bytes) + "B";
}

// What would be taken for more, or less, than it says.
Status check_sizes(int64_t map_size, int64_t max_size, int64_t preallocate) {
  if (max_size >= 0 && max_size < kMinSize) {
    return fail(Code::kInvalidArgument,
                "max_size (" + size_text(max_size) + ") is below " + size_text(kMinSize) +
                    ", the least that a store works with; raise it, or set \"-1\" for none");
  }
  if (max_size > map_size) {
    return fail(Code::kInvalidArgument, "max_size (" + size_text(max_size) + ") is above map_size (" +
                                            size_text(map_size) +
                                            "), which is the most that the store can hold; "
                                            "raise map_size, or lower max_size");
  }
  const int64_t most = max_size < 0 ? map_size : max_size;
  // The default goes with a store of any size: of a small one it uses a part.
  if (preallocate <= most || preallocate == kDefaultPreallocate) return {};
  return fail(Code::kInvalidArgument,
              "preallocate (" + size_text(preallocate) + ") is above what the store may take (" +
                  size_text(most) + "); lower it, or raise " + (max_size < 0 ? "map_size" : "max_size"));
}

class StorageLmdb final : public Plugin {
 public:
  static constexpr std::string_view kId = "storage-lmdb", kVersion = "0.1.0";
  static std::span<const chr_config_key> schema() { return kSchema; }
  static Status validate(std::string_view json) {
    return check_sizes(json_integer(json, "map_size").value_or(INT64_MAX),
                       json_integer(json, "max_size").value_or(-1),
                       json_integer(json, "preallocate").value_or(kDefaultPreallocate));
  }

  explicit StorageLmdb(Host host) : store_(host), admin_(host) {}

  const void* service(std::string_view id, void** instance) override;
  Result<Progress> start(uint64_t token) override {
    store_.start(token);
    return Progress::kPending;
  }
  Result<Progress> stop(uint64_t token) override {
    return store_.stop(token) ? Progress::kDone : Progress::kPending;
  }

 private:
  Store store_;
  StorageAdminService<StoppedStore, Checker> admin_;
};

const void* StorageLmdb::service(std::string_view id, void** instance) {
  if (id == CHR_STORAGE_ID) {
    *instance = &store_;
    return &kStorageTable<Store>;
  }
  if (id == CHR_STORAGE_ADMIN_ID) return admin_.table(instance);
  return nullptr;
}

}  // namespace
}  // namespace chronik::storage_lmdb

CHRONIK_PLUGIN(chronik::storage_lmdb::StorageLmdb)
