// Listeners and connections on real sockets.
#include "tests/unit/host/abi/fixture.h"

#include "host/runtime/buffer_pool.h"

#include <sys/resource.h>

#include <atomic>
#include <cstring>
#include <fstream>
#include <latch>
#include <mutex>
#include <set>
#include <thread>

namespace chronik::host {
namespace {

class Net : public RuntimeTest {
 protected:
  void start(RuntimeOptions options = {}) {
    RuntimeTest::start(std::move(options));
    net_ = host_.find<chr_net_v1>(CHR_NET_ID);
  }
  uint16_t listen() {
    uint16_t port = 0;
    chr_error error = make_abi_error();
    EXPECT_EQ(net_->listen(host_.self(), to_abi("127.0.0.1:0"), protocol_.table(), &protocol_, &port, &error),
              CHR_OK)
        << error.message;
    return port;
  }
  void write(TestProtocol::Session& session, std::string_view bytes, chr_buf* lease = nullptr) {
    const chr_slice slice{reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), lease};
    net_->write(host_.self(), session.conn, &slice, 1);
  }
  void echo(TestProtocol::Session& session, chr_slice bytes) {
    net_->write(host_.self(), session.conn, &bytes, 1);
  }
  void TearDown() override {
    if (plugin_ != nullptr) plugin_->close_connections();
    RuntimeTest::TearDown();
  }

