// What a store reads of its configuration; schema.h says what each key means, and has the defaults.
#pragma once

#include <chronik/host.hpp>

#include <algorithm>

namespace chronik::storage_log {

// A number of the configuration; what is negative counts as 0.
inline uint64_t setting(const Host& host, std::string_view key) {
  return static_cast<uint64_t>(std::max<int64_t>(0, host.config_int(key)));
}

}  // namespace chronik::storage_log
