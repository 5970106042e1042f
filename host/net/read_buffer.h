// ReadBuffer: where a connection receives. Frames come out contiguous and are kept by lease, without a copy;
// memory grows with what was received, not with what a frame's header announces.
#pragma once

#include "host/runtime/buffer_pool.h"

#include <cstdint>
#include <span>

namespace chronik::host {

// Not thread-safe; belongs to one connection.
class ReadBuffer {
 public:
  explicit ReadBuffer(BufferPool& pool) : pool_(pool) {}
  ~ReadBuffer() { drop(); }
  ReadBuffer(const ReadBuffer&) = delete;
  ReadBuffer& operator=(const ReadBuffer&) = delete;

  // Where to receive next; empty when the system has no memory. Valid until the next call.
  std::span<uint8_t> space();
  void received(size_t n);

  // What was received and not consumed; the lease is borrowed.
  chr_slice unconsumed() const;
  // The session took n bytes, and wants to be called again with `need` of them (0: any).
  void consumed(uint64_t n, uint64_t need);

  // Nothing will be received for now: gives back what holds no bytes. When `idle`, also
  // the rest of a shared buffer.
  void rest(bool idle);
  void drop();
  uint64_t capacity() const { return buffer_ == nullptr ? 0 : buffer_->capacity; }

 private:
  static constexpr uint64_t kMinChunk = 4 << 10;
  static constexpr uint64_t kMaxChunk = 256 << 10;
  static constexpr uint64_t kLarge = 64 << 10;     // from here on a frame gets a buffer of its own
  static constexpr uint64_t kOwnPages = 16 << 20;  // from here on its pages are not used again by others

  uint64_t have() const { return end_ - begin_; }
  uint64_t wanted_capacity() const;
  bool move_to(uint64_t capacity);

  BufferPool& pool_;
  Buffer* buffer_ = nullptr;
  uint64_t begin_ = 0;          // first byte not consumed
  uint64_t end_ = 0;            // behind the last byte received
  uint64_t need_ = 0;           // what the session waits for; a claim of the peer's
  uint64_t proven_ = 0;         // bytes that were consumed at once: what this peer really sends
  uint64_t expected_ = 0;       // size of its large frames, as last seen; 0: it sends small ones
  uint64_t chunk_ = kMinChunk;  // size of the next buffer for small frames; follows how full they get
  uint64_t offered_ = 0;        // by the last space()
};

}  // namespace chronik::host
