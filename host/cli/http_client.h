// One request to the HTTP port of a node.
#pragma once

#include <chronik/result.hpp>

#include <chrono>
#include <string>

namespace chronik::host {

struct HttpAnswer {
  int status = 0;
  std::string body;
};

// Blocks until the whole answer is there, an error, or the timeout. address: "host:port"; of a wildcard, this
// machine is asked. An error names the address and says what to do.
Result<HttpAnswer> http_request(const std::string& address, const std::string& method,
                                const std::string& path, const std::string& body = {},
                                std::chrono::milliseconds timeout = std::chrono::seconds(40));

}  // namespace chronik::host
