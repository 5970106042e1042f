// The journal, one file of the host's (chronik.host.files/1): every drain of the queue is one frame, durable
// before its writes complete. Blocking; one thread at a time.
//
// The file begins with two equal superblocks (at 0 and 4096) that say where the journal starts. At most one
// frame is ever under way, so a bad frame at the end is a torn write and is cut, while a bad frame before a
// good one is damage. Compaction writes the live state as a new journal, before or behind the old one, syncs
// it, and only then switches the superblocks, one after the other.
#pragma once

#include <chronik/files.hpp>

#include "storage-memory/frame.h"
#include "storage-memory/state.h"

namespace chronik::storage_memory {

class Journal {
 public:
  Journal(Host host, Files files) : host_(host), files_(files) {}

  // Reads the journal into an empty state. CORRUPT: damage that is no torn write;
  // UNSUPPORTED: a newer format.
  Status recover(State& state);
  // Appends one frame and makes it durable. NO_SPACE: nothing of it is there.
  Status commit(FrameWriter& frame);
  // Rewrites the journal where most of it is garbage.
  Status compact_if_due(const State& state);

  uint64_t size() const { return end_; }

 private:
  struct Superblock;

  Status open();
  Status write(uint64_t at, std::span<const uint8_t> bytes, uint32_t flags);
  Status resize(uint64_t n);
  Status format();
  Status read_superblock(Superblock* out);
  Status write_superblocks(const Superblock& block);
  Status scan(State& state);
  bool read_frame(uint64_t at, FrameHeader* header, std::vector<uint8_t>* payload);
  bool good_frame_after(uint64_t at);
  Status apply(State& state, std::span<const uint8_t> payload);
  Status cut_tail();
  Status write_snapshot(const State& state, const Superblock& block, uint64_t* end, uint64_t* sequence);

  Host host_;
  Files files_;
  File file_;
  uint64_t size_ = 0;  // of the file
  uint64_t epoch_ = 0;
  uint64_t start_ = 0;
  uint64_t end_ = 0;
  uint64_t sequence_ = 0;  // of the next frame
  uint64_t compact_again_at_ = 0;
};

}  // namespace chronik::storage_memory
