#include "sim/host/memory.h"

#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>

namespace chronik::sim {

const chr_buf_ops Memory::kOps = {&Memory::retain, &Memory::release, nullptr};

chr_slice Memory::alloc(uint64_t n) {
  const uint32_t size_class = static_cast<uint32_t>(std::bit_width(n | 63));
  Buffer* buffer = nullptr;
  if (auto& spare = spare_[size_class]; !spare.empty()) {
    buffer = spare.back();
    spare.pop_back();
  } else {
    void* raw = std::malloc(sizeof(Buffer) + (uint64_t{1} << size_class));
    if (raw == nullptr) throw std::bad_alloc();
    buffer = new (raw) Buffer{};
    buffer->size_class = size_class;
  }
  buffer->head.ops = &kOps;
  buffer->owner = this;
  buffer->n = n;
  buffer->references = 1;
  link(buffer);
  live_bytes_ += n;
  if (poison_) std::memset(buffer->bytes(), fill_, n);
  return {buffer->bytes(), n, &buffer->head};
}

void Memory::link(Buffer* buffer) {
  buffer->previous = nullptr;
  buffer->next = live_;
  if (live_ != nullptr) live_->previous = buffer;
  live_ = buffer;
}

void Memory::unlink(Buffer* buffer) {
  (buffer->previous != nullptr ? buffer->previous->next : live_) = buffer->next;
  if (buffer->next != nullptr) buffer->next->previous = buffer->previous;
}

void Memory::free(Buffer* buffer) {
  unlink(buffer);
  live_bytes_ -= buffer->n;
  if (poison_) std::memset(buffer->bytes(), 0xdb, buffer->n);
  spare_[buffer->size_class].push_back(buffer);
}

void Memory::reclaim() {
  for (Buffer* buffer = live_; buffer != nullptr;) {
    Buffer* const next = buffer->next;
    std::free(buffer);
    buffer = next;
  }
  live_ = nullptr;
  live_bytes_ = 0;
  for (auto& spare : spare_) {
    for (Buffer* buffer : spare) std::free(buffer);
    spare.clear();
  }
}

void CHR_CALL Memory::retain(chr_buf* self) { ++reinterpret_cast<Buffer*>(self)->references; }

void CHR_CALL Memory::release(chr_buf* self) {
  auto* const buffer = reinterpret_cast<Buffer*>(self);
  if (--buffer->references == 0) buffer->owner->free(buffer);
}

}  // namespace chronik::sim
