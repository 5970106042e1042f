#include "host/net/connection.h"

#include "host/net/connection_set.h"
#include "host/net/socket_name.h"
#include "host/observe/logger.h"
#include "host/runtime/runtime.h"
#include "host/runtime/shard.h"

#include <chronik/host.hpp>

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace chronik::host {
namespace {

using boost::asio::posix::stream_descriptor;

constexpr uint64_t kTurnBytes = 4 << 20;  // read or written for one connection before others get their turn
constexpr uint64_t kLowMark = 256 << 10;
constexpr uint32_t kVectors = 128;  // to one sendmsg
constexpr uint64_t kFlushNs = 10'000'000'000;
constexpr uint64_t kLingerNs = 1'000'000'000;
constexpr uint64_t kStalledAges =
    10;  // lease ages without a byte taken, after which a long queue is given up

}  // namespace

Connection::Connection(ConnectionSet& set, std::shared_ptr<ListenTarget> target, int fd)
    : set_(set),
      target_(std::move(target)),
      socket_(set.shard().io(), fd),
      peer_(peer_name(fd)),
      local_(local_name(fd)),
      input_(set.shard().runtime().buffers()),
      queue_(set.shard().runtime().buffers()) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

bool Connection::open() {
  chr_conn_info info{};
  info.struct_size = sizeof info;
  info.peer = to_abi(peer_);
  info.local = to_abi(local_);
  const chr_status status = target_->protocol->accept(target_->instance, handle(), &info, &session_);
  if (status != CHR_OK) {
    session_ = nullptr;
    finish(status);
    return false;
  }
  accepted_ = true;
  wait_readable();
  return true;
}

// ---- reading ----

void Connection::wait_readable() {
  const bool reads = (state_ == State::kOpen && !paused_) || state_ == State::kLingering;
  if (!reads || waits_readable_) return;
  waits_readable_ = true;
  socket_.async_wait(stream_descriptor::wait_read,
                     set_.shard().as_turn([self = shared_from_this()](boost::system::error_code error) {
                       self->waits_readable_ = false;
                       if (error) return;
                       if (self->state_ == State::kLingering) return self->discard_input();
                       self->on_readable();
                     }));
}

void Connection::on_readable() {
  reading_ = true;
  receive();
  reading_ = false;
  // Without a turn of the loop, and a look at its sockets, in between.
  if (!queue_.empty() && !waits_writable_) flush();
}

void Connection::receive() {
  uint64_t total = 0;
  while (state_ == State::kOpen && !paused_ && total < kTurnBytes) {
    const std::span<uint8_t> space = input_.space();
    if (space.empty()) {
      set_.shard().runtime().logger().error("net", "No memory to receive; closing the connection",
                                            Fields().add("peer", peer_));
      return finish(CHR_E_FAILED);
    }
    const ssize_t n = ::recv(fd(), space.data(), space.size(), MSG_DONTWAIT);
    if (n == 0) return finish(CHR_OK);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      return finish(CHR_E_IO);
    }
    total += static_cast<uint64_t>(n);
    input_.received(static_cast<size_t>(n));
    deliver();
    if (static_cast<size_t>(n) < space.size()) break;  // the socket is empty
  }
  if (total != 0) {
    be_active();
    set_.counts().received_bytes.fetch_add(total, std::memory_order_relaxed);
  }
  if (state_ != State::kOpen) return;
  input_.rest(false);
  wait_readable();
}

void Connection::deliver() {
  delivering_ = true;
  while (state_ == State::kOpen && !paused_) {
    const chr_slice bytes = input_.unconsumed();
    if (bytes.n < min_input_) break;
    uint64_t need = 0;
    const uint64_t consumed = target_->protocol->data(session_, bytes, &need);
    if (consumed > bytes.n) {
      set_.shard().runtime().logger().error(
          target_->plugin, "Plugin misbehaviour: consumed more than it was given; closing the connection",
          Fields().add("peer", peer_));
      finish(CHR_E_FAILED);
      break;
    }
    input_.consumed(consumed, need);
    // A call that consumed nothing is not repeated for the same bytes, unless it paused.
    const bool stuck = consumed == 0 && need <= bytes.n && !paused_;
    min_input_ = stuck ? bytes.n + 1 : need == 0 ? 1 : need;
  }
  delivering_ = false;
}

void Connection::pause() { paused_ = true; }

void Connection::resume() {
  if (!paused_) return;
  paused_ = false;
  if (delivering_ || state_ != State::kOpen) return;
  set_.shard().runtime().post(set_.shard().index(), [self = shared_from_this()] { self->deliver_rest(); });
}

void Connection::deliver_rest() {
  if (state_ != State::kOpen || paused_) return;
  be_active();
  deliver();
  if (state_ != State::kOpen) return;
  input_.rest(false);
  wait_readable();
}

void Connection::be_active() {
  was_active_ = true;
  set_.is_active(*this);
}

void Connection::discard_input() {
  char sink[16 << 10];
  const ssize_t n = ::recv(fd(), sink, sizeof sink, MSG_DONTWAIT);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return finish(CHR_OK);
  wait_readable();
}

// ---- writing ----

