// The keys of [storage] with storage-lmdb, and their values.
#pragma once

#include <chronik/config_default.hpp>
#include <chronik/plugin.hpp>

#include <algorithm>

namespace chronik::storage_lmdb {

inline constexpr int64_t kMinSize = 8 << 20;

inline constexpr chr_config_key kSchema[] = {
    config_key("map_size", CHR_CONFIG_SIZE, "\"1TiB\"",
               "Address space reserved for the store, once; the most that it can ever hold. Costs neither "
               "memory nor disk.",
               kMinSize, 1ll << 46),
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

// A number of the configuration; what is negative counts as 0.
inline uint64_t setting(const Host& host, std::string_view key) {
  return static_cast<uint64_t>(std::max<int64_t>(0, host.config_int(key, config_default(kSchema, key))));
}

}  // namespace chronik::storage_lmdb
