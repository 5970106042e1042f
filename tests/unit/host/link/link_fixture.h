// Nodes with links on real sockets, all in this process; and a peer made of a bare socket, which may lie.
#pragma once

#include "host/link/link_frame.h"
#include "host/link/links.h"
#include "host/runtime/buffer_pool.h"
#include "tests/unit/host/abi/fixture.h"

#include <chronik/crc32c.hpp>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

namespace chronik::host {

inline chr_uuid uuid_of(uint8_t first) {
  chr_uuid id{};
  id.b[0] = first;
  return id;
}

// What one channel was told, in order: frames, and links as "+2" and "-2".
class TestChannel {
 public:
  struct Frame {
    int32_t from;
    std::string bytes;
  };
  static constexpr auto kPatience = std::chrono::seconds(60);  // of a test that will fail

  const chr_channel_v1* table() const { return &kTable; }
  // The next frame, or nothing when none comes.
  std::optional<Frame> next() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kPatience, [&] { return !frames_.empty(); })) return std::nullopt;
    Frame frame = std::move(frames_.front());
    frames_.pop_front();
    return frame;
  }
  // Waits until the links' history is this, or goes on from it.
  bool told(const std::string& history) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return links_.starts_with(history); });
  }
  std::string history() {
    const std::lock_guard lock(mutex_);
    return links_;
  }
  size_t waiting() {
    const std::lock_guard lock(mutex_);
    return frames_.size();
  }

 private:
  static void CHR_CALL frame(void* context, int32_t from, chr_slice bytes) {
    auto* self = static_cast<TestChannel*>(context);
    const std::lock_guard lock(self->mutex_);
    self->frames_.push_back({from, std::string(reinterpret_cast<const char*>(bytes.p), bytes.n)});
    self->changed_.notify_all();
  }
  static void CHR_CALL link(void* context, int32_t peer, uint32_t up) {
    auto* self = static_cast<TestChannel*>(context);
    const std::lock_guard lock(self->mutex_);
    self->links_ += (up != 0 ? "+" : "-") + std::to_string(peer) + " ";
    self->changed_.notify_all();
  }
  static constexpr chr_channel_v1 kTable = {sizeof(chr_channel_v1), 1, frame, link};

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Frame> frames_;
  std::string links_;
};

// One node: a runtime, its links, and a channel "test".
class LinkNode {
 public:
  explicit LinkNode(LinkOptions options) {
    if (is_zero(options.incarnation)) options.incarnation = uuid_of(static_cast<uint8_t>(options.node));
    if (options.listen.empty()) options.listen = "127.0.0.1:0";
    RuntimeOptions runtime;
    runtime.shards = 2;
    runtime_ = std::make_unique<Runtime>(runtime, logger_, metrics_);
    runtime_->start();
    links_ = std::make_unique<Links>(*runtime_, std::move(options));
    const Status listening = links_->listen();
    EXPECT_TRUE(listening) << listening.error().message;
    EXPECT_TRUE(links_->open(this, "test", channel.table(), &channel, &id_));
  }
  ~LinkNode() { stop(); }
  LinkNode(const LinkNode&) = delete;
  LinkNode& operator=(const LinkNode&) = delete;

  void start() { links_->start(); }
  void stop() {
    links_->stop();
    runtime_->stop();
  }
  Links& links() { return *links_; }
  Runtime& runtime() { return *runtime_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(links_->port()); }
  chr_status send(int32_t to, std::string_view bytes, uint32_t lane = CHR_LANE_CONTROL) {
    chr_slice slice = copy(bytes);
    const Lease lease = Lease::adopt(slice.lease);
    return links_->send(id_, to, lane, &slice, 1);
  }
  chr_slice copy(std::string_view bytes) {
    Buffer* const buffer = runtime_->buffers().alloc(std::max<size_t>(bytes.size(), 1));
    std::memcpy(buffer->bytes(), bytes.data(), bytes.size());
    return {buffer->bytes(), bytes.size(), buffer->lease()};
  }
  uint32_t channel_id() const { return id_; }
  std::string metrics() { return metrics_.expose(); }
  // Waits for a line of the metrics, or of the log.
  bool shows(const std::string& line) {
    return eventually([&] { return metrics().find(line + "\n") != std::string::npos; });
  }
  bool logs(std::string_view part) {
    return eventually([&] { return log_.has(part); });
  }
  std::string log() const { return log_.text(); }

  TestChannel channel;

 private:
  static bool eventually(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + TestChannel::kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }

  LogFile log_;
  Logger logger_{log_.fd(), LogFormat::kLogfmt, CHR_LOG_DEBUG};
  Metrics metrics_;
  std::unique_ptr<Runtime> runtime_;
  std::unique_ptr<Links> links_;
  uint32_t id_ = 0;
};

// Says what it is told to say, over one connection.
class RawPeer {
 public:
  explicit RawPeer(const LinkNode& node, int receive_buffer = 0)
      : socket_(static_cast<uint16_t>(std::stoi(node.address().substr(10))), receive_buffer) {}
  void send(std::string_view bytes) { socket_.send(bytes); }
  // The other side's answer to a greeting; empty: it closed without.
  std::string hello(const Greeting& greeting) {
    send(encode(greeting));
    return answer();
  }
  std::string answer() {
    std::string message = socket_.read(kGreetingHead);
    if (message.size() < kGreetingHead) return {};
    const Result<uint64_t> size = greeting_size(reinterpret_cast<const uint8_t*>(message.data()));
    return size ? message + socket_.read(*size - kGreetingHead) : message;
  }
  static std::string frame(std::string_view payload, std::string_view channel = "test") {
    const chr_slice slice{reinterpret_cast<const uint8_t*>(payload.data()), payload.size(), nullptr};
    std::string out(kFrameHead, '\0');
    encode_frame_head(frame_head(channel_hash(channel), &slice, 1), reinterpret_cast<uint8_t*>(out.data()));
    return out.append(payload);
  }
  std::string read(size_t n) { return socket_.read(n); }
  // Whether the other side ended the connection.
  bool ends() {
    std::string rest;
    socket_.read_to_end(&rest);
    return true;
  }

 private:
  Client socket_;
};

inline Greeting greeting_of(int32_t node, int32_t meant, uint8_t lane = 0, uint64_t session = 1) {
  Greeting greeting;
  greeting.lane = lane;
  greeting.node = node;
  greeting.meant = meant;
  greeting.session = session;
  greeting.incarnation = uuid_of(static_cast<uint8_t>(node));
  return greeting;
}

inline std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// The reason in an answer, or "welcome".
inline std::string verdict(const std::string& answer) {
  if (answer.size() < kGreetingHead) return "closed";
  Refused refused;
  if (decode_greeting(bytes_of(answer), &refused)) return "welcome";
  return refused.reason;
}

}  // namespace chronik::host
