#include "host/runtime/buffer_pool.h"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bit>
#include <cstdlib>
#include <fstream>
#include <new>

namespace chronik::host {
namespace {

// Large buffers are mapped by themselves, so that giving one back cannot leave a hole in the heap.
constexpr uint64_t kMapFrom = 128 << 10;
constexpr int kMallocKeeps = 64 << 20;

// The address sanitizer finds overruns and uses after release only in memory of its own.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kRecycles = false;
#else
constexpr bool kRecycles = true;
#endif

// Anonymous memory that the process has, by /proc/self/statm; 0: not known.
uint64_t resident_anonymous() {
  std::ifstream in("/proc/self/statm");
  uint64_t size = 0, resident = 0, shared = 0;
  in >> size >> resident >> shared;
  return in ? (resident - shared) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

}  // namespace

BufferPool::~BufferPool() {
  for (Class& size_class : classes_) {
    for (Buffer* buffer : size_class.free) unmap(buffer);
  }
}

uint32_t BufferPool::class_of(uint64_t n) {
  if (n > uint64_t{1} << kMaxBits) return kNoClass;
  if (n <= uint64_t{1} << kMinBits) return 0;
  return static_cast<uint32_t>(std::bit_width(n - 1)) - kMinBits;
}

uint64_t BufferPool::capacity_for(uint64_t n) {
  const uint32_t size_class = class_of(n);
  return size_class == kNoClass ? n : uint64_t{1} << (size_class + kMinBits);
}

Buffer* BufferPool::map(uint64_t capacity) {
  void* memory = nullptr;
  const uint64_t size = sizeof(Buffer) + capacity;
  if (size < capacity) return nullptr;
  if (kRecycles && capacity >= kMapFrom) {
    memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
  } else {
    memory = std::aligned_alloc(alignof(Buffer), (size + alignof(Buffer) - 1) & ~(alignof(Buffer) - 1));
    if (memory == nullptr) return nullptr;
  }
  auto* const buffer =
      new (memory) Buffer{{&kOps}, 1, kNoClass, capacity, this, 0, nullptr, nullptr, nullptr};
  link(buffer);
  return buffer;
}

void BufferPool::link(Buffer* buffer) {
  held_bytes_.fetch_add(buffer->capacity, std::memory_order_relaxed);
  if (buffer->capacity >= kMapFrom) mapped_bytes_.fetch_add(buffer->capacity, std::memory_order_relaxed);
  const std::lock_guard lock(mapped_mutex_);
  buffer->before = nullptr;
  buffer->after = mapped_;
  if (mapped_ != nullptr) mapped_->before = buffer;
  mapped_ = buffer;
}

void BufferPool::unlink(Buffer* buffer) {
  held_bytes_.fetch_sub(buffer->capacity, std::memory_order_relaxed);
  if (buffer->capacity >= kMapFrom) mapped_bytes_.fetch_sub(buffer->capacity, std::memory_order_relaxed);
  const std::lock_guard lock(mapped_mutex_);
  (buffer->before != nullptr ? buffer->before->after : mapped_) = buffer->after;
  if (buffer->after != nullptr) buffer->after->before = buffer->before;
}

bool BufferPool::grow(Buffer*& buffer, uint64_t n) {
  const uint64_t before = buffer->capacity;
  // Smaller ones are recycled by their sizes.
  if (!kRecycles || class_of(n) != kNoClass || before < kMapFrom || n <= before || !buffer->unique())
    return false;
  unlink(buffer);
  void* const moved = ::mremap(buffer, sizeof(Buffer) + before, sizeof(Buffer) + n, MREMAP_MAYMOVE);
  if (moved != MAP_FAILED) {
    buffer = static_cast<Buffer*>(moved);
    buffer->size_class = kNoClass;
    buffer->capacity = n;
  }
  link(buffer);
  return moved != MAP_FAILED;
}

void BufferPool::unmap(Buffer* buffer) {
  unlink(buffer);
  if (kRecycles && buffer->capacity >= kMapFrom) {
    ::munmap(buffer, sizeof(Buffer) + buffer->capacity);
  } else {
    std::free(buffer);
  }
}

// Null: none of this size is kept.
Buffer* BufferPool::recycled(Class& size_class) {
  const std::lock_guard lock(size_class.mutex);
  if (size_class.free.empty()) return nullptr;
  Buffer* const buffer = size_class.free.back();
  size_class.free.pop_back();
  if (size_class.free.size() < size_class.least_free) size_class.least_free = size_class.free.size();
  cached_bytes_.fetch_sub(buffer->capacity, std::memory_order_relaxed);
  return buffer;
}

Buffer* BufferPool::alloc(uint64_t n, uint32_t owner) {
  const uint32_t index = class_of(n);
  Buffer* buffer = index == kNoClass ? nullptr : recycled(classes_[index]);
  if (buffer != nullptr) {
    buffer->references.store(1, std::memory_order_relaxed);
    buffer->retained_by.store(nullptr, std::memory_order_relaxed);
  } else {
    const uint64_t capacity = kRecycles ? capacity_for(n) : n;
    make_room(capacity);
    buffer = map(capacity);
    if (buffer == nullptr) return nullptr;
    buffer->size_class = index;
  }
  buffer->owner = owner;
  live_[owner].fetch_add(1, std::memory_order_relaxed);
  return buffer;
}

void BufferPool::recycle(Buffer* buffer) {
  live_[buffer->owner].fetch_sub(1, std::memory_order_relaxed);
  const bool keep = kRecycles && buffer->size_class != kNoClass &&
                    cached_bytes() + buffer->capacity <= max_cached(held_bytes());
  if (!keep) return unmap(buffer);
  cached_bytes_.fetch_add(buffer->capacity, std::memory_order_relaxed);
  Class& size_class = classes_[buffer->size_class];
  const std::lock_guard lock(size_class.mutex);
  size_class.free.push_back(buffer);
}

uint64_t BufferPool::max_cached(uint64_t held) const {
  return held > limits_.max_held ? limits_.max_cached_above : limits_.max_cached;
}

// Gives back what is kept in other sizes, largest first, no more than is needed for a new buffer.
void BufferPool::make_room(uint64_t capacity) {
  for (size_t i = kClasses; i > 0; --i) {
    while (held_bytes() + capacity > limits_.max_held && cached_bytes() > limits_.max_cached_above) {
      Buffer* const buffer = recycled(classes_[i - 1]);
      if (buffer == nullptr) break;
      unmap(buffer);
    }
  }
}

void BufferPool::trim() {
  std::vector<Buffer*> surplus;
  for (Class& size_class : classes_) {
    const std::lock_guard lock(size_class.mutex);
    const size_t n = (size_class.least_free + 1) / 2;
    // The bottom of the stack is what was idle longest.
    surplus.insert(surplus.end(), size_class.free.begin(),
                   size_class.free.begin() + static_cast<ptrdiff_t>(n));
    size_class.free.erase(size_class.free.begin(), size_class.free.begin() + static_cast<ptrdiff_t>(n));
    size_class.least_free = size_class.free.size();
  }
  for (Buffer* buffer : surplus) {
    cached_bytes_.fetch_sub(buffer->capacity, std::memory_order_relaxed);
    unmap(buffer);
  }
}

std::vector<const void*> BufferPool::retainers(uint32_t owner) {
  std::vector<const void*> found;
  const std::lock_guard lock(mapped_mutex_);
  for (const Buffer* buffer = mapped_; buffer != nullptr; buffer = buffer->after) {
    if (buffer->owner == owner && buffer->references.load() > 0) found.push_back(buffer->retained_by.load());
  }
  return found;
}

void CHR_CALL BufferPool::retain(chr_buf* lease) {
  auto* buffer = reinterpret_cast<Buffer*>(lease);
  buffer->references.fetch_add(1, std::memory_order_relaxed);
  buffer->retained_by.store(__builtin_return_address(0), std::memory_order_relaxed);
}

void CHR_CALL BufferPool::release(chr_buf* lease) {
  auto* buffer = reinterpret_cast<Buffer*>(lease);
  if (buffer->references.fetch_sub(1, std::memory_order_acq_rel) == 1) buffer->pool->recycle(buffer);
}

void tune_malloc() {
  // glibc accepts at most 32 MiB here. A large write transaction of a storage allocates that much, each time.
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
  ::mallopt(M_TRIM_THRESHOLD, kMallocKeeps);
  ::mallopt(M_ARENA_MAX, 4);
}

// What was trimmed before is still free, but not there any more: so it is the process that is asked.
void trim_malloc(uint64_t mapped) {
  const uint64_t resident = resident_anonymous();
  if (!kRecycles || resident <= mapped + kMallocKeeps) return;  // mallinfo2() walks what is free
  const struct mallinfo2 info = ::mallinfo2();
  if (resident > info.uordblks + info.hblkhd + mapped + kMallocKeeps) ::malloc_trim(0);
}

}  // namespace chronik::host
