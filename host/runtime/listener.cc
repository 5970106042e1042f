#include "host/runtime/listener.h"

#include "host/observe/bound_socket.h"
#include "host/observe/logger.h"
#include "host/runtime/connection.h"
#include "host/runtime/connection_set.h"
#include "host/runtime/runtime.h"
#include "host/runtime/shard.h"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace chronik::host {
namespace {

constexpr uint64_t kRetryNs = 100'000'000;
constexpr int kAcceptsPerTurn = 64;
constexpr uint32_t kHomeShard = 0;  // accepting is cheap; what it accepts is spread

}  // namespace

// On the home shard.
class Listener::Loop : public std::enable_shared_from_this<Loop> {
 public:
  Loop(Runtime& runtime, std::shared_ptr<ListenTarget> target, int fd, std::string address)
      : runtime_(runtime),
        target_(std::move(target)),
        address_(std::move(address)),
        socket_(runtime.shard(kHomeShard).io(), fd) {}

  void wait() {
    socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [self = shared_from_this()](boost::system::error_code error) {
                         if (!error) self->accept();
                       });
  }

  void close() {
    runtime_.timer_cancel(std::exchange(retry_, 0));
    boost::system::error_code ignored;
    (void)socket_.close(ignored);
  }

 private:
  void accept() {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      const int fd = ::accept4(socket_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        is_failing_ = false;
        hand_over(fd);
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        break;
      } else if (errno != EINTR && errno != ECONNABORTED && errno != EPROTO) {
        return retry_later(errno);
      }
    }
    wait();
  }

  void hand_over(int fd) {
    const uint32_t index = next_shard_++ % runtime_.shard_count();
    ConnectionSet* const set = &runtime_.shard(index).connections();
    runtime_.post(index, [set, target = target_, fd] { set->add(target, fd); });
  }

  // Out of descriptors or memory: logged once, tried again until it is over.
  void retry_later(int error) {
    if (!is_failing_) {
      runtime_.logger().error("net", "Cannot accept connections, trying again; raise the limit of open files",
                              Fields().add("address", address_).add("error", std::strerror(error)));
    }
    is_failing_ = true;
    retry_ = runtime_.timer_start(
        kRetryNs,
        [](void* context) {
          auto* loop = static_cast<Loop*>(context);
          loop->retry_ = 0;
          loop->accept();
        },
        this);
  }

  Runtime& runtime_;
  const std::shared_ptr<ListenTarget> target_;
  const std::string address_;
  boost::asio::posix::stream_descriptor socket_;
  uint64_t retry_ = 0;
  uint32_t next_shard_ = 0;
  bool is_failing_ = false;
};

Listener::Listener(Runtime& runtime, std::shared_ptr<ListenTarget> target, uint16_t port)
    : runtime_(runtime), target_(std::move(target)), port_(port) {}

Listener::~Listener() { close(); }

Result<std::unique_ptr<Listener>> Listener::open(Runtime& runtime, std::string_view address,
                                                 std::string_view what,
                                                 std::shared_ptr<ListenTarget> target) {
  CHRONIK_TRY(const BoundSocket bound, listen_tcp(address, what));
  std::unique_ptr<Listener> listener(new Listener(runtime, target, bound.port));
  listener->loop_ = std::make_shared<Loop>(runtime, std::move(target), bound.fd, std::string(address));
  runtime.post(kHomeShard, [loop = listener->loop_] { loop->wait(); });
  return listener;
}

void Listener::close() {
  if (loop_ == nullptr) return;
  if (runtime_.is_running()) {
    runtime_.run_on(kHomeShard, [this] {
      loop_->close();
      loop_.reset();
    });
  }
  loop_.reset();
}

void Listener::refuse_late() { target_->closed.store(true); }

}  // namespace chronik::host
