#include "host/net/bound_socket.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string>

namespace chronik::host {
namespace {

std::string advice(int error, uint16_t port) {
  switch (error) {
    case EADDRINUSE:
      return fmt::format(
          "the address is in use; stop the process that has it (ss -ltnp 'sport = :{}' shows it) or "
          "choose another port",
          port);
    case EACCES:
      return "permission denied; ports below 1024 need CAP_NET_BIND_SERVICE, choose another port";
    case EADDRNOTAVAIL:
      return "this machine has no such address; use one that `ip address` shows, or 0.0.0.0";
    default:
      return std::strerror(error);
  }
}

uint16_t bound_port(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                                           : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
}

// A listening socket on one resolved address, or -1 and errno.
int open_on(const addrinfo& info) {
  const int fd = ::socket(info.ai_family, info.ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, info.ai_protocol);
  if (fd < 0) return -1;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd, info.ai_addr, info.ai_addrlen) == 0 && ::listen(fd, SOMAXCONN) == 0) return fd;
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

}  // namespace

Result<HostPort> parse_host_port(std::string_view address, std::string_view what) {
  const auto refuse = [&] {
    return fail(
        Code::kInvalidArgument,
        fmt::format("{}: \"{}\" is not an address; write host:port, such as 127.0.0.1:9092", what, address));
  };
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return refuse();
  std::string_view host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return refuse();
  }
  HostPort out{std::string(host), 0};
  const std::string_view port = address.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (error != std::errc() || end != port.data() + port.size()) return refuse();
  return out;
}

Result<BoundSocket> listen_tcp(std::string_view address, std::string_view what) {
  CHRONIK_TRY(const HostPort target, parse_host_port(address, what));
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(target.port);
  const int resolved =
      ::getaddrinfo(target.host.empty() ? nullptr : target.host.c_str(), port.c_str(), &hints, &found);
  if (resolved != 0) {
    return fail(Code::kInvalidArgument,
                fmt::format("{}: cannot resolve \"{}\": {}; use an IP address or fix the name", what,
                            target.host, ::gai_strerror(resolved)));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  int error = EADDRNOTAVAIL;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    const int fd = open_on(*info);
    if (fd >= 0) return BoundSocket{fd, bound_port(fd), info->ai_family == AF_INET6};
    error = errno;
    if (error == EADDRINUSE) break;  // not on another address of the same name, unnoticed
  }
  const Code code = error == EADDRINUSE ? Code::kExists : Code::kIo;
  return fail(code, fmt::format("{}: cannot listen on {}: {}", what, address, advice(error, target.port)));
}

}  // namespace chronik::host
