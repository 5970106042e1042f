// What a start reads of the journal: the frames behind the last checkpoint, in their order.
//
// Each frame says up to which frame all was durable when it was written: its mark. What is broken above the
// highest mark is where the writes of a crash ended: it and what follows it never counted. What is broken below
// is damage: of the groups that the frame names, or of all where that is damaged, too.
#pragma once

#include "storage-log/journal/journal.h"

#include <functional>
#include <map>

namespace chronik::storage_log {

class JournalScan {
 public:
  struct Events {
    // A whole frame, or one in which at most payloads of entries are not what their checksums say. The payload's lease is
    // borrowed.
    std::function<Status(uint64_t sequence, const chr_slice& payload)> frame;
    // A frame that was durable is damaged; no ids: nobody knows of which groups it was, and others behind it may be gone with it.
    std::function<void(uint64_t sequence, const std::vector<uint64_t>& groups)> lost;
    // A bit of a frame was turned back; frame() comes next.
    std::function<void(uint64_t sequence)> mended;
  };
  JournalScan(Host host, std::vector<const File*> files, uint64_t block)
      : host_(host), files_(std::move(files)), block_(block) {}

  // [blocking] Reads all files and calls the events, in order. durable: all frames up to this sequence were, whatever their marks
  // say.
  Result<JournalTail> run(const ReplayStart& start, uint64_t durable, const Events& events);
  // [blocking] The parts of a frame that fail their checks, header and ids at each end: "its first header, its payload";
  // empty: none does.
  Result<std::string> faults(const FoundFrame& found);

 private:
  using Found = FoundFrame;

  // Every header of this generation from this sequence on, at either end of its frame.
  Status find_headers(const File& file, const ReplayStart& start);
  void look_at_block(const File& file, uint64_t at, const uint8_t* block, const ReplayStart& start);
  // The last sequence, of those of which nothing was found, up to the mark or the next one that was.
  uint64_t end_of_gap(uint64_t sequence, uint64_t highest_mark) const;
  // The frame's bytes, until the next read().
  Result<uint8_t*> read(const Found& found);
  // A copy of a payload, whose lease is borrowed until the next keep().
  Result<chr_slice> keep(const uint8_t* payload, uint64_t n);
  // The ids, from where they are whole; none: nowhere.
  std::vector<uint64_t> ids_of(const Found& found, const uint8_t* frame) const;
  // Of a damaged frame that counts: makes it whole again where a single bit is wrong; or nothing but payloads of entries is damaged.
  bool is_usable(const FrameHeader& header, uint8_t* payload, const Events& events) const;
  Result<bool> deliver(const Found& found, uint64_t highest_mark, const Events& events);

  Host host_;
  std::vector<const File*> files_;
  uint64_t block_;
  std::map<uint64_t, Found> found_;  // by sequence
  struct Window {
    const File* file = nullptr;
    uint64_t at = 0;
    std::span<uint8_t> bytes;
    Lease lease;
  };
  Window window_;            // what was read last
  chr_slice kept_{};         // the memory that payloads are copied to
  Lease kept_lease_;         // of it
  uint64_t kept_bytes_ = 0;  // of it, that payloads have taken
};

}  // namespace chronik::storage_log
