// HttpServer: the operator's HTTP port, on one small thread of its own. Requests are bounded in size and
// time, connections and unanswered requests in number. Errors are JSON: {"error":"..."}.
#pragma once

#include <chronik/result.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace chronik::host {

class Logger;

struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// {"error":message}
HttpResponse http_error(unsigned status, std::string_view message);

struct HttpRequest {
  std::string method;  // "GET", "POST", "PUT" or "DELETE"
  std::string path;    // as sent, without its query
  std::string query;   // what follows '?'
  std::string body;    // at most 64 KiB
};

struct HttpOptions {
  std::string listen;                                             // "host:port"; port 0: any free one
  std::chrono::milliseconds timeout = std::chrono::seconds(10);   // for a whole request, and between two
  std::chrono::milliseconds patience = std::chrono::seconds(30);  // for the answer of a mounted part
  uint32_t max_connections = 64;
  uint32_t max_unanswered = 32;  // requests to mounted parts; the others keep room for /metrics
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

  // Before start(). An exact path, for GET and HEAD; unknown paths answer 404 and list the routes.
  void route(std::string path, std::string doc, Handler handler);

  // Runs on the HTTP thread; must not block. Somebody answers with respond(id), now or later.
  using Taker = std::function<void(uint64_t id, HttpRequest request)>;
  // Any thread. The taker gets the requests to this path, and to all below it that no longer path takes.
  Status mount(std::string path, std::string doc, Taker taker);
  // Any thread. From now on requests to it are refused; the taker may still be called
  // for one that came before.
  void unmount(std::string_view path);
  // Any thread. Once; ignored when the request is gone.
  void respond(uint64_t id, HttpResponse response);

  // Binds and serves; the bound port. The error names the address and what to do.
  Result<uint16_t> start();
  void stop();
  // {"routes":[{"path":...,"doc":...}]}
  std::string routes_json() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chronik::host
