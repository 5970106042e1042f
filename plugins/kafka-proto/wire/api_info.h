// What the codec knows about an API as a whole. The table of all of them is generated: messages/api_table.h.
#pragma once

#include <cstdint>
#include <string_view>

namespace chronik::kafka {

struct ApiInfo {
  int16_t key;
  std::string_view name;  // Kafka's, such as "ListOffsets"
  int16_t min_version;    // what the codec reads and writes; handlers may offer less
  int16_t max_version;
  int16_t flexible_from;       // the first flexible version; above max_version when there is none
  bool plain_response_header;  // ApiVersions: its response header never is flexible

  bool knows(int16_t version) const { return version >= min_version && version <= max_version; }
  int16_t request_header_version(int16_t version) const { return version >= flexible_from ? 2 : 1; }
  int16_t response_header_version(int16_t version) const {
    return version >= flexible_from && !plain_response_header ? 1 : 0;
  }
};

}  // namespace chronik::kafka
