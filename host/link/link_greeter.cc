#include "host/link/link_greeter.h"

#include "host/runtime/runtime.h"
#include "host/runtime/shard.h"

#include <cstring>
#include <utility>

namespace chronik::host {

void say(LinkSocket& socket, BufferPool& pool, const std::string& message) {
  Buffer* const buffer = pool.alloc(message.size());
  if (buffer == nullptr) return socket.close();
  std::memcpy(buffer->bytes(), message.data(), message.size());
  const chr_slice slice{buffer->bytes(), message.size(), buffer->lease()};
  socket.queue().adopt(&slice, 1, monotonic_ns());
}

std::shared_ptr<LinkGreeter> LinkGreeter::start(Shard& shard, int fd, const Greeting* hello,
                                                uint64_t timeout_ns, Greeted greeted, Failed failed) {
  std::shared_ptr<LinkGreeter> greeter(new LinkGreeter(shard, std::move(greeted), std::move(failed)));
  greeter->socket_ = std::make_shared<LinkSocket>(shard, fd, greeter.get());
  greeter->awaited_ = hello == nullptr ? GreetingKind::kHello : GreetingKind::kWelcome;
  greeter->timer_ = shard.timer_start(
      timeout_ns,
      [](void* context) {
        auto* self = static_cast<LinkGreeter*>(context);
        self->timer_ = 0;
        self->fail(Failure::Kind::kBroken, {Refusal::kMalformed, "no greeting came in time"});
      },
      greeter.get());
  if (hello != nullptr) {
    say(*greeter->socket_, shard.runtime().buffers(), encode(*hello));
    // In a turn of its own, as it may fail.
    shard.runtime().post(shard.index(), [greeter] {
      if (greeter->socket_ != nullptr) greeter->socket_->flush();
    });
  }
  greeter->socket_->read();
  return greeter;
}

uint64_t LinkGreeter::received(LinkSocket& socket, chr_slice bytes, uint64_t* need) {
  if (bytes.n < kGreetingHead) {
    *need = kGreetingHead;
    return 0;
  }
  const Result<uint64_t> size = greeting_size(bytes.p);
  if (!size) {
    fail(Failure::Kind::kGarbage, {Refusal::kMalformed, size.error().message});
    return 0;
  }
  if (bytes.n < *size) {
    *need = *size;
    return 0;
  }
  Refused refused;
  const std::optional<Greeting> greeting = decode_greeting({bytes.p, *size}, &refused);
  if (!greeting) {
    const bool theirs = is_refusal({bytes.p, *size});
    fail(theirs ? Failure::Kind::kRefused : Failure::Kind::kGarbage, std::move(refused));
    return 0;
  }
  if (greeting->kind != awaited_) {
    fail(Failure::Kind::kGarbage, {Refusal::kMalformed, "a greeting of the other direction"});
    return 0;
  }
  const auto self = shared_from_this();
  socket.pause();
  socket.set_owner(nullptr);
  const Greeted greeted = std::move(greeted_);
  std::shared_ptr<LinkSocket> handed = std::move(socket_);
  cancel();
  greeted(std::move(handed), *greeting);
  return *size;
}

void LinkGreeter::lost(LinkSocket&, const std::string& reason) {
  fail(Failure::Kind::kBroken, {Refusal::kMalformed, reason});
}

void LinkGreeter::fail(Failure::Kind kind, Refused refused) {
  const auto self = shared_from_this();
  const Failed failed = std::move(failed_);
  const Failure failure{kind, std::move(refused), socket_->peer()};
  if (kind == Failure::Kind::kGarbage) say(*socket_, shard_.runtime().buffers(), encode(failure.refused));
  cancel();
  if (failed) failed(failure);
}

void LinkGreeter::cancel() {
  greeted_ = nullptr;
  failed_ = nullptr;
  shard_.timer_cancel(std::exchange(timer_, 0));
  if (socket_ != nullptr) socket_->close();
  socket_ = nullptr;
}

}  // namespace chronik::host
