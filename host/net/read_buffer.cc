#include "host/net/read_buffer.h"

#include <algorithm>
#include <cstring>

namespace chronik::host {

// A frame may take twice what has arrived, or twice what this peer has been seen to send, whichever is more.
uint64_t ReadBuffer::wanted_capacity() const {
  const uint64_t allowed = std::max({2 * have(), 2 * proven_, kMinChunk});
  const uint64_t guess = std::max({chunk_, expected_, have() + 1});
  const uint64_t wanted = std::max(std::min(need_ > have() ? need_ : guess, allowed), have() + 1);
  // Pages that nothing arrives in cost nothing; growing by small steps does.
  return have() < kOwnPages ? wanted : std::max(wanted, have() + have() / 8);
}

std::span<uint8_t> ReadBuffer::space() {
  if (buffer_ != nullptr && have() == 0 && buffer_->unique()) begin_ = end_ = 0;
  if (buffer_ == nullptr) {
    const uint64_t wanted = wanted_capacity();
    if (!move_to(wanted)) return {};
  } else {
    const uint64_t room = buffer_->capacity - end_;
    const bool fits = need_ == 0 || begin_ + need_ <= buffer_->capacity;
    // A frame that does not fit may go on where it is while there is room: it has to
    // earn a larger buffer first.
    const bool grow = room == 0 || (!fits && 2 * std::max(have(), proven_) > buffer_->capacity);
    const bool cramped = have() == 0 && room < std::max(expected_, kMinChunk / 4);
    if ((grow || cramped) && !move_to(wanted_capacity())) return {};
  }
  uint64_t room = buffer_->capacity - end_;
  // A large frame ends where its buffer is handed over, so that the next one starts in
  // a fresh buffer, uncopied.
  if (need_ > have() && need_ >= kLarge) {
    room = std::min(room, need_ - have());
  } else if (have() == 0 && expected_ >= kLarge) {
    room = std::min(room, expected_);
  }
  offered_ = room;
  return {buffer_->bytes() + end_, room};
}

void ReadBuffer::received(size_t n) {
  end_ += n;
  if (n == offered_ && need_ < kLarge) chunk_ = std::min(chunk_ * 2, kMaxChunk);
}

bool ReadBuffer::move_to(uint64_t capacity) {
  if (begin_ == 0 && buffer_ != nullptr && pool_.grow(buffer_, capacity)) return true;
  Buffer* larger = pool_.alloc(BufferPool::capacity_for(capacity));
  if (larger == nullptr) return false;
  const uint64_t n = have();
  if (n != 0) std::memcpy(larger->bytes(), buffer_->bytes() + begin_, n);
  drop();
  buffer_ = larger;
  begin_ = 0;
  end_ = n;
  return true;
}

chr_slice ReadBuffer::unconsumed() const {
  if (buffer_ == nullptr) return {nullptr, 0, nullptr};
  return {buffer_->bytes() + begin_, have(), buffer_->lease()};
}

void ReadBuffer::consumed(uint64_t n, uint64_t need) {
  begin_ += n;
  if (n != 0) {
    if (need_ >= kLarge && n >= need_) {
      expected_ = std::max(need_, expected_ - expected_ / 8);
    } else {
      expected_ -= expected_ / 8;
      if (expected_ < kLarge) expected_ = 0;
    }
    proven_ = std::max(n, proven_ - proven_ / 8);
  }
  need_ = need;
}

void ReadBuffer::rest(bool idle) {
  if (buffer_ == nullptr || have() != 0) return;
  if (idle || buffer_->unique() || buffer_->capacity - end_ < buffer_->capacity / 4) drop();
}

void ReadBuffer::drop() {
  if (buffer_ == nullptr) return;
  if (end_ < buffer_->capacity / 4) chunk_ = std::max(chunk_ / 2, kMinChunk);
  buffer_->lease()->ops->release(buffer_->lease());
  buffer_ = nullptr;
  begin_ = end_ = 0;
}

}  // namespace chronik::host
