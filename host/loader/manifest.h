// The manifest of a plugin: the TOML text in its ELF section ".chronik.manifest" (see chronik/plugin.h).
#pragma once

#include <chronik/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace chronik::host {

// A service that several plugins may provide has a name behind its ID, which tells them apart:
// "chronik.assignor/1:range". Whoever requires the ID without a name gets at each of them.
std::string_view without_name(std::string_view service);
inline bool meets(std::string_view provided, std::string_view required) {
  return provided == required || without_name(provided) == required;
}

struct Manifest {
  std::string id;
  std::string version;
  std::string config;  // the TOML table that configures it; empty: none
  std::vector<std::string> provides;
  std::vector<std::string> requires_;
  std::vector<std::string> optional;
  uint32_t abi_major = 0;
  uint32_t abi_minor = 0;  // the oldest minor that the plugin runs on
  std::string license;

  bool provides_service(std::string_view service) const;
  // Whether something that it provides meets what another one requires.
  bool meets_requirement(std::string_view service) const;
};

// All that is wrong is in the one message, each part with the name of its field. Fields that this host does
// not know are ignored: a newer SDK may write them.
Result<Manifest> parse_manifest(std::string_view text);

}  // namespace chronik::host
