// The configuration of a store; the schema in plugin.cc says what each key means.
#pragma once

#include <chronik/host.hpp>

#include <algorithm>

namespace chronik::storage_lmdb {

// A number of the configuration, where none is given the fallback; what is negative counts as 0.
inline uint64_t setting(const Host& host, std::string_view key, int64_t fallback) {
  return static_cast<uint64_t>(std::max<int64_t>(0, host.config_int(key, fallback)));
}

}  // namespace chronik::storage_lmdb
