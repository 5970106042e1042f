// HttpServer: the operator's HTTP port, on one small thread of its own. GET and HEAD only; requests are
// bounded in size and time, connections in number.
#pragma once

#include <chronik/result.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace chronik::host {

class Health;
class Logger;
class Metrics;

struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

struct HttpOptions {
  std::string listen;                                            // "host:port"; port 0: any free one
  std::chrono::milliseconds timeout = std::chrono::seconds(10);  // for a whole request, and between two
  uint32_t max_connections = 64;
};

class HttpServer {
 public:
  // Runs on the HTTP thread; must not block for long. target is the path without its query.
  using Handler = std::function<HttpResponse(std::string_view target)>;

  // Logger outlives it.
  HttpServer(HttpOptions options, Logger& logger);
  ~HttpServer();  // stops
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Before start(). An exact path; unknown paths answer 404 and list the routes.
  void route(std::string path, std::string doc, Handler handler);
  // Binds and serves; the bound port. The error names the address and what to do.
  Result<uint16_t> start();
  void stop();
  // {"routes":[{"path":...,"doc":...}]}
  std::string routes_json() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// /metrics, /livez, /readyz and /v1 (the list of routes). Metrics and health outlive the server.
void add_standard_routes(HttpServer& server, Metrics& metrics, const Health& health);

}  // namespace chronik::host
