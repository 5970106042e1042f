// The plugin storage-lmdb: schema, life cycle and the service table.
#include "storage-lmdb/store.h"

#include <chronik/config_json.hpp>
#include <chronik/plugin.hpp>

namespace chronik::storage_lmdb {
namespace {

constexpr int64_t kLeastSize = 8 << 20;
constexpr int64_t kPreallocate = 64 << 20;

constexpr chr_config_key kSchema[] = {
    config_key("map_size", CHR_CONFIG_SIZE, "\"1TiB\"",
               "Address space reserved for the store, once; the most that it can ever hold. Costs neither "
               "memory nor disk.",
               kLeastSize, 1ll << 46),
    config_key("max_size", CHR_CONFIG_SIZE, "\"-1\"",
               "Size at which the data file stops growing and writes are refused until something is removed "
               "(removals may need up to 8 MiB more), from 8MiB to map_size; -1: none.",
               -1, 1ll << 46),
    config_key("preallocate", CHR_CONFIG_SIZE, "\"64MiB\"",
               "Zeros kept written ahead of the used part of the data file, so that commits do not wait for "
               "fresh blocks; at most max_size.",
               0, 1ll << 36),
    config_key("queue_bytes", CHR_CONFIG_SIZE, "\"64MiB\"",
               "Bytes that may wait to be written; beyond them callers are told to come back.", 1 << 16,
               1ll << 32),
    config_key("commit_bytes", CHR_CONFIG_SIZE, "\"16MiB\"",
               "Bytes that one transaction takes from the queue.", 1 << 16, 1ll << 30),
    config_key("max_lease", CHR_CONFIG_DURATION, "\"2s\"",
               "How long a reader may hold on to stored pages; while it does, freed space is not used again.",
               10'000'000, 60'000'000'000),
    config_key("lease_budget", CHR_CONFIG_SIZE, "\"32MiB\"",
               "Freed bytes that readers may keep from being used again (or a sixteenth of the stored data, "
               "where that is "
               "more); beyond it reads are copied.",
               0, 1ll << 40),
};

std::string size_text(int64_t bytes) {
  for (const auto& [bits, unit] : {std::pair{40, "TiB"}, {30, "GiB"}, {20, "MiB"}, {10, "KiB"}})
    if (bytes != 0 && bytes % (1ll << bits) == 0) return std::to_string(bytes >> bits) + unit;
  return std::to_string(bytes) + "B";
}

// What would be taken for more, or less, than it says.
Status check_sizes(int64_t map_size, int64_t max_size, int64_t preallocate) {
  if (max_size >= 0 && max_size < kLeastSize) {
    return fail(Code::kInvalidArgument,
                "max_size (" + size_text(max_size) + ") is below " + size_text(kLeastSize) +
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
  if (preallocate <= most || preallocate == kPreallocate) return {};
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
                       json_integer(json, "preallocate").value_or(kPreallocate));
  }

  explicit StorageLmdb(Host host) : store_(host) {}

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

const void* StorageLmdb::service(std::string_view id, void** instance) {
  if (id != CHR_STORAGE_ID) return nullptr;
  *instance = &store_;
  return &kTable;
}

}  // namespace
}  // namespace chronik::storage_lmdb

CHRONIK_PLUGIN(chronik::storage_lmdb::StorageLmdb)
