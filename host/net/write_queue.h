// WriteQueue: slices on their way to one socket, with the leases that keep them.
#pragma once

#include "host/runtime/buffer_pool.h"

#include <sys/uio.h>
#include <cstdint>
#include <vector>

namespace chronik::host {

// Not thread-safe; belongs to one connection.
class WriteQueue {
 public:
  explicit WriteQueue(BufferPool& pool) : pool_(pool) {}
  ~WriteQueue() { clear(); }
  WriteQueue(const WriteQueue&) = delete;
  WriteQueue& operator=(const WriteQueue&) = delete;

  // Retains the leases.
  void push(const chr_slice* slices, uint32_t n, uint64_t now_ns);
  // Takes over a reference of each lease.
  void adopt(const chr_slice* slices, uint32_t n, uint64_t now_ns);
  uint64_t bytes() const { return bytes_; }
  bool empty() const { return bytes_ == 0; }

  // Fills at most n vectors from the front; how many, and their bytes.
  uint32_t gather(iovec* out, uint32_t n, uint64_t* bytes) const;
  // The first n bytes are with the kernel; releases their leases.
  void sent(uint64_t n);
  void clear();

  // When the oldest slice that is leased by somebody else than the host was queued; UINT64_MAX: none is.
  uint64_t oldest_foreign_ns() const;
  uint64_t foreign_bytes() const;
  // Whether the owner of the oldest such slice wants its memory back.
  bool is_recalled() const;
  // Copies what others lease, and releases it. False when the system has no memory.
  bool copy_foreign();

 private:
  struct Item {
    const uint8_t* p;
    uint64_t n;
    chr_buf* lease;
    uint64_t at_ns;
  };
  static bool is_foreign(const Item& item) {
    return item.lease != nullptr && !BufferPool::is_ours(item.lease);
  }
  const Item* oldest_foreign() const;
  static void drop(const Item& item) {
    if (item.lease != nullptr) item.lease->ops->release(item.lease);
  }

  BufferPool& pool_;
  std::vector<Item> items_;
  size_t head_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace chronik::host
