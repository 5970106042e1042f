#include "bench/groups/connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>

namespace chronik::bench {

std::vector<Address> parse_addresses(const std::string& text) {
  std::vector<Address> addresses;
  std::istringstream in(text);
  for (std::string each; std::getline(in, each, ',');) {
    const size_t colon = each.rfind(':');
    if (colon == std::string::npos) die("no port in " + each);
    addresses.push_back({each.substr(0, colon), std::stoi(each.substr(colon + 1))});
  }
  return addresses;
}

std::shared_ptr<Connection> Connection::open(Loop& loop, const Address& address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(address.port));
  if (::inet_pton(AF_INET, address.host.c_str(), &to.sin_addr) != 1) die("no IPv4 address: " + address.host);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die(std::string("no socket: ") + std::strerror(errno));
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    ::close(fd);
    return nullptr;
  }
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::fcntl(fd, F_SETFL, O_NONBLOCK);
  const std::shared_ptr<Connection> connection(new Connection(loop, fd));
  loop.watch(fd, [weak = std::weak_ptr(connection)](uint32_t events) {
    const std::shared_ptr<Connection> alive = weak.lock();
    if (alive == nullptr) return;
    if ((events & EPOLLOUT) != 0) alive->write_some();
    if ((events & ~uint32_t{EPOLLOUT}) != 0) alive->read_some();
  });
  return connection;
}

void Connection::close() {
  if (fd_ < 0) return;
  loop_.forget(fd_);
  ::close(std::exchange(fd_, -1));
  for (const Waiting& waiting : std::exchange(waiting_, {})) waiting(nullptr);
}

void Connection::send(const kafka::OutFrame& frame, Waiting waiting) {
  if (fd_ < 0) return waiting(nullptr);
  waiting_.push_back(std::move(waiting));
  for (const chr_slice& slice : frame.slices()) out_.append(reinterpret_cast<const char*>(slice.p), slice.n);
  if (!waits_for_room_) write_some();
}

void Connection::write_some() {
  const std::shared_ptr<Connection> alive = shared_from_this();
  while (!out_.empty()) {
    const ssize_t n = ::send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) return close();
    if (n < 0) break;
    out_.erase(0, static_cast<size_t>(n));
  }
  if (waits_for_room_ == !out_.empty()) return;
  waits_for_room_ = !out_.empty();
  loop_.watch_writes(fd_, waits_for_room_);
}

void Connection::read_some() {
  const std::shared_ptr<Connection> alive = shared_from_this();
  std::array<char, 65536> bytes;
  while (fd_ >= 0) {
    const ssize_t n = ::recv(fd_, bytes.data(), bytes.size(), 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return close();
    in_.append(bytes.data(), static_cast<size_t>(n));
    take_answers();
    if (static_cast<size_t>(n) < bytes.size()) return;
  }
}

void Connection::take_answers() {
  size_t at = 0;
  while (fd_ >= 0 && in_.size() - at >= kafka::kFramePrefix) {
    uint32_t size = 0;
    std::memcpy(&size, in_.data() + at, sizeof size);
    size = ntohl(size);
    if (in_.size() - at - kafka::kFramePrefix < size) break;
    if (waiting_.empty()) die("an answer to nothing");
    const kafka::Bytes frame(reinterpret_cast<const uint8_t*>(in_.data()) + at + kafka::kFramePrefix, size);
    const Waiting waiting = std::move(waiting_.front());
    waiting_.pop_front();
    waiting(&frame);
    at += kafka::kFramePrefix + size;
  }
  in_.erase(0, at);
}

}  // namespace chronik::bench
