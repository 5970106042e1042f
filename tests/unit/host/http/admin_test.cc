// The HTTP routes of plugins: through the ABI tables, on real threads and sockets.
#include "host/http/admin_routes.h"
#include "tests/unit/host/abi/fixture.h"

#include <fmt/format.h>

namespace chronik::host {
namespace {

class AdminTest : public RuntimeTest {
 protected:
  void start() {
    RuntimeTest::start();
    http_ = std::make_unique<HttpServer>(HttpOptions{.listen = "127.0.0.1:0"}, logger_);
    routes_ = std::make_unique<AdminRoutes>(*runtime_, *http_);
    PluginHostOptions options;
    options.id = "admin-plugin";
    options.admin = routes_.get();
    plugin_ = std::make_unique<PluginHost>(*runtime_, health_, std::move(options));
    host_ = chronik::Host(plugin_->core());
    table_ = host_.find<chr_admin_v1>(CHR_ADMIN_ID);
    ASSERT_NE(table_, nullptr);
    const Result<uint16_t> port = http_->start();
    ASSERT_TRUE(port);
    port_ = *port;
  }
  void TearDown() override {
    http_->stop();
    RuntimeTest::TearDown();
  }
  // On shard 1, which is where requests must come then.
  chr_status route(std::string_view path, std::string* message = nullptr) {
    chr_status status = CHR_OK;
    on(1, [&] {
      chr_error error = make_abi_error();
      status = table_->route(host_.self(), to_abi(path), asked, this, &error);
      if (message != nullptr) *message = error.message;
    });
    return status;
  }
  std::string ask(const std::string& method, const std::string& path, const std::string& body = {}) {
    Client client(port_);
    client.send(fmt::format("{} {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}",
                            method, path, body.size(), body));
    std::string out;
    client.read_to_end(&out);
    return out;
  }
  void respond(uint64_t id, int32_t status, std::string_view type, std::string_view body) {
    table_->respond(host_.self(), id, status, to_abi(type), to_abi(body));
  }

  std::function<void(uint64_t, const chr_admin_request&)> on_request_;
  const chr_admin_v1* table_ = nullptr;
  uint16_t port_ = 0;

 private:
  static void CHR_CALL asked(void* self, uint64_t id, const chr_admin_request* request) {
    auto* test = static_cast<AdminTest*>(self);
    EXPECT_EQ(test->host_.current_shard(), 1);
    test->on_request_(id, *request);
  }

  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<AdminRoutes> routes_;
};

TEST_F(AdminTest, ARequestComesToItsShardAndIsAnsweredFromAnyThread) {
  start();
  on_request_ = [this](uint64_t id, const chr_admin_request& request) {
    const std::string seen =
        fmt::format("{} {} {} {}", from_abi(request.method), from_abi(request.path), from_abi(request.query),
                    std::string_view(reinterpret_cast<const char*>(request.body.p), request.body.n));
    host_.post(0, [this, id, seen, lease = Lease::share(request.body.lease)] {
      respond(id, 201, "text/plain", seen);
    });
  };
  ASSERT_EQ(route("/v1/things"), CHR_OK);
  const std::string answer = ask("PUT", "/v1/things/1?x=y", "new");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 201 ")) << answer;
  EXPECT_TRUE(answer.ends_with("PUT /v1/things/1 x=y new")) << answer;
  EXPECT_NE(ask("GET", "/v1").find("answered by the plugin admin-plugin"), std::string::npos);
}

TEST_F(AdminTest, BadRoutesAreRefusedWithAReason) {
  start();
  for (const char* path : {"", "/", "/v1", "/v1/", "/metrics", "/v1/a/", "/v1/a b", "/v1/a?b", "v1/a"})
    EXPECT_EQ(route(path), CHR_E_INVALID_ARGUMENT) << path;
  EXPECT_EQ(route("/v1/" + std::string(300, 'a')), CHR_E_INVALID_ARGUMENT);
  ASSERT_EQ(route("/v1/a"), CHR_OK);
  std::string message;
  EXPECT_EQ(route("/v1/a", &message), CHR_E_EXISTS);
  EXPECT_EQ(message, "/v1/a is taken: answered by the plugin admin-plugin");
}

TEST_F(AdminTest, AnswersThatAreNoneBecomeErrors) {
  start();
  on_request_ = [this](uint64_t id, const chr_admin_request&) { respond(id, 7, "text/plain", "x"); };
  ASSERT_EQ(route("/v1/a"), CHR_OK);
  EXPECT_TRUE(ask("GET", "/v1/a").starts_with("HTTP/1.1 500 "));
  on_request_ = [this](uint64_t id, const chr_admin_request&) { respond(id, 200, "a\r\nX-Evil: 1", "x"); };
  const std::string answer = ask("GET", "/v1/a");
  EXPECT_EQ(answer.find("X-Evil"), std::string::npos) << answer;
}

TEST_F(AdminTest, NothingComesOnceTheStopBegins) {
  start();
  std::atomic<int> came{0};
  std::promise<uint64_t> first;
  on_request_ = [&](uint64_t id, const chr_admin_request&) {
    if (++came == 1) first.set_value(id);
  };
  ASSERT_EQ(route("/v1/a"), CHR_OK);
  std::string answer;
  std::thread client([&] { answer = ask("GET", "/v1/a"); });
  const uint64_t id = first.get_future().get();
  plugin_->close_listeners();
  EXPECT_TRUE(ask("GET", "/v1/a").starts_with("HTTP/1.1 503 "));
  EXPECT_EQ(came, 1);
  respond(id, 200, "text/plain", "what was under way is still answered");
  client.join();
  EXPECT_TRUE(answer.ends_with("still answered")) << answer;
}

}  // namespace
}  // namespace chronik::host
