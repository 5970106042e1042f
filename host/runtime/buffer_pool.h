// BufferPool: reference-counted buffers in size classes, recycled last in, first out, because fresh pages are
// what costs. While much is in use, little is kept for reuse: what is kept must not come on top of a peak.
#pragma once

#include <chronik/host.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

namespace chronik::host {

class BufferPool;

// One buffer: a lease, and the bytes behind it. Made by BufferPool::alloc.
struct alignas(64) Buffer {
  chr_buf base;  // first, so that a lease is a buffer
  std::atomic<uint32_t> references;
  uint32_t size_class;
  uint64_t capacity;
  BufferPool* pool;
  uint32_t owner;
  std::atomic<const void*>
      retained_by;         // the code that did so last; null: nobody after the one who allocated it
  Buffer *before, *after;  // all that are mapped

  uint8_t* bytes() { return reinterpret_cast<uint8_t*>(this + 1); }
  chr_buf* lease() { return &base; }
  // Nobody else holds it.
  bool unique() const { return references.load(std::memory_order_acquire) == 1; }
};
static_assert(sizeof(Buffer) == 64);

// Thread-safe. Outlives its buffers.
class BufferPool {
 public:
  static constexpr uint32_t kOwners = 256;

  // What is kept for reuse, in bytes.
  struct Limits {
    uint64_t max_cached = 64 << 20;
    // In use and kept together; above it no more is kept than max_cached_above.
    uint64_t max_held = 128 << 20;
    uint64_t max_cached_above = 8 << 20;
  };

  BufferPool() : BufferPool(Limits{}) {}
  explicit BufferPool(const Limits& limits) : limits_(limits) {}
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // A buffer of at least n bytes with one reference, which the caller owns; null when
  // the system has no memory.
  Buffer* alloc(uint64_t n, uint32_t owner = 0);
  // Makes a buffer larger where it is, or where the system puts its pages, without a copy. False: it is as it
  // was, and only a copy helps. Only while nobody else holds it.
  bool grow(Buffer*& buffer, uint64_t n);
  // What a buffer for n bytes can hold.
  static uint64_t capacity_for(uint64_t n);
  static bool is_ours(const chr_buf* lease) { return lease != nullptr && lease->ops == &kOps; }

  // A new owner, to count what each plugin holds. 0 is the host.
  uint32_t add_owner() { return owners_.fetch_add(1) % kOwners; }
  int64_t live(uint32_t owner) const { return live_[owner].load(std::memory_order_relaxed); }
  // For each buffer of an owner that is still leased: an address within the code that
  // retained it last, or null.
  std::vector<const void*> retainers(uint32_t owner);
  uint64_t cached_bytes() const { return cached_bytes_.load(std::memory_order_relaxed); }
  // What buffers take that are in use or kept for reuse.
  uint64_t held_bytes() const { return held_bytes_.load(std::memory_order_relaxed); }

  // What buffers take that are mapped by themselves.
  uint64_t mapped_bytes() const { return mapped_bytes_.load(std::memory_order_relaxed); }

  // Gives half of what was not needed since the last call back to the system.
  void trim();

 private:
  static constexpr uint32_t kMinBits = 9;   // 512 bytes
  static constexpr uint32_t kMaxBits = 24;  // 16 MiB; larger ones are not kept
  static constexpr uint32_t kClasses = kMaxBits - kMinBits + 1;
  static constexpr uint32_t kNoClass = UINT32_MAX;
  struct Class {
    std::mutex mutex;
    std::vector<Buffer*> free;
    size_t least_free = 0;  // since the last trim
  };

  static uint32_t class_of(uint64_t n);
  Buffer* recycled(Class& size_class);
  Buffer* map(uint64_t capacity);
  void unmap(Buffer* buffer);
  void link(Buffer* buffer);
  void unlink(Buffer* buffer);
  void recycle(Buffer* buffer);
  uint64_t max_cached(uint64_t held) const;
  void make_room(uint64_t capacity);
  static void CHR_CALL retain(chr_buf* lease);
  static void CHR_CALL release(chr_buf* lease);
  static constexpr chr_buf_ops kOps = {retain, release, nullptr};

  const Limits limits_;
  std::array<Class, kClasses> classes_;
  std::atomic<uint64_t> cached_bytes_{0};
  std::atomic<uint64_t> held_bytes_{0};
  std::atomic<uint64_t> mapped_bytes_{0};
  std::atomic<uint32_t> owners_{1};
  std::array<std::atomic<int64_t>, kOwners> live_{};
  std::mutex mapped_mutex_;
  Buffer* mapped_ = nullptr;
};

// Tells malloc to keep freed memory instead of returning and faulting it in again at each large allocation.
void tune_malloc();
// Blocking. Has malloc give back what it keeps, where that is much more than a storage uses again: what is
// left of requests of megabytes. In use beside malloc: mapped.
void trim_malloc(uint64_t mapped);

}  // namespace chronik::host
