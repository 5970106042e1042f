// Errors about versions, shared by the generated decoders.
#pragma once

#include <chronik/result.hpp>

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace chronik::kafka {

// "ProduceRequest v9"
inline std::string describe(std::string_view message, int16_t version) {
  return std::string(message) + " v" + std::to_string(version);
}

inline std::unexpected<Error> unknown_version(std::string_view message, int16_t version) {
  return fail(Code::kUnsupported, describe(message, version) + ": this version is unknown");
}

}  // namespace chronik::kafka
