// Listening on an address from the configuration, with errors that an operator can act on.
#pragma once

#include <chronik/result.hpp>

#include <cstdint>
#include <string_view>

namespace chronik::host {

// A listening, non-blocking socket; whoever receives it closes fd.
struct BoundSocket {
  int fd = -1;
  uint16_t port = 0;
  bool is_v6 = false;
};

// Listens on "host:port", "[v6]:port", or ":port" for every interface; port 0 is any free one. `what` names
// the listener in errors, such as "[http] listen".
Result<BoundSocket> listen_tcp(std::string_view address, std::string_view what);

}  // namespace chronik::host
