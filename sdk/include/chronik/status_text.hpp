// The codes of the ABI in words, for messages.
#pragma once

#include <chronik/abi.h>

#include <string>

namespace chronik {

// "NO_SPACE (-10)".
inline std::string status_text(chr_status status) {
  constexpr const char* kNames[] = {
      "OK",         "FAILED",      "INVALID_ARGUMENT", "NOT_FOUND", "EXISTS",       "NOT_LEADER",
      "FENCED",     "TIMEOUT",     "CORRUPT",          "IO",        "NO_SPACE",     "UNAVAILABLE",
      "OVERLOADED", "UNSUPPORTED", "SHUTTING_DOWN",    "CANCELLED", "OUT_OF_RANGE", "CONFLICT"};
  constexpr int32_t kLast = CHR_E_CONFLICT;
  const char* name = status == CHR_PENDING ? "PENDING" : "an unknown status";
  if (status <= CHR_OK && status >= kLast) name = kNames[-status];
  return std::string(name) + " (" + std::to_string(status) + ")";
}

}  // namespace chronik
