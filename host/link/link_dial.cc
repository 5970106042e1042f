#include "host/link/link_dial.h"

#include "host/net/bound_socket.h"
#include "host/runtime/runtime.h"
#include "host/runtime/shard.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace chronik::host {

using boost::asio::posix::stream_descriptor;

stream_descriptor LinkDial::make_socket(Shard& shard) { return stream_descriptor(shard.io()); }

std::shared_ptr<LinkDial> LinkDial::start(Shard& shard, const std::string& address, uint64_t timeout_ns,
                                          Done done) {
  std::shared_ptr<LinkDial> dial(new LinkDial(shard, std::move(done)));
  dial->timer_ = shard.timer_start(
      timeout_ns,
      [](void* context) {
        const auto self = static_cast<LinkDial*>(context)->shared_from_this();
        self->timer_ = 0;
        self->finish_dial(-1, "no answer in time");
      },
      dial.get());
  const Result<HostPort> target = parse_host_port(address, "peer");
  const auto begin = [dial, target] {
    if (!target) return dial->finish_dial(-1, target.error().message);
    dial->begin(target->host, std::to_string(target->port));
  };
  shard.runtime().post(shard.index(), begin);
  return dial;
}

int LinkDial::resolve(const std::string& host, const std::string& port, int flags, std::vector<Target>* out) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) return error;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    Target& target = out->emplace_back();
    std::memcpy(&target.address, info->ai_addr, info->ai_addrlen);
    target.size = info->ai_addrlen;
  }
  return 0;
}

void LinkDial::begin(const std::string& host, const std::string& port) {
  if (!done_) return;
  std::vector<Target> targets;
  if (resolve(host, port, AI_NUMERICHOST | AI_NUMERICSERV, &targets) == 0)
    return resolved(std::move(targets), 0);
  struct Job {
    std::shared_ptr<LinkDial> dial;
    std::string host, port;
  };
  const chr_fn look_up = [](void* context) {
    std::unique_ptr<Job> job(static_cast<Job*>(context));
    std::vector<Target> found;
    const int error = resolve(job->host, job->port, AI_NUMERICSERV, &found);
    Shard& shard = job->dial->shard_;
    shard.runtime().post(shard.index(), [dial = std::move(job->dial), found = std::move(found), error] {
      dial->resolved(found, error);
    });
  };
  shard_.runtime().look_up(look_up, new Job{shared_from_this(), host, port});
}

void LinkDial::resolved(std::vector<Target> targets, int error) {
  if (!done_) return;
  if (error != 0)
    return finish_dial(-1, fmt::format("the name cannot be resolved: {}", ::gai_strerror(error)));
  targets_ = std::move(targets);
  error_ = "the name has no address";
  try_next();
}

void LinkDial::try_next() {
  while (next_ < targets_.size()) {
    const Target& target = targets_[next_++];
    const int fd = ::socket(target.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
      error_ = std::strerror(errno);
      continue;
    }
    boost::system::error_code ignored;
    (void)socket_.close(ignored);
    socket_.assign(fd);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&target.address), target.size) == 0)
      return connected();
    if (errno == EINPROGRESS) {
      return socket_.async_wait(stream_descriptor::wait_write,
                                shard_.as_turn([self = shared_from_this()](boost::system::error_code error) {
                                  if (!error && self->done_) self->connected();
                                }));
    }
    error_ = std::strerror(errno);
  }
  finish_dial(-1, error_);
}

void LinkDial::connected() {
  const int fd = socket_.native_handle();
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) {
    error_ = std::strerror(error);
    return try_next();
  }
  // Where nobody listens on a port that the system gives to clients, a socket can connect to itself, and
  // would keep the one who should listen there from doing so.
  sockaddr_storage local{}, remote{};
  socklen_t local_size = sizeof local, remote_size = sizeof remote;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &local_size);
  ::getpeername(fd, reinterpret_cast<sockaddr*>(&remote), &remote_size);
  if (local_size == remote_size && std::memcmp(&local, &remote, local_size) == 0) {
    const linger hard{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    error_ = std::strerror(ECONNREFUSED);
    return try_next();
  }
  finish_dial(socket_.release(), {});
}

void LinkDial::cancel() {
  done_ = nullptr;
  shard_.timer_cancel(std::exchange(timer_, 0));
  boost::system::error_code ignored;
  (void)socket_.close(ignored);
}

void LinkDial::finish_dial(int fd, const std::string& error) {
  const Done done = std::exchange(done_, nullptr);
  cancel();
  if (done) done(fd, error);
}

}  // namespace chronik::host
