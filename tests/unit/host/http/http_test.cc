// The HTTP port, on a real socket.
#include "host/http/http_server.h"
#include "host/http/node_routes.h"
#include "host/observe/health.h"
#include "host/observe/logger.h"
#include "host/observe/metrics.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
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

// A part that is mounted: keeps what it was asked.
struct Mounted {
  std::mutex mutex;
  std::condition_variable came;
  std::vector<std::pair<uint64_t, HttpRequest>> asked;

  HttpServer::Taker taker() {
    return [this](uint64_t id, HttpRequest request) {
      const std::lock_guard lock(mutex);
      asked.emplace_back(id, std::move(request));
      came.notify_all();
    };
  }
  std::pair<uint64_t, HttpRequest> await(size_t n) {
    std::unique_lock lock(mutex);
    came.wait(lock, [&] { return asked.size() >= n; });
    return asked[n - 1];
  }
};

TEST_F(Http, MountedPartsAnswerLaterAndFromAnotherThread) {
  start();
  Mounted nodes, all;
  ASSERT_TRUE(server_->mount("/v1/part", "all of it", all.taker()));
  ASSERT_TRUE(server_->mount("/v1/part/nodes", "its nodes", nodes.taker()));
  EXPECT_EQ(server_->mount("/v1/part", "again", all.taker()).error().code, Code::kExists);
  EXPECT_FALSE(server_->mount("/v1/broken", "again", all.taker()));
  std::string answer;
  std::thread client([&] {
    answer =
        raw("POST /v1/part/nodes/4?force=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
            "4\r\n\r\nbody");
  });
  const auto [id, request] = nodes.await(1);
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path, "/v1/part/nodes/4");
  EXPECT_EQ(request.query, "force=1");
  EXPECT_EQ(request.body, "body");
  EXPECT_TRUE(starts(get("/livez"), "200 OK"));  // nobody waits for it
  server_->respond(id + 1, {200, "text/plain", "another's"});
  server_->respond(id, {202, "application/json", "{}"});
  server_->respond(id, {200, "text/plain", "twice"});
  client.join();
  EXPECT_TRUE(starts(answer, "202 ")) << answer;
  EXPECT_TRUE(answer.ends_with("\r\n\r\n{}")) << answer;
  EXPECT_TRUE(has(get("/v1"), "{\"path\":\"/v1/part/nodes\",\"doc\":\"its nodes\"}"));

  std::thread head([&] { answer = get("/v1/part/nodesx", "HEAD"); });
  const auto [second, asked] = all.await(1);
  EXPECT_EQ(asked.method, "GET");
  EXPECT_EQ(asked.path, "/v1/part/nodesx");
  server_->respond(second, {200, "text/plain", "not sent"});
  head.join();
  EXPECT_TRUE(starts(answer, "200 ") && answer.ends_with("\r\n\r\n")) << answer;
}

TEST_F(Http, MountedPartsAreNotAskedWhatTheyMustNotSee) {
  start();
  Mounted part;
  ASSERT_TRUE(server_->mount("/v1/part", "", part.taker()));
  EXPECT_TRUE(starts(get("/v1/part", "PATCH"), "405 "));
  EXPECT_TRUE(starts(get("/v1/part", "WHATEVER"), "4"));
  EXPECT_TRUE(starts(get("/v1/parts"), "404 "));
  EXPECT_TRUE(starts(get("v1/part"), "4"));
  const std::string page =
      raw("DELETE /v1/part/4 HTTP/1.1\r\nHost: x\r\nOrigin: http://evil\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(starts(page, "403 ")) << page;
  EXPECT_TRUE(has(page, "{\"error\":\"this was sent by a web page; use chronik-server or curl\"}")) << page;
  server_->unmount("/v1/part");
  EXPECT_TRUE(starts(get("/v1/part"), "503 "));
  EXPECT_TRUE(part.asked.empty());
}

TEST_F(Http, UnansweredRequestsAreBoundedInNumberAndTime) {
  HttpOptions options;
  options.max_unanswered = 1;
  options.patience = std::chrono::milliseconds(50);
  start(options);
  Mounted part;
  ASSERT_TRUE(server_->mount("/v1/part", "", part.taker()));
  const int held = connect();
  const std::string request = "GET /v1/part HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  ::send(held, request.data(), request.size(), 0);
  const uint64_t id = part.await(1).first;
  std::string busy;
  // The first one may have been given up by now on a slow machine; then the second waits as long.
  busy = get("/v1/part");
  EXPECT_TRUE(starts(busy, "503 ") || starts(busy, "504 ")) << busy;
  char answer[12] = {};
  EXPECT_EQ(::recv(held, answer, sizeof answer, MSG_WAITALL), 12);
  EXPECT_EQ(std::string(answer, 12), "HTTP/1.1 504");
  ::close(held);
  server_->respond(id, {200, "text/plain", "too late"});
  EXPECT_TRUE(starts(get("/livez"), "200 OK"));
}

TEST_F(Http, AStopInBetweenEndsTheConnection) {
  start();
  Mounted part;
  ASSERT_TRUE(server_->mount("/v1/part", "", part.taker()));
  std::string answer = "?";
  std::thread client([&] { answer = get("/v1/part"); });
  const uint64_t id = part.await(1).first;
  server_->stop();
  client.join();
  EXPECT_EQ(answer, "");
  server_->respond(id, {200, "text/plain", "too late"});
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
