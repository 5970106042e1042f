#include "host/offline/messages.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace chronik::host {
namespace {

constexpr size_t kBufferBytes = 256 << 10;

struct Frame {
  MessageType type;
  uint32_t head_bytes;
  uint64_t body_bytes;
};

Status other_side_gone() { return fail(Code::kCancelled, "the other process ended before it was done"); }

}  // namespace

SocketEnd::SocketEnd(SocketEnd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

SocketEnd& SocketEnd::operator=(SocketEnd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

void SocketEnd::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<SocketPair> SocketPair::make() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return fail(Code::kFailed, fmt::format("cannot make a pair of sockets: {}", std::strerror(errno)));
  return SocketPair{SocketEnd(ends[0]), SocketEnd(ends[1])};
}

Status MessageWriter::write(MessageType type, std::string_view head, std::string_view body) {
  const Frame frame{type, static_cast<uint32_t>(head.size()), body.size()};
  buffer_.append(reinterpret_cast<const char*>(&frame), sizeof frame);
  buffer_.append(head);
  if (buffer_.size() + body.size() < kBufferBytes) {
    buffer_.append(body);
    return {};
  }
  CHRONIK_CHECK(flush());
  return send(body);
}

Status MessageWriter::flush() {
  const Status sent = send(buffer_);
  buffer_.clear();
  return sent;
}

Status MessageWriter::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return other_side_gone();
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

Status MessageReader::next() {
  Frame frame{};
  CHRONIK_CHECK(read(&frame, sizeof frame));
  type_ = frame.type;
  body_size_ = frame.body_bytes;
  head_.resize(frame.head_bytes);
  return read(head_.data(), head_.size());
}

Result<std::string> MessageReader::body() {
  std::string out(body_size_, '\0');
  CHRONIK_CHECK(read_body(out.data()));
  return out;
}

Result<size_t> MessageReader::receive(void* to, size_t most) {
  for (;;) {
    const ssize_t n = ::recv(fd_, to, most, 0);
    if (n > 0) return static_cast<size_t>(n);
    if (n == 0 || errno != EINTR) return std::unexpected(other_side_gone().error());
  }
}

Status MessageReader::read(void* to, uint64_t n) {
  buffer_.resize(kBufferBytes);
  auto* out = static_cast<char*>(to);
  while (n != 0) {
    size_t part = 0;
    if (at_ < end_) {
      part = std::min<size_t>(n, end_ - at_);
      std::memcpy(out, buffer_.data() + at_, part);
      at_ += part;
    } else if (n >= buffer_.size()) {
      CHRONIK_TRY(part, receive(out, n));  // past the buffer
    } else {
      at_ = 0;
      CHRONIK_TRY(end_, receive(buffer_.data(), buffer_.size()));
    }
    out += part;
    n -= part;
  }
  return {};
}

}  // namespace chronik::host
