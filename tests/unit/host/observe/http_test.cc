// The HTTP port, on a real socket.
#include "host/observe/health.h"
#include "host/observe/http_server.h"
#include "host/observe/logger.h"
#include "host/observe/metrics.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace chronik::host {
namespace {

class Http : public ::testing::Test {
 protected:
  void start(HttpOptions options = {}) {
    options.listen = "127.0.0.1:0";
    server_.emplace(std::move(options), logger_);
    add_standard_routes(*server_, metrics_, health_);
    server_->route("/v1/broken", "throws",
                   [](std::string_view) -> HttpResponse { throw std::runtime_error("oh"); });
    const Result<uint16_t> port = server_->start();
    ASSERT_TRUE(port) << port.error().message;
    port_ = *port;
  }
  int connect() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  // Sends bytes as they are, and returns all that comes until the server closes.
  std::string raw(std::string_view request) {
    const int fd = connect();
    ::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
    std::string out;
    char chunk[4096];
    for (ssize_t n = 0; (n = ::recv(fd, chunk, sizeof chunk, 0)) > 0;)
      out.append(chunk, static_cast<size_t>(n));
    ::close(fd);
    return out;
  }
  std::string get(const std::string& path, const std::string& method = "GET") {
    return raw(method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  }

  Logger logger_{2, LogFormat::kLogfmt, CHR_LOG_ERROR};
  Metrics metrics_;
  Health health_;
  std::optional<HttpServer> server_;
  uint16_t port_ = 0;
};

bool starts(const std::string& text, std::string_view status) {
  return text.starts_with("HTTP/1.1 " + std::string(status));
}
bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST_F(Http, Metrics) {
  start();
  metrics_.add(metrics_.define(CHR_METRIC_COUNTER, "test_total", "", "A test."), 4);
  const std::string answer = get("/metrics?name[]=x");
  EXPECT_TRUE(starts(answer, "200 OK")) << answer;
  EXPECT_TRUE(has(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n")) << answer;
  EXPECT_TRUE(has(answer, "# TYPE test_total counter\ntest_total 4\n")) << answer;
  const std::string head = get("/metrics", "HEAD");
  EXPECT_TRUE(starts(head, "200 OK"));
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
}

TEST_F(Http, ReadyzSaysWhyNot) {
  start();
  health_.set("raft", "start", CHR_HEALTH_NOT_READY, "replaying the log");
  std::string answer = get("/readyz");
  EXPECT_TRUE(starts(answer, "503 "));
  EXPECT_TRUE(has(answer, "\"reason\":\"replaying the log\"")) << answer;
  health_.set("raft", "start", CHR_HEALTH_READY);
  answer = get("/readyz");
  EXPECT_TRUE(starts(answer, "200 OK"));
  EXPECT_TRUE(has(answer, "{\"ready\":true"));
}

TEST_F(Http, LivezSaysWhichLoopStands) {
  start();
  std::atomic<bool> stands{false};
  health_.add_probe([&]() -> std::optional<std::string> {
    if (!stands) return std::nullopt;
    return "shard 1 has not turned for 9 s";
  });
  EXPECT_TRUE(starts(get("/livez"), "200 OK"));
  stands = true;
  const std::string answer = get("/livez");
  EXPECT_TRUE(starts(answer, "503 "));
  EXPECT_TRUE(has(answer, "shard 1 has not turned for 9 s"));
}

TEST_F(Http, UnknownPathsListTheRoutes) {
  start();
  const std::string answer = get("/nothing");
  EXPECT_TRUE(starts(answer, "404 "));
  for (const char* path : {"/metrics", "/livez", "/readyz", "/v1"})
    EXPECT_TRUE(has(answer, std::string("\"path\":\"") + path + "\"")) << answer;
  EXPECT_TRUE(starts(get("/v1"), "200 OK"));
  EXPECT_TRUE(starts(get("/v1/broken"), "500 "));
  EXPECT_TRUE(starts(get("/metrics", "DELETE"), "405 "));
}

TEST_F(Http, BadRequestsGetAnErrorAndTheServerGoesOn) {
  start();
  EXPECT_TRUE(starts(raw("\x16\x03\x01\x02 this is TLS\r\n\r\n"), "400 "));
  EXPECT_TRUE(starts(raw("GET / HTTP/1.1\r\nX: " + std::string(10'000, 'x')), "431 "));
  EXPECT_TRUE(starts(raw("GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"), "413 "));
  EXPECT_TRUE(starts(get("/livez"), "200 OK"));
}

TEST_F(Http, ASlowRequestEndsWithTheTimeout) {
  HttpOptions options;
  options.timeout = std::chrono::milliseconds(30);
  start(options);
  EXPECT_EQ(raw("GET /metr"), "");
  EXPECT_EQ(raw(""), "");
}

TEST_F(Http, ConnectionsAreBounded) {
  HttpOptions options;
  options.max_connections = 2;
  start(options);
  std::vector<int> held;
  for (int i = 0; i < 2; ++i) {
    held.push_back(connect());
    const std::string request = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
    ::send(held.back(), request.data(), request.size(), 0);
    char byte = 0;
    EXPECT_EQ(::recv(held.back(), &byte, 1, 0), 1);  // it is being served
  }
  EXPECT_EQ(get("/livez"), "");
  for (const int fd : held) ::close(fd);
}

TEST_F(Http, KeepAliveServesSeveralRequests) {
  start();
  const std::string answer =
      raw("GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /v1 HTTP/1.1\r\nHost: x\r\n\r\n"
          "GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  size_t answers = 0;
  for (size_t at = 0; (at = answer.find("HTTP/1.1 200 OK", at)) != std::string::npos; ++at) ++answers;
  EXPECT_EQ(answers, 3u) << answer;
}

TEST_F(Http, AnAddressInUseIsNamed) {
  start();
  HttpOptions options;
  options.listen = "127.0.0.1:" + std::to_string(port_);
  HttpServer second(options, logger_);
  const Result<uint16_t> port = second.start();
  ASSERT_FALSE(port);
  EXPECT_TRUE(has(port.error().message,
                  "[http] listen: cannot listen on " + options.listen + ": the address is in use"))
      << port.error().message;
}

}  // namespace
}  // namespace chronik::host