void Connection::write(const chr_slice* slices, uint32_t n) {
  if (state_ != State::kOpen) return;
  const uint64_t now = monotonic_ns();
  if (queue_.empty()) progress_ns_ = now;
  queue_.push(slices, n, now);
  if (!waits_writable_ && !reading_) set_.flush_later(*this);
}

void Connection::flush() {
  if ((state_ != State::kOpen && state_ != State::kFlushing) || waits_writable_) return;
  const uint64_t before = queue_.bytes();
  uint64_t total = 0;
  while (!queue_.empty() && total < kTurnBytes) {
    iovec vectors[kVectors];
    uint64_t offered = 0;
    msghdr message{};
    message.msg_iov = vectors;
    message.msg_iovlen = queue_.gather(vectors, kVectors, &offered);
    const ssize_t n = ::sendmsg(fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return finish(CHR_E_IO);
    const uint64_t sent = n < 0 ? 0 : static_cast<uint64_t>(n);
    queue_.sent(sent);
    total += sent;
    if (sent < offered) {
      wait_writable();
      break;
    }
  }
  if (total >= kTurnBytes && !queue_.empty() && !waits_writable_) set_.flush_later(*this);
  after_write(before, total);
}

void Connection::wait_writable() {
  waits_writable_ = true;
  socket_.async_wait(stream_descriptor::wait_write,
                     set_.shard().as_turn([self = shared_from_this()](boost::system::error_code error) {
                       self->waits_writable_ = false;
                       if (!error) self->flush();
                     }));
}

void Connection::after_write(uint64_t before, uint64_t sent) {
  if (sent != 0) {
    progress_ns_ = monotonic_ns();
    set_.counts().sent_bytes.fetch_add(sent, std::memory_order_relaxed);
  }
  if (queue_.empty()) {
    copied_ = 0;
    set_.shard().runtime().return_slow_budget(std::exchange(shared_copied_, 0));
    if (state_ == State::kFlushing) {
      ::shutdown(fd(), SHUT_WR);
      state_ = State::kLingering;
      deadline_ns_ = monotonic_ns() + kLingerNs;
      input_.drop();
      return wait_readable();
    }
  }
  if (!queue_.empty()) set_.is_queued(*this);
  const uint64_t now = queue_.bytes();
  const bool fell = (before >= kLowMark && now < kLowMark) || (before != 0 && now == 0);
  if (fell && state_ == State::kOpen) target_->protocol->drained(session_);
}

// ---- ending ----

void Connection::close(bool flush) {
  if (state_ == State::kClosed) return;
  if (!flush) return finish(CHR_OK);
  if (state_ != State::kOpen) return;
  state_ = State::kFlushing;
  deadline_ns_ = monotonic_ns() + kFlushNs;
  be_active();
  set_.flush_later(*this);
}

void Connection::finish(chr_status reason) {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  reason_ = reason;
  boost::system::error_code ignored;
  (void)socket_.close(ignored);
  queue_.clear();
  set_.shard().runtime().return_slow_budget(std::exchange(shared_copied_, 0));
  if (!delivering_) input_.drop();  // data() may be looking at it; then it goes with this object
  set_.ended(*this);
}

void Connection::notify_closed() {
  if (accepted_) target_->protocol->closed(std::exchange(session_, nullptr), reason_);
}

bool Connection::sweep(uint64_t now_ns) {
  if (state_ == State::kClosed) return false;
  if (now_ns >= deadline_ns_) {
    finish(CHR_E_TIMEOUT);
    return false;
  }
  if (!was_active_) input_.rest(true);
  return std::exchange(was_active_, false) || deadline_ns_ != UINT64_MAX;
}

// What others lease may pin a read transaction, so the reader's pace must not decide how long; nor how long
// much memory of the host's own is held.
void Connection::end_old_leases(uint64_t now_ns) {
  if (state_ == State::kClosed || queue_.empty()) return;
  Runtime& runtime = set_.shard().runtime();
  const auto age = static_cast<uint64_t>(runtime.options().lease_age.count());
  const uint64_t idle = now_ns - std::min(now_ns, progress_ns_);
  const uint64_t oldest = queue_.oldest_foreign_ns();
  const bool is_old =
      oldest != UINT64_MAX && (now_ns - std::min(now_ns, oldest) >= age || queue_.is_recalled());
  const uint64_t own_share = runtime.options().slow_reader_bytes;
  bool keep = queue_.bytes() <= own_share || idle < kStalledAges * age;
  const uint64_t bytes = is_old ? queue_.foreign_bytes() : 0;
  if (keep && is_old) {
    if (copied_ + bytes > own_share) {
      keep = idle < 2 * age && runtime.take_slow_budget(bytes);
      if (keep) shared_copied_ += bytes;
    }
    keep = keep && queue_.copy_foreign();
    if (keep) {
      copied_ += bytes;
      set_.counts().copied_bytes.fetch_add(bytes, std::memory_order_relaxed);
    }
  }
  if (keep) return;
  set_.counts().slow_closed.fetch_add(1, std::memory_order_relaxed);
  runtime.logger().warn("net", "Closing a connection: its reader is too slow to hold stored data for it",
                        Fields()
                            .add("peer", peer_)
                            .add("queued_bytes", static_cast<int64_t>(queue_.bytes()))
                            .add("idle_ms", static_cast<int64_t>(idle / 1'000'000)));
  finish(CHR_E_TIMEOUT);
}

}  // namespace chronik::host
