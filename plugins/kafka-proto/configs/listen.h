// Addresses of the listeners, and the rule that the schema cannot say.
#pragma once

#include <chronik/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace chronik::kafka {

struct Address {
  std::string host;  // empty: none. IPv6 without its brackets
  uint16_t port = 0;
};

// Splits "host:port" or "[v6]:port"; the host's schema has checked its form.
Address parse_address(std::string_view text);

// Whether clients can be told this address.
Status validate_advertised(std::string_view text);

// The [kafka] table as JSON: what no client could connect to. A wildcard in listen needs advertise.
Status validate_listeners(std::string_view json);

}  // namespace chronik::kafka
