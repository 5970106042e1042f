// chronik.host.mem/1 of one node. What a crash left behind is reclaimed with the node.
#pragma once

#include <chronik/abi.h>

#include <cstdint>
#include <vector>

namespace chronik::sim {

class Memory {
 public:
  // poison: bytes are overwritten when the last reference goes, so that a use after release shows.
  // fill: what fresh bytes hold; no result may depend on it.
  explicit Memory(bool poison, uint8_t fill) : poison_(poison), fill_(fill) {}
  ~Memory() { reclaim(); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  chr_slice alloc(uint64_t n);
  // Frees what still has references: their holders are gone.
  void reclaim();
  uint64_t live_bytes() const { return live_bytes_; }

 private:
  struct Buffer {
    chr_buf head;  // first: the lease is the buffer
    Memory* owner;
    Buffer *previous, *next;
    uint64_t n;
    uint32_t size_class;
    uint32_t references;
    uint8_t* bytes() { return reinterpret_cast<uint8_t*>(this + 1); }
  };
  static void CHR_CALL retain(chr_buf* self);
  static void CHR_CALL release(chr_buf* self);
  static const chr_buf_ops kOps;
  static constexpr uint32_t kClasses = 40;

  void free(Buffer* buffer);
  void link(Buffer* buffer);
  void unlink(Buffer* buffer);

  const bool poison_;
  const uint8_t fill_;
  uint64_t live_bytes_ = 0;
  Buffer* live_ = nullptr;
  std::vector<Buffer*> spare_[kClasses];
};

}  // namespace chronik::sim
