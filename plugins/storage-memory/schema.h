// The keys of [storage] with storage-memory, and their values.
#pragma once

#include <chronik/plugin.hpp>

namespace chronik::storage_memory {

inline constexpr chr_config_key kSchema[] = {
    config_key(
        "capacity", CHR_CONFIG_SIZE, "\"1GiB\"",
        "Bytes of entries and keys that may be kept; a full store refuses writes until something is removed.",
        1 << 20, INT64_MAX),
    config_key("queue_bytes", CHR_CONFIG_SIZE, "\"64MiB\"",
               "Bytes that may wait to be written; beyond them callers are told to come back.", 1 << 16,
               1ll << 32),
    config_key(
        "journal", CHR_CONFIG_BOOL, "false",
        "Keeps all that is written in one file too, durably, so that a restart finds it. The whole of it "
        "is read at each start."),
};

inline uint64_t setting(const Host& host, std::string_view key) {
  return static_cast<uint64_t>(host.config_int(key));
}

}  // namespace chronik::storage_memory
