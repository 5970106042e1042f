// What the tests of the runtime share: a runtime with a log that can be read, a protocol
// made of lambdas, and a client.
#pragma once

#include "host/abi/plugin_host.h"
#include "host/net/connections.h"
#include "host/observe/health.h"
#include "host/observe/logger.h"
#include "host/observe/metrics.h"
#include "host/runtime/runtime.h"

#include <chronik/host.hpp>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <future>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace chronik::host {

// A log in memory.
class LogFile {
 public:
  LogFile() : fd_(::memfd_create("log", MFD_CLOEXEC)) {}
  ~LogFile() { ::close(fd_); }
  int fd() const { return fd_; }
  std::string text() const {
    std::string all(static_cast<size_t>(::lseek(fd_, 0, SEEK_CUR)), '\0');
    EXPECT_EQ(::pread(fd_, all.data(), all.size(), 0), static_cast<ssize_t>(all.size()));
    return all;
  }
  bool has(std::string_view part) const { return text().find(part) != std::string::npos; }

 private:
  int fd_;
};

// A runtime of two shards, and a plugin host on it.
class RuntimeTest : public ::testing::Test {
 protected:
  void start(RuntimeOptions options = {}) {
    if (options.shards == 0) options.shards = 2;
    if (!options.on_fatal)
      options.on_fatal = [this](std::string_view message) { fatals_.emplace_back(message); };
    runtime_ = std::make_unique<Runtime>(std::move(options), logger_, metrics_);
    connections_ = std::make_unique<Connections>(*runtime_);
    PluginHostOptions plugin;
    plugin.connections = connections_.get();
    plugin.id = "test-plugin";
    plugin.node.id = 7;
    plugin.node.peers = {{7, "127.0.0.1:1"}, {8, "127.0.0.1:2"}};
    prepare(plugin);
    plugin_ = std::make_unique<PluginHost>(*runtime_, health_, std::move(plugin));
    host_ = chronik::Host(plugin_->core());
    runtime_->start();
  }
  // What else the plugin's host gets, before the runtime starts.
  virtual void prepare(PluginHostOptions&) {}
  void TearDown() override {
    if (runtime_ != nullptr) runtime_->stop();
  }
  void on(uint32_t shard, const std::function<void()>& fn) { runtime_->run_on(shard, fn); }

  LogFile log_;
  Logger logger_{log_.fd(), LogFormat::kLogfmt, CHR_LOG_DEBUG};
  Metrics metrics_;
  Health health_;
  std::vector<std::string> fatals_;
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<Connections> connections_;
  std::unique_ptr<PluginHost> plugin_;
  chronik::Host host_;
};

// A lease that counts, as a storage's would.
struct CountedLease {
  chr_buf base{&kOps};
  std::atomic<int> references{1};
  std::promise<void> released;  // when nobody else holds it any more

  static CountedLease* of(chr_buf* buf) { return reinterpret_cast<CountedLease*>(buf); }
  static void CHR_CALL retain(chr_buf* buf) { of(buf)->references.fetch_add(1); }
  static void CHR_CALL release(chr_buf* buf) {
    if (of(buf)->references.fetch_sub(1) == 2) of(buf)->released.set_value();
  }
  static int32_t CHR_CALL is_recalled(const chr_buf* buf) {
    return reinterpret_cast<const CountedLease*>(buf)->recalled.load() ? 1 : 0;
  }
  static constexpr chr_buf_ops kOps = {retain, release, is_recalled};
  std::atomic<bool> recalled{false};
};

// A protocol whose behaviour is lambdas; they run on the shard of the connection.
class TestProtocol {
 public:
  struct Session {
    TestProtocol* protocol;
    chr_conn* conn;
    std::string peer;
  };
  std::function<chr_status(Session&)> on_accept = [](Session&) { return CHR_OK; };
  std::function<uint64_t(Session&, chr_slice, uint64_t*)> on_data = [](Session&, chr_slice bytes, uint64_t*) {
    return bytes.n;
  };
  std::function<void(Session&)> on_drained = [](Session&) {};
  std::function<void(Session&, chr_status)> on_closed = [](Session&, chr_status) {};

  const chr_protocol_v1* table() const { return &kTable; }

 private:
  static chr_status CHR_CALL accept(void* self, chr_conn* conn, const chr_conn_info* info, void** session) {
    auto made = std::make_unique<Session>(
        Session{static_cast<TestProtocol*>(self), conn, std::string(from_abi(info->peer))});
    const chr_status status = made->protocol->on_accept(*made);
    if (status == CHR_OK) *session = made.release();
    return status;
  }
  static uint64_t CHR_CALL data(void* session, chr_slice bytes, uint64_t* need) {
    auto* s = static_cast<Session*>(session);
    return s->protocol->on_data(*s, bytes, need);
  }
  static void CHR_CALL drained(void* session) {
    auto* s = static_cast<Session*>(session);
    s->protocol->on_drained(*s);
  }
  static void CHR_CALL closed(void* session, chr_status reason) {
    const std::unique_ptr<Session> s(static_cast<Session*>(session));
    s->protocol->on_closed(*s, reason);
  }
  static constexpr chr_protocol_v1 kTable = {sizeof(chr_protocol_v1), 1, accept, data, drained, closed};
};

// A blocking client socket.
class Client {
 public:
  explicit Client(uint16_t port, int receive_buffer = 0)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer != 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  Client(Client&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Client() {
    if (fd_ >= 0) ::close(fd_);
  }
  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }
  // Exactly n bytes, or fewer when the connection ends.
  std::string read(size_t n) {
    std::string out(n, '\0');
    size_t have = 0;
    while (have < n) {
      const ssize_t got = ::recv(fd_, out.data() + have, n - have, 0);
      if (got <= 0) break;
      have += static_cast<size_t>(got);
    }
    out.resize(have);
    return out;
  }
  // Everything until the connection ends; false when it was reset.
  bool read_to_end(std::string* out) {
    char chunk[4096];
    ssize_t got = 0;
    while ((got = ::recv(fd_, chunk, sizeof chunk, 0)) > 0) out->append(chunk, static_cast<size_t>(got));
    return got == 0;
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace chronik::host
