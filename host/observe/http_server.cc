// The only unit that includes Boost.Beast, which takes long to compile.
#include "host/observe/http_server.h"

#include "host/observe/bound_socket.h"
#include "host/observe/health.h"
#include "host/observe/json.h"
#include "host/observe/logger.h"
#include "host/observe/metrics.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <map>
#include <optional>
#include <thread>
#include <utility>

namespace chronik::host {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr uint32_t kHeaderLimit = 8 << 10;
constexpr uint64_t kBodyLimit = 64 << 10;
constexpr auto kAcceptRetry = std::chrono::milliseconds(200);

struct Route {
  std::string doc;
  HttpServer::Handler handler;
};
using Routes = std::map<std::string, Route, std::less<>>;

std::string list_routes(const Routes& routes) {
  std::string out = "{\"routes\":[";
  for (const auto& [path, route] : routes) {
    if (out.back() != '[') out += ',';
    out += "{\"path\":" + json_text(path) + ",\"doc\":" + json_text(route.doc) + "}";
  }
  return out + "]}\n";
}

HttpResponse answer(const Routes& routes, const http::request<http::string_body>& request) {
  if (request.method() != http::verb::get && request.method() != http::verb::head)
    return {405, "text/plain; charset=utf-8", "only GET and HEAD are served here\n"};
  std::string_view target(request.target().data(), request.target().size());
  target = target.substr(0, target.find('?'));
  const auto found = routes.find(target);
  if (found == routes.end()) return {404, "application/json", list_routes(routes)};
  try {
    return found->second.handler(target);
  } catch (const std::exception& e) {
    return {500, "text/plain; charset=utf-8", fmt::format("{} failed: {}\n", target, e.what())};
  }
}

// One connection; keeps itself alive through its handlers.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, const Routes& routes, std::chrono::milliseconds timeout, uint32_t& open)
      : stream_(std::move(socket)),
        buffer_(kHeaderLimit + kBodyLimit),
        routes_(routes),
        timeout_(timeout),
        open_(open) {
    ++open_;
  }
  ~Session() { --open_; }

  void read() {
    parser_.emplace();
    parser_->header_limit(kHeaderLimit);
    parser_->body_limit(kBodyLimit);
    stream_.expires_after(timeout_);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code error, size_t) { self->on_read(error); });
  }

 private:
  void on_read(error_code error) {
    if (!error) {
      const auto& request = parser_->get();
      write(answer(routes_, request), request.version(), request.keep_alive(),
            request.method() == http::verb::head);
    } else if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      write({431, "text/plain; charset=utf-8", "the request's header is too large\n"}, 11, false, false);
    } else if (error == http::error::body_limit) {
      write({413, "text/plain; charset=utf-8", "the request's body is too large\n"}, 11, false, false);
    } else if (error.category() == http::make_error_code(http::error::bad_target).category() &&
               error != http::error::end_of_stream && error != http::error::partial_message) {
      write({400, "text/plain; charset=utf-8", "this port speaks HTTP: " + error.message() + "\n"}, 11, false,
            false);
    }  // otherwise the peer is gone or too slow: the connection ends with this object
  }

  void write(HttpResponse response, unsigned version, bool keep_alive, bool head) {
    response_ = {};
    response_.result(response.status);
    response_.version(version);
    response_.set(http::field::content_type, response.content_type);
    response_.keep_alive(keep_alive);
    response_.content_length(response.body.size());
    if (!head) response_.body() = std::move(response.body);
    stream_.expires_after(timeout_);
    http::async_write(stream_, response_, [self = shared_from_this(), keep_alive](error_code error, size_t) {
      if (error) return;
      if (keep_alive) return self->read();
      error_code ignored;
      (void)self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    });
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
  const Routes& routes_;
  std::chrono::milliseconds timeout_;
  uint32_t& open_;  // of the server, which outlives its io_context's handlers
};

}  // namespace

class HttpServer::Impl {
 public:
  Impl(HttpOptions options, Logger& logger) : options_(std::move(options)), logger_(logger) {}
  ~Impl() { stop(); }

  void route(std::string path, std::string doc, Handler handler) {
    routes_[std::move(path)] = {std::move(doc), std::move(handler)};
  }
  std::string list() const { return list_routes(routes_); }

  Result<uint16_t> start() {
    CHRONIK_TRY(const BoundSocket bound, listen_tcp(options_.listen, "[http] listen"));
    io_.emplace(1);
    acceptor_.emplace(*io_, bound.is_v6 ? tcp::v6() : tcp::v4(), bound.fd);
    retry_.emplace(*io_);
    accept();
    thread_ = std::thread([this] { io_->run(); });
    return bound.port;
  }

  void stop() {
    if (!thread_.joinable()) return;
    io_->stop();
    thread_.join();
    acceptor_.reset();
    retry_.reset();
    io_.reset();  // ends the sessions
  }

 private:
  void accept() {
    acceptor_->async_accept([this](error_code error, tcp::socket socket) {
      if (!error) {
        // Over the limit the connection is closed at once: scrapers and probes are few, and come again.
        if (open_ < options_.max_connections)
          std::make_shared<Session>(std::move(socket), routes_, options_.timeout, open_)->read();
        return accept();
      }
      logger_.warn("http", "Cannot accept an HTTP connection", Fields().add("error", error.message()));
      retry_->expires_after(kAcceptRetry);
      retry_->async_wait([this](error_code e) {
        if (!e) accept();
      });
    });
  }

  HttpOptions options_;
  Logger& logger_;
  Routes routes_;
  uint32_t open_ = 0;
  std::optional<asio::io_context> io_;
  std::optional<tcp::acceptor> acceptor_;
  std::optional<asio::steady_timer> retry_;
  std::thread thread_;
};

HttpServer::HttpServer(HttpOptions options, Logger& logger)
    : impl_(std::make_unique<Impl>(std::move(options), logger)) {}
HttpServer::~HttpServer() = default;
void HttpServer::route(std::string path, std::string doc, Handler handler) {
  impl_->route(std::move(path), std::move(doc), std::move(handler));
}
Result<uint16_t> HttpServer::start() { return impl_->start(); }
void HttpServer::stop() { impl_->stop(); }
std::string HttpServer::routes_json() const { return impl_->list(); }

void add_standard_routes(HttpServer& server, Metrics& metrics, const Health& health) {
  server.route("/metrics", "metrics as Prometheus text", [&metrics](std::string_view) {
    return HttpResponse{200, "text/plain; version=0.0.4; charset=utf-8", metrics.expose()};
  });
  server.route("/livez", "200 while every event loop turns", [&health](std::string_view) {
    const std::vector<std::string> deaths = health.deaths();
    if (deaths.empty()) return HttpResponse{200, "text/plain; charset=utf-8", "ok\n"};
    HttpResponse response{503, "text/plain; charset=utf-8", {}};
    for (const std::string& death : deaths) response.body += death + "\n";
    return response;
  });
  server.route("/readyz", "200 when this node can serve, else 503 and the reasons",
               [&health](std::string_view) {
                 return HttpResponse{health.ready() ? 200u : 503u, "application/json", health.ready_json()};
               });
  server.route("/v1", "this list", [&server](std::string_view) {
    return HttpResponse{200, "application/json", server.routes_json()};
  });
}

}  // namespace chronik::host
