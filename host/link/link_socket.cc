#include "host/link/link_socket.h"

#include "host/net/socket_name.h"
#include "host/runtime/runtime.h"
#include "host/runtime/shard.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace chronik::host {
namespace {

using boost::asio::posix::stream_descriptor;

constexpr uint64_t kTurnBytes = 4 << 20;  // read or written for one link before others get their turn
constexpr uint32_t kVectors = 256;        // to one sendmsg

}  // namespace

LinkSocket::LinkSocket(Shard& shard, int fd, Owner* owner)
    : shard_(shard),
      socket_(shard.io(), fd),
      owner_(owner),
      peer_(peer_name(fd)),
      input_(shard.runtime().buffers()),
      queue_(shard.runtime().buffers()),
      heard_ns_(monotonic_ns()),
      sent_ns_(heard_ns_) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void LinkSocket::read() {
  reading_ = true;
  shard_.runtime().post(shard_.index(), [self = shared_from_this()] {
    if (self->delivering_ || !self->reading_) return;
    self->deliver();
    self->wait_readable();
  });
}

void LinkSocket::wait_readable() {
  if (!reading_ || waits_readable_ || !is_open()) return;
  waits_readable_ = true;
  socket_.async_wait(stream_descriptor::wait_read,
                     shard_.as_turn([self = shared_from_this()](boost::system::error_code error) {
                       self->waits_readable_ = false;
                       if (!error) self->on_readable();
                     }));
}

void LinkSocket::on_readable() {
  uint64_t total = 0;
  while (is_open() && reading_ && total < kTurnBytes) {
    const std::span<uint8_t> space = input_.space();
    if (space.empty()) return end("no memory to receive");
    const ssize_t n = ::recv(fd(), space.data(), space.size(), MSG_DONTWAIT);
    if (n == 0) return end("the other side closed it");
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK) break;
      return end(std::strerror(errno));
    }
    total += static_cast<uint64_t>(n);
    input_.received(static_cast<size_t>(n));
    deliver();
    if (static_cast<size_t>(n) < space.size()) break;  // the socket is empty
  }
  if (total != 0) heard_ns_ = monotonic_ns();
  if (!is_open()) return;
  input_.rest(false);
  wait_readable();
}

void LinkSocket::deliver() {
  const std::shared_ptr<LinkSocket> self = shared_from_this();  // an owner may let go of it
  delivering_ = true;
  while (is_open() && reading_ && owner_ != nullptr) {
    const chr_slice bytes = input_.unconsumed();
    if (bytes.n < min_input_) break;
    uint64_t need = 0;
    const uint64_t taken = owner_->received(*this, bytes, &need);
    if (!is_open()) break;
    input_.consumed(taken, need);
    min_input_ = need == 0 ? 1 : need;
  }
  delivering_ = false;
  if (!is_open()) input_.drop();
}

bool LinkSocket::is_ended() {
  char byte = 0;
  return !is_open() || ::recv(fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

bool LinkSocket::flush() {
  if (!is_open() || waits_writable_) return is_open();
  uint64_t total = 0;
  while (!queue_.empty() && total < kTurnBytes) {
    iovec vectors[kVectors];
    uint64_t offered = 0;
    msghdr message{};
    message.msg_iov = vectors;
    message.msg_iovlen = queue_.gather(vectors, kVectors, &offered);
    const ssize_t n = ::sendmsg(fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
      end(std::strerror(errno));
      return false;
    }
    const uint64_t sent = n < 0 ? 0 : static_cast<uint64_t>(n);
    queue_.sent(sent);
    total += sent;
    if (sent < offered) break;
  }
  if (total != 0) sent_ns_ = monotonic_ns();
  if (queue_.empty()) return true;
  waits_writable_ = true;  // also when others shall have their turn first
  socket_.async_wait(stream_descriptor::wait_write,
                     shard_.as_turn([self = shared_from_this()](boost::system::error_code error) {
                       self->waits_writable_ = false;
                       if (!error && self->owner_ != nullptr) self->owner_->writable(*self);
                     }));
  return true;
}

void LinkSocket::close() {
  owner_ = nullptr;
  if (!is_open()) return;
  if (!queue_.empty() && !waits_writable_) {
    iovec vectors[kVectors];
    uint64_t offered = 0;
    msghdr message{};
    message.msg_iov = vectors;
    message.msg_iovlen = queue_.gather(vectors, kVectors, &offered);
    // Nobody is left to care when it fails: the connection ends anyway.
    (void)::sendmsg(fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  boost::system::error_code ignored;
  (void)socket_.close(ignored);
  queue_.clear();
  if (!delivering_) input_.drop();  // the owner may be looking at it; then it goes at the end of deliver()
}

void LinkSocket::end(const std::string& reason) {
  Owner* const owner = owner_;
  const std::shared_ptr<LinkSocket> self = shared_from_this();
  queue_.clear();
  close();
  if (owner != nullptr) owner->lost(*this, reason);
}

}  // namespace chronik::host