  TestProtocol protocol_;  // outlives the runtime's threads: TearDown stops them
  const chr_net_v1* net_ = nullptr;
};

std::string_view view(chr_slice slice) { return {reinterpret_cast<const char*>(slice.p), slice.n}; }

// Frames of a 4-byte length and a body, as most protocols have them.
uint64_t frame_size(chr_slice bytes) {
  if (bytes.n < 4) return 4;
  uint32_t size = 0;
  std::memcpy(&size, bytes.p, 4);
  return 4 + uint64_t{ntohl(size)};
}
std::string framed(std::string_view body) {
  const uint32_t size = htonl(static_cast<uint32_t>(body.size()));
  return std::string(reinterpret_cast<const char*>(&size), 4).append(body);
}

TEST_F(Net, EchoesWholeFramesOverManyConnectionsOnAllShards) {
  start();
  std::mutex mutex;
  std::set<int32_t> shards;
  protocol_.on_accept = [&](TestProtocol::Session& session) {
    EXPECT_EQ(session.peer.find("127.0.0.1:"), 0u);
    const std::lock_guard lock(mutex);
    shards.insert(host_.current_shard());
    return CHR_OK;
  };
  protocol_.on_data = [&](TestProtocol::Session& session, chr_slice bytes, uint64_t* need) -> uint64_t {
    const uint64_t size = frame_size(bytes);
    if (bytes.n < size) {
      *need = size;
      return 0;
    }
    echo(session, {bytes.p, size, bytes.lease});  // kept by lease until it is sent
    return size;
  };
  const uint16_t port = listen();
  std::vector<std::thread> clients;
  for (int c = 0; c < 4; ++c) {
    clients.emplace_back([&, c] {
      Client client(port);
      for (const size_t size : {0uz, 1uz, 1000uz, 100'000uz, 2'000'000uz, 50uz, 2'000'000uz}) {
        const std::string frame = framed(std::string(size, static_cast<char>('a' + c)));
        std::thread writer([&] { client.send(frame); });
        EXPECT_TRUE(client.read(frame.size()) == frame);
        writer.join();
      }
      std::string burst;  // pipelined
      for (int i = 0; i < 1000; ++i) burst += framed("request " + std::to_string(i));
      std::thread writer([&] { client.send(burst); });
      EXPECT_TRUE(client.read(burst.size()) == burst);
      writer.join();
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(shards, (std::set<int32_t>{0, 1}));
}

TEST_F(Net, DataIsNotCalledBeforeWhatItNeedsStandsContiguously) {
  start();
  std::vector<uint64_t> calls;
  std::promise<std::string> whole;
  std::promise<void> first;
  protocol_.on_data = [&](TestProtocol::Session&, chr_slice bytes, uint64_t* need) -> uint64_t {
    calls.push_back(bytes.n);
    if (calls.size() == 1) {
      *need = 10'000;
      first.set_value();
      return 0;
    }
    whole.set_value(std::string(view(bytes)));
    return bytes.n;
  };
  const uint16_t port = listen();
  Client client(port);
  client.send("a");
  first.get_future().wait();
  std::string rest(9'999, 'b');
  for (size_t at = 0; at < rest.size(); at += 1111) client.send(std::string_view(rest).substr(at, 1111));
  EXPECT_EQ(whole.get_future().get(), "a" + rest);
  EXPECT_EQ(calls.size(), 2u);
}

TEST_F(Net, PausedReadingPushesBackOnTheSenderAndResumesWithNothingLost) {
  start();
  constexpr size_t kTotal = 64 << 20;
  std::atomic<uint64_t> received{0};
  std::atomic<uint64_t> sum{0};
  std::promise<TestProtocol::Session*> paused;
  std::promise<void> all;
  bool is_paused = false;  // of the connection's shard
  protocol_.on_data = [&](TestProtocol::Session& session, chr_slice bytes, uint64_t*) -> uint64_t {
    if (!is_paused) {
      is_paused = true;
      net_->pause(host_.self(), session.conn);
      paused.set_value(&session);
      return 0;  // left for later
    }
    for (const unsigned char c : view(bytes)) sum += c;
    if ((received += bytes.n) == kTotal) all.set_value();
    return bytes.n;
  };
  const uint16_t port = listen();
  Client client(port);
  std::string bytes(kTotal, '\1');
  std::atomic<bool> sent{false};
  std::thread writer([&] {
    client.send(bytes);
    sent = true;
  });
  TestProtocol::Session* session = paused.get_future().get();
  EXPECT_EQ(received, 0u);
  for (uint32_t shard : {0u, 1u}) {
    on(shard, [&] { EXPECT_EQ(received, 0u); });
  }
  EXPECT_FALSE(sent);  // 64 MiB are more than the kernel's buffers hold
  on(0, [&] { net_->resume(host_.self(), session->conn); });  // where a listener's first connection lives
  all.get_future().wait();
  EXPECT_EQ(sum, kTotal);
  writer.join();
}

TEST_F(Net, FlushingCloseDeliversEverythingEvenWithUnreadInput) {
  start();
  const std::string answer(3 << 20, 'z');
  std::promise<chr_status> closed;
  protocol_.on_data = [&](TestProtocol::Session& session, chr_slice, uint64_t*) -> uint64_t {
    write(session, answer);
    net_->close(host_.self(), session.conn, 1);
    write(session, "too late");
    return 0;
  };
  protocol_.on_closed = [&](TestProtocol::Session&, chr_status reason) { closed.set_value(reason); };
  const uint16_t port = listen();
  std::string got;
  {
    Client client(port);
    client.send(std::string(200'000, 'q'));
    EXPECT_TRUE(client.read_to_end(&got));
  }
  EXPECT_TRUE(got == answer);
  EXPECT_EQ(closed.get_future().get(), CHR_OK);
}

TEST_F(Net, TheEndOfAConnectionIsToldOnceAndRefusedOnesNever) {
  start();
  std::atomic<int> accepted{0};
  std::promise<chr_status> closed;
  protocol_.on_accept = [&](TestProtocol::Session&) { return accepted++ == 0 ? CHR_E_OVERLOADED : CHR_OK; };
  protocol_.on_closed = [&](TestProtocol::Session&, chr_status reason) { closed.set_value(reason); };
  const uint16_t port = listen();
  {
    Client refused(port);
    std::string nothing;
    refused.read_to_end(&nothing);
    EXPECT_EQ(nothing, "");
  }
  {
    Client client(port);
  }
  EXPECT_EQ(closed.get_future().get(), CHR_OK);  // a second call would throw
}

TEST_F(Net, ASessionThatConsumesMoreThanItGotIsClosed) {
  start();
  std::promise<chr_status> closed;
  protocol_.on_data = [](TestProtocol::Session&, chr_slice bytes, uint64_t*) { return bytes.n + 1; };
  protocol_.on_closed = [&](TestProtocol::Session&, chr_status reason) { closed.set_value(reason); };
  Client client(listen());
  client.send("x");
  EXPECT_EQ(closed.get_future().get(), CHR_E_FAILED);
  EXPECT_TRUE(log_.has("consumed more than it was given"));
}

TEST_F(Net, WritesOfOneTurnArriveInOrderAndDrainedIsCalled) {
  start();
  std::promise<void> drained;
  std::atomic<bool> once{false};
  protocol_.on_accept = [&](TestProtocol::Session& session) {
    static const std::string part(100'000, '.');
    for (int i = 0; i < 300; ++i) write(session, part);
    write(session, "end");
    EXPECT_EQ(net_->queued(host_.self(), session.conn), 30'000'003u);
    return CHR_OK;
  };
  protocol_.on_drained = [&](TestProtocol::Session& session) {
    EXPECT_LT(net_->queued(host_.self(), session.conn), 256u << 10);
    if (!once.exchange(true)) drained.set_value();
  };
  Client client(listen());
  const std::string got = client.read(30'000'003);
  ASSERT_EQ(got.size(), 30'000'003u);
  EXPECT_EQ(got.substr(got.size() - 4), ".end");
  drained.get_future().wait();
}

TEST_F(Net, AnAnswerIsOnItsWayBeforeOthersHaveTheirTurn) {
  start();
  std::promise<uint64_t> left;
  protocol_.on_data = [&](TestProtocol::Session& session, chr_slice bytes, uint64_t*) {
    host_.post(static_cast<uint32_t>(host_.current_shard()),
               [&, conn = session.conn] { left.set_value(net_->queued(host_.self(), conn)); });
    echo(session, bytes);
    return bytes.n;
  };
  Client client(listen());
  client.send("x");
  EXPECT_EQ(left.get_future().get(), 0u);
  EXPECT_EQ(client.read(1), "x");
}

uint64_t anonymous_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1024;
  }
  return 0;
}

TEST_F(Net, AThousandAnnouncementsOfTwoGiBCostLittle) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < 2200) GTEST_SKIP() << "needs 2,200 open files";
  start();
  constexpr int kConnections = 1000;
  std::latch announced(kConnections);
  protocol_.on_data = [&](TestProtocol::Session&, chr_slice bytes, uint64_t* need) -> uint64_t {
    if (bytes.n < 4) {
      *need = 4;
      return 0;
    }
    *need = frame_size(bytes);
    announced.count_down();
    return 0;
  };
  const uint16_t port = listen();
  const uint64_t before = anonymous_memory();
  std::vector<Client> clients;
  for (int i = 0; i < kConnections; ++i) {
    clients.emplace_back(port);
    clients.back().send(std::string("\x7f\xff\xff\xff", 4) + std::string(1000, 'x'));
  }
  announced.wait();
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(anonymous_memory() - before, uint64_t{64} << 20);
#else
  (void)before;
#endif
}

TEST_F(Net, IdleConnectionsHoldNoBuffers) {
  start();
  std::latch greeted(50);
  std::vector<Lease> kept;  // on shard 0 or 1: guarded
  std::mutex mutex;
  protocol_.on_data = [&](TestProtocol::Session&, chr_slice bytes, uint64_t*) -> uint64_t {
    greeted.count_down();
    return bytes.n;
  };
  const uint16_t port = listen();
  std::vector<Client> clients;
  for (int i = 0; i < 50; ++i) {
    clients.emplace_back(port);
    clients.back().send("hello");
  }
  greeted.wait();
  for (uint32_t shard : {0u, 1u}) on(shard, [] {});
  EXPECT_EQ(runtime_->buffers().live(0), 0);
}

RuntimeOptions short_leases() {
  RuntimeOptions options;
  options.lease_age = std::chrono::milliseconds(20);
  options.slow_reader_bytes = 1 << 20;
  options.slow_reader_shared_bytes = 0;
  return options;
}

// A reader that takes nothing: its socket's buffers are full, then `left` bytes of
// foreign leases stay queued.
struct Stalled {
  std::string filler = std::string(32 << 20, 'f');
  CountedLease lease;
};

TEST_F(Net, ASlowReadersLeaseIsCopiedWhenItIsOld) {
  RuntimeOptions options = short_leases();
  options.slow_reader_bytes = 64 << 20;  // it may take as long as it likes
  start(std::move(options));
  Stalled stalled;
  const std::string page(900'000, 'p');
  protocol_.on_accept = [&](TestProtocol::Session& session) {
    // Filler of the host's own memory is not held against the reader; the leased page behind it cannot move.
    chr_slice filler{};
    EXPECT_EQ(host_.alloc(12 << 20, &filler), CHR_OK);
    std::memset(const_cast<uint8_t*>(filler.p), 'f', filler.n);
    net_->write(host_.self(), session.conn, &filler, 1);
    filler.lease->ops->release(filler.lease);
    write(session, page, &stalled.lease.base);
    return CHR_OK;
  };
  Client client(listen(), 4096);
  stalled.lease.released.get_future().wait();
  const std::string got = client.read((12 << 20) + page.size());
  EXPECT_TRUE(got == std::string(12 << 20, 'f') + page);
  EXPECT_NE(metrics_.expose().find("chronik_net_slow_reader_copied_bytes_total 900000\n"), std::string::npos);
}

TEST_F(Net, ARecalledLeaseIsCopiedLongBeforeItIsOld) {
  RuntimeOptions options;
  options.lease_age = std::chrono::hours(1);
  options.slow_reader_bytes = 64 << 20;
  start(std::move(options));
  Stalled stalled;
  protocol_.on_accept = [&](TestProtocol::Session& session) {
    write(session, stalled.filler, &stalled.lease.base);
    return CHR_OK;
  };
  Client client(listen(), 4096);
  client.read(1);  // the rest does not fit into the sockets' buffers
  stalled.lease.recalled = true;
  stalled.lease.released.get_future().wait();
  EXPECT_TRUE(client.read(stalled.filler.size() - 1) == stalled.filler.substr(1));
}

TEST_F(Net, ASlowReaderOfMoreThanItsShareIsClosed) {
  start(short_leases());
  Stalled stalled;
  std::promise<chr_status> closed;
  protocol_.on_accept = [&](TestProtocol::Session& session) {
    write(session, stalled.filler, &stalled.lease.base);
    return CHR_OK;
  };
  protocol_.on_closed = [&](TestProtocol::Session&, chr_status reason) { closed.set_value(reason); };
  Client client(listen(), 4096);
  EXPECT_EQ(closed.get_future().get(), CHR_E_TIMEOUT);
  stalled.lease.released.get_future().wait();
  EXPECT_TRUE(log_.has("its reader is too slow"));
  EXPECT_EQ(stalled.lease.references, 1);
}

TEST_F(Net, AnAddressInUseIsNamedWithWhatToDo) {
  start();
  const uint16_t port = listen();
  uint16_t second = 0;
  chr_error error = make_abi_error();
  const std::string address = "127.0.0.1:" + std::to_string(port);
  EXPECT_EQ(net_->listen(host_.self(), to_abi(address), protocol_.table(), &protocol_, &second, &error),
            CHR_E_EXISTS);
  EXPECT_NE(std::string(error.message).find("cannot listen on " + address + ": the address is in use; stop"),
            std::string::npos)
      << error.message;
  for (const char* bad : {"9092", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "1:2:3", "256.1.1.1:1"}) {
    EXPECT_EQ(net_->listen(host_.self(), to_abi(bad), protocol_.table(), &protocol_, &second, &error),
              CHR_E_INVALID_ARGUMENT)
        << bad;
  }
}

TEST_F(Net, StoppedListenersAcceptNoMoreAndOpenConnectionsAreClosedByTheHost) {
  start();
  std::latch open(3);
  std::atomic<int> closed{0};
  protocol_.on_accept = [&](TestProtocol::Session&) {
    open.count_down();
    return CHR_OK;
  };
  protocol_.on_closed = [&](TestProtocol::Session&, chr_status reason) {
    EXPECT_EQ(reason, CHR_E_SHUTTING_DOWN);
    ++closed;
  };
  const uint16_t port = listen();
  Client a(port), b(port), c(port);
  open.wait();
  plugin_->close_listeners();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_NE(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ::close(fd);
  EXPECT_EQ(closed, 0);
  plugin_->close_connections();
  EXPECT_EQ(closed, 3);
}

TEST_F(Net, RunningOutOfFilesIsLoggedOnceAndSurvived) {
  start();
  std::promise<void> accepted;
  protocol_.on_accept = [&](TestProtocol::Session&) {
    accepted.set_value();
    return CHR_OK;
  };
  const uint16_t port = listen();
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const int probe = ::dup(0);  // the lowest free descriptor
  ::close(probe);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(probe);
  ::setrlimit(RLIMIT_NOFILE, &none);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  while (!log_.has("Cannot accept connections")) std::this_thread::yield();
  ::setrlimit(RLIMIT_NOFILE, &before);
  accepted.get_future().wait();
  const std::string text = log_.text();
  EXPECT_EQ(text.find("Cannot accept"), text.rfind("Cannot accept"));
  ::close(socket);
}

}  // namespace
}  // namespace chronik::host
