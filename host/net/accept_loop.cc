#include "host/net/accept_loop.h"

#include "host/observe/logger.h"
#include "host/runtime/runtime.h"
#include "host/runtime/shard.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace chronik::host {
namespace {

constexpr uint64_t kRetryNs = 100'000'000;
constexpr int kAcceptsPerTurn = 64;

}  // namespace

AcceptLoop::AcceptLoop(Runtime& runtime, int fd, std::string address, std::function<void(int fd)> accepted)
    : runtime_(runtime),
      address_(std::move(address)),
      accepted_(std::move(accepted)),
      socket_(runtime.shard(kShard).io(), fd) {}

void AcceptLoop::wait() {
  socket_.async_wait(
      boost::asio::posix::stream_descriptor::wait_read,
      runtime_.shard(kShard).as_turn([self = shared_from_this()](boost::system::error_code error) {
        if (!error) self->accept();
      }));
}

void AcceptLoop::close() {
  runtime_.timer_cancel(std::exchange(retry_, 0));
  boost::system::error_code ignored;
  (void)socket_.close(ignored);
}

void AcceptLoop::accept() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    const int fd = ::accept4(socket_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      is_failing_ = false;
      accepted_(fd);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno != EINTR && errno != ECONNABORTED && errno != EPROTO) {
      return retry_later(errno);
    }
  }
  wait();
}

// Out of descriptors or memory: logged once, tried again until it is over.
void AcceptLoop::retry_later(int error) {
  if (!is_failing_) {
    runtime_.logger().error("net", "Cannot accept connections, trying again; raise the limit of open files",
                            Fields().add("address", address_).add("error", std::strerror(error)));
  }
  is_failing_ = true;
  retry_ = runtime_.timer_start(
      kRetryNs,
      [](void* context) {
        auto* loop = static_cast<AcceptLoop*>(context);
        loop->retry_ = 0;
        loop->accept();
      },
      this);
}

}  // namespace chronik::host
