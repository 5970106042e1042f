#include "host/cli/http_client.h"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

#include "host/net/bound_socket.h"

namespace chronik::host {
namespace {

using std::chrono::steady_clock;

constexpr size_t kMaxBytes = 64 << 20;

// A connection that ends with this object; each step waits until the deadline at most.
class Connection {
 public:
  Connection(std::string address, steady_clock::time_point deadline)
      : address_(std::move(address)), deadline_(deadline) {}
  ~Connection() {
    if (fd_ >= 0) ::close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Status open() {
    CHRONIK_TRY(HostPort target, parse_host_port(address_, "--http"));
    if (target.host.empty() || target.host == "0.0.0.0") target.host = "127.0.0.1";
    if (target.host == "::") target.host = "::1";
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    if (const int error =
            ::getaddrinfo(target.host.c_str(), std::to_string(target.port).c_str(), &hints, &list);
        error != 0)
      return fail(Code::kNotFound,
                  fmt::format("the host of {} is not known: {}", address_, ::gai_strerror(error)));
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
    Status last = fail(Code::kNotFound, fmt::format("{} has no address", address_));
    for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
      last = connect(*one);
      if (last) return last;
    }
    return last;
  }

  Status send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n >= 0) {
        bytes.remove_prefix(static_cast<size_t>(n));
      } else if (errno == EAGAIN || errno == EINTR) {
        CHRONIK_CHECK(wait(POLLOUT));
      } else {
        return failed(errno);
      }
    }
    return {};
  }

  // All that comes until the other side closes.
  Result<std::string> receive() {
    std::string out;
    char chunk[16 << 10];
    for (;;) {
      const ssize_t n = ::recv(fd_, chunk, sizeof chunk, MSG_DONTWAIT);
      if (n == 0) return out;
      if (n > 0) {
        out.append(chunk, static_cast<size_t>(n));
        if (out.size() > kMaxBytes)
          return fail(Code::kOutOfRange,
                      fmt::format("{} answers with more than {} bytes", address_, kMaxBytes));
      } else if (errno == EAGAIN || errno == EINTR) {
        CHRONIK_CHECK(wait(POLLIN));
      } else {
        return std::unexpected(failed(errno).error());
      }
    }
  }

 private:
  Status connect(const addrinfo& to) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = ::socket(to.ai_family, to.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to.ai_protocol);
    if (fd_ < 0) return failed(errno);
    if (::connect(fd_, to.ai_addr, to.ai_addrlen) == 0) return {};
    if (errno != EINPROGRESS) return failed(errno);
    CHRONIK_CHECK(wait(POLLOUT));
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    return error == 0 ? Status{} : failed(error);
  }

  Status wait(short what) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - steady_clock::now()).count();
    pollfd poll{fd_, what, 0};
    if (left > 0 && ::poll(&poll, 1, static_cast<int>(left)) > 0) return {};
    return fail(Code::kTimeout,
                fmt::format("{} does not answer in time; is the node overloaded or paused?", address_));
  }

  Status failed(int error) const {
    return fail(Code::kIo,
                fmt::format("cannot ask {}: {}; give the [http] listen address of a node that runs, with "
                            "--http HOST:PORT or --config FILE",
                            address_, std::strerror(error)));
  }

  const std::string address_;
  const steady_clock::time_point deadline_;
  int fd_ = -1;
};

Result<HttpAnswer> parse(const std::string& address, std::string text) {
  const size_t end = text.find("\r\n\r\n");
  HttpAnswer answer;
  // "HTTP/1.1 200 OK"
  if (end == std::string::npos || !text.starts_with("HTTP/1.") || text.size() < 12 ||
      std::from_chars(text.data() + 9, text.data() + 12, answer.status).ec != std::errc()) {
    return fail(Code::kCorrupt,
                fmt::format("{} does not speak HTTP; give the [http] listen address of a node", address));
  }
  answer.body = text.substr(end + 4);
  return answer;
}

}  // namespace

Result<HttpAnswer> http_request(const std::string& address, const std::string& method,
                                const std::string& path, const std::string& body,
                                std::chrono::milliseconds timeout) {
  Connection connection(address, steady_clock::now() + timeout);
  CHRONIK_CHECK(connection.open());
  CHRONIK_CHECK(connection.send(
      fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n"
                  "Content-Length: {}\r\n\r\n{}",
                  method, path, address, body.size(), body)));
  CHRONIK_TRY(std::string text, connection.receive());
  return parse(address, std::move(text));
}

}  // namespace chronik::host
