// LinkGreeter: the handshake on one fresh connection, in bounded time. Internal to link/.
#pragma once

#include "host/link/link_handshake.h"
#include "host/link/link_socket.h"

#include <functional>
#include <memory>
#include <string>

namespace chronik::host {

// On its shard only.
class LinkGreeter final : public LinkSocket::Owner, public std::enable_shared_from_this<LinkGreeter> {
 public:
  struct Failure {
    enum class Kind {
      kBroken,   // the connection ended, or nothing came in time
      kGarbage,  // what came is no greeting; the other side was told
      kRefused,  // by the other side
    };
    Kind kind = Kind::kBroken;
    Refused refused;
    std::string peer;  // its address
  };
  // One of these is called, once, unless cancel() comes first. The socket is paused and has no owner.
  using Greeted = std::function<void(std::shared_ptr<LinkSocket>, const Greeting&)>;
  using Failed = std::function<void(const Failure&)>;

  // Takes over fd. Says `hello` and waits for WELCOME; null: waits for HELLO.
  static std::shared_ptr<LinkGreeter> start(Shard& shard, int fd, const Greeting* hello, uint64_t timeout_ns,
                                            Greeted greeted, Failed failed);
  void cancel();

 private:
  LinkGreeter(Shard& shard, Greeted greeted, Failed failed)
      : shard_(shard), greeted_(std::move(greeted)), failed_(std::move(failed)) {}
  uint64_t received(LinkSocket& socket, chr_slice bytes, uint64_t* need) override;
  void writable(LinkSocket& socket) override { socket.flush(); }
  void lost(LinkSocket& socket, const std::string& reason) override;
  void fail(Failure::Kind kind, Refused refused);

  Shard& shard_;
  Greeted greeted_;
  Failed failed_;
  std::shared_ptr<LinkSocket> socket_;
  GreetingKind awaited_ = GreetingKind::kHello;
  uint64_t timer_ = 0;
};

// Puts a message of the handshake into the socket's queue, as a whole.
void say(LinkSocket& socket, BufferPool& pool, const std::string& message);

}  // namespace chronik::host
