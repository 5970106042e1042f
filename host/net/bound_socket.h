// Addresses, and listening on one from the configuration, with errors that an operator can act on.
#pragma once

#include <chronik/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace chronik::host {

// A listening, non-blocking socket; whoever receives it closes fd.
struct BoundSocket {
  int fd = -1;
  uint16_t port = 0;
  bool is_v6 = false;
};

struct HostPort {
  std::string host;  // without the brackets of an IPv6 address
  uint16_t port = 0;
};
// "host:port", "[v6]:port" or ":port"; `what` names the setting in errors.
Result<HostPort> parse_host_port(std::string_view address, std::string_view what);

// Listens on "host:port", "[v6]:port", or ":port" for every interface; port 0 is any free one. `what` names
// the listener in errors, such as "[http] listen".
Result<BoundSocket> listen_tcp(std::string_view address, std::string_view what);

}  // namespace chronik::host
