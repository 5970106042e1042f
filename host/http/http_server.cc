// The only unit that includes Boost.Beast, which takes long to compile.
#include "host/http/http_server.h"

#include "host/net/bound_socket.h"
#include "host/observe/json.h"
#include "host/observe/logger.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <map>
#include <memory>
#include <mutex>
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

constexpr std::string_view kJson = "application/json";

// What is served, by path.
class Routes {
 public:
  struct Route {
    std::string doc;
    HttpServer::Handler handler;  // of an exact path
    HttpServer::Taker taker;      // of a mounted part
    bool closed = false;
  };

  Status add(std::string path, Route&& route) {
    const std::lock_guard lock(mutex_);
    if (const auto [at, is_new] = routes_.try_emplace(std::move(path), std::move(route)); !is_new)
      return fail(Code::kExists, fmt::format("{} is taken: {}", at->first, at->second.doc));
    return {};
  }
  void close(std::string_view path) {
    const std::lock_guard lock(mutex_);
    if (const auto found = routes_.find(path); found != routes_.end()) found->second.closed = true;
  }
  // The exact path, or the longest mounted one above it.
  std::optional<Route> find(std::string_view path) const {
    const std::lock_guard lock(mutex_);
    if (const auto exact = routes_.find(path); exact != routes_.end()) return exact->second;
    for (size_t slash = path.rfind('/'); slash != 0 && slash != std::string_view::npos;
         slash = path.rfind('/', slash - 1)) {
      const auto found = routes_.find(path.substr(0, slash));
      if (found != routes_.end() && found->second.taker) return found->second;
    }
    return std::nullopt;
  }
  std::string list() const {
    const std::lock_guard lock(mutex_);
    std::string out = "{\"routes\":[";
    for (const auto& [path, route] : routes_) {
      if (out.back() != '[') out += ',';
      out += "{\"path\":" + json_text(path) + ",\"doc\":" + json_text(route.doc) + "}";
    }
    return out + "]}\n";
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Route, std::less<>> routes_;
};

class Session;

// What the sessions of a server share; on the HTTP thread, but for routes.
struct Exchange {
  HttpOptions options;
  Routes routes;
  uint32_t open = 0;
  uint64_t last_id = 0;
  std::map<uint64_t, std::weak_ptr<Session>> unanswered;
};

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

// One connection; keeps itself alive through its handlers.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, Exchange& exchange)
      : stream_(std::move(socket)),
        patience_(stream_.get_executor()),
        buffer_(kHeaderLimit + kBodyLimit),
        exchange_(exchange) {
    ++exchange_.open;
  }
  ~Session() {
    --exchange_.open;
    exchange_.unanswered.erase(id_);
  }

  void read() {
    parser_.emplace();
    parser_->header_limit(kHeaderLimit);
    parser_->body_limit(kBodyLimit);
    stream_.expires_after(exchange_.options.timeout);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](error_code error, size_t) { self->on_read(error); });
  }

  // What a taker answers to the request that this session waits with.
  void answered(HttpResponse response) {
    exchange_.unanswered.erase(std::exchange(id_, 0));
    patience_.cancel();
    write(std::move(response));
  }

 private:
  void on_read(error_code error) {
    if (!error) return serve(parser_->get());
    head_ = keep_alive_ = false;
    version_ = 11;
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      write(http_error(431, fmt::format("the request's header is larger than {} bytes", kHeaderLimit)));
    } else if (error == http::error::body_limit) {
      write(http_error(413, fmt::format("the request's body is larger than {} bytes", kBodyLimit)));
    } else if (error.category() == http::make_error_code(http::error::bad_target).category() &&
               error != http::error::end_of_stream && error != http::error::partial_message) {
      write(http_error(400, "this port speaks HTTP: " + error.message()));
    }  // otherwise the peer is gone or too slow: the connection ends with this object
  }

  void serve(http::request<http::string_body>& request) {
    head_ = request.method() == http::verb::head;
    keep_alive_ = request.keep_alive();
    version_ = request.version();
    const std::string_view target = view(request.target());
    const std::string_view path = target.substr(0, target.find('?'));
    const std::optional<Routes::Route> route = exchange_.routes.find(path);
    if (!route) return write({404, std::string(kJson), exchange_.routes.list()});
    if (route->handler) return write(answer(*route, path, request.method()));
    HttpRequest asked{head_ ? "GET" : std::string(view(request.method_string())), std::string(path), {}, {}};
    if (path.size() < target.size()) asked.query = target.substr(path.size() + 1);
    const bool changes = request.method() == http::verb::post || request.method() == http::verb::put ||
                         request.method() == http::verb::delete_;
    if (!changes && !head_ && request.method() != http::verb::get)
      return write(http_error(405, "the methods here are GET, HEAD, POST, PUT and DELETE"));
    // The port asks for no password, so that no page in an operator's browser may act in their name.
    if (changes && request.find(http::field::origin) != request.end())
      return write(http_error(403, "this was sent by a web page; use chronik-server or curl"));
    if (route->closed) return write(http_error(503, "this node is stopping; ask another one"));
    if (exchange_.unanswered.size() >= exchange_.options.max_unanswered) {
      return write(http_error(503, fmt::format("{} requests wait for an answer already; ask again later",
                                               exchange_.unanswered.size())));
    }
    asked.body = std::move(request.body());
    wait(*route, std::move(asked));
  }

  static HttpResponse answer(const Routes::Route& route, std::string_view path, http::verb method) {
    if (method != http::verb::get && method != http::verb::head)
      return http_error(405, fmt::format("{} is read with GET or HEAD", path));
    try {
      return route.handler(path);
    } catch (const std::exception& e) {
      return http_error(500, fmt::format("{} failed: {}", path, e.what()));
    }
  }

  void wait(const Routes::Route& route, HttpRequest request) {
    id_ = ++exchange_.last_id;
    exchange_.unanswered.emplace(id_, weak_from_this());
    patience_.expires_after(exchange_.options.patience);
    patience_.async_wait([self = shared_from_this(), id = id_](error_code) {
      if (self->id_ != id) return;
      self->answered(
          http_error(504, "no answer came in time; whether it was done is unknown: look with GET"));
    });
    route.taker(id_, std::move(request));
  }

  void write(HttpResponse response) {
    response_ = {};
    response_.result(response.status);
    response_.version(version_);
    response_.set(http::field::content_type, response.content_type);
    response_.keep_alive(keep_alive_);
    response_.content_length(response.body.size());
    if (!head_) response_.body() = std::move(response.body);
    stream_.expires_after(exchange_.options.timeout);
    http::async_write(stream_, response_, [self = shared_from_this()](error_code error, size_t) {
      if (error) return;
      if (self->keep_alive_) return self->read();
      error_code ignored;
      (void)self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    });
  }

  beast::tcp_stream stream_;
  asio::steady_timer patience_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
  Exchange& exchange_;  // of the server, which outlives its io_context's handlers
  uint64_t id_ = 0;     // of the request that is not answered yet
  unsigned version_ = 11;
  bool head_ = false;
  bool keep_alive_ = false;
};

}  // namespace

