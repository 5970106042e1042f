#include "host/net/listener.h"

#include "host/net/accept_loop.h"
#include "host/net/bound_socket.h"
#include "host/net/connection.h"
#include "host/net/connection_set.h"
#include "host/net/connections.h"
#include "host/runtime/runtime.h"
#include "host/runtime/shard.h"

namespace chronik::host {

Listener::Listener(Runtime& runtime, std::shared_ptr<ListenTarget> target, uint16_t port)
    : runtime_(runtime), target_(std::move(target)), port_(port) {}

Listener::~Listener() { close(); }

Result<std::unique_ptr<Listener>> Listener::open(Connections& connections, std::string_view address,
                                                 std::string_view what,
                                                 std::shared_ptr<ListenTarget> target) {
  Runtime& runtime = connections.runtime();
  CHRONIK_TRY(const BoundSocket bound, listen_tcp(address, what));
  std::unique_ptr<Listener> listener(new Listener(runtime, target, bound.port));
  const auto hand_over = [&connections, target = std::move(target), next = uint32_t{0}](int fd) mutable {
    const uint32_t index = next++ % connections.runtime().shard_count();
    ConnectionSet* const set = &connections.on(index);
    connections.runtime().post(index, [set, target, fd] { set->add_connection(target, fd); });
  };
  listener->loop_ = std::make_shared<AcceptLoop>(runtime, bound.fd, std::string(address), hand_over);
  runtime.post(AcceptLoop::kShard, [loop = listener->loop_] { loop->wait(); });
  return listener;
}

void Listener::close() {
  if (loop_ == nullptr) return;
  if (runtime_.is_running()) {
    runtime_.run_on(AcceptLoop::kShard, [this] {
      loop_->close();
      loop_.reset();
    });
  }
  loop_.reset();
}

void Listener::refuse_late() { target_->closed.store(true); }

}  // namespace chronik::host