HttpResponse http_error(unsigned status, std::string_view message) {
  return {status, std::string(kJson), "{\"error\":" + json_text(message) + "}\n"};
}

class HttpServer::Impl {
 public:
  Impl(HttpOptions options, Logger& logger) : logger_(logger) { exchange_.options = std::move(options); }
  ~Impl() { stop(); }

  Routes& routes() { return exchange_.routes; }

  Result<uint16_t> start() {
    CHRONIK_TRY(const BoundSocket bound, listen_tcp(exchange_.options.listen, "[http] listen"));
    const std::lock_guard lock(mutex_);
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
    const std::lock_guard lock(mutex_);
    acceptor_.reset();
    retry_.reset();
    io_.reset();  // ends the sessions
  }

  void respond(uint64_t id, HttpResponse response) {
    const std::lock_guard lock(mutex_);
    if (!io_) return;
    asio::post(*io_, [this, id, response = std::move(response)]() mutable {
      const auto found = exchange_.unanswered.find(id);
      if (found == exchange_.unanswered.end()) return;
      if (const auto session = found->second.lock()) session->answered(std::move(response));
    });
  }

 private:
  void accept() {
    acceptor_->async_accept([this](error_code error, tcp::socket socket) {
      if (!error) {
        // Over the limit the connection is closed at once: scrapers and probes are few, and come again.
        if (exchange_.open < exchange_.options.max_connections)
          std::make_shared<Session>(std::move(socket), exchange_)->read();
        return accept();
      }
      logger_.warn("http", "Cannot accept an HTTP connection", Fields().add("error", error.message()));
      retry_->expires_after(kAcceptRetry);
      retry_->async_wait([this](error_code e) {
        if (!e) accept();
      });
    });
  }

  Logger& logger_;
  Exchange exchange_;
  std::mutex mutex_;  // guards whether io_ is there
  std::optional<asio::io_context> io_;
  std::optional<tcp::acceptor> acceptor_;
  std::optional<asio::steady_timer> retry_;
  std::thread thread_;
};

HttpServer::HttpServer(HttpOptions options, Logger& logger)
    : impl_(std::make_unique<Impl>(std::move(options), logger)) {}
HttpServer::~HttpServer() = default;
void HttpServer::route(std::string path, std::string doc, Handler handler) {
  (void)impl_->routes().add(std::move(path), {std::move(doc), std::move(handler), nullptr});
}
Status HttpServer::mount(std::string path, std::string doc, Taker taker) {
  return impl_->routes().add(std::move(path), {std::move(doc), nullptr, std::move(taker)});
}
void HttpServer::unmount(std::string_view path) { impl_->routes().close(path); }
void HttpServer::respond(uint64_t id, HttpResponse response) { impl_->respond(id, std::move(response)); }
Result<uint16_t> HttpServer::start() { return impl_->start(); }
void HttpServer::stop() { impl_->stop(); }
std::string HttpServer::routes_json() const { return impl_->routes().list(); }

}  // namespace chronik::host
