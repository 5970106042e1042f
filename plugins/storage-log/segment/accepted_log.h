// A group's log as write() sees it: ahead of what is durable by what is in flight. Gives every entry its place.
// Used by one thread at a time.
#pragma once

#include "storage-log/segment/place.h"

#include <chronik/lean_queue.hpp>
#include <chronik/result.hpp>

#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace chronik::storage_log {

class AcceptedLog {
 public:
  // The entries from `first` on end at `end`; the next record goes to `next`, or to a new segment where its number is 0.
  struct View {
    uint64_t first = 0;  // 0: the log is empty
    Totals before;       // what the first entry's totals are without it
    LogEnd end;
    LogEnd durable;  // the last one of them that is published
    Place next;
    uint64_t last_number = 0;  // of the segments that there were
  };
  void reset(const View& view);
  const View& view() const { return view_; }

  void begin_write();
  void end_write(bool keep);
  void append(std::span<const chr_entry> entries, uint64_t segment_bytes, std::vector<PlacedEntry>* out);
  void truncate(const Boundary& boundary);
  void trim(const Boundary& boundary);
  // An entry is published. It may have been cut off meanwhile.
  void published(const LogEnd& end);

  // Where the log is cut before an index. nullopt: among the entries that are published.
  std::optional<Boundary> boundary(uint64_t index) const;

 private:
  void cut_pending(size_t keep);

  View view_;
  LeanQueue<LogEnd> pending_;  // accepted, not published, not cut off
  // What takes back what a write did.
  struct Undo {
    View view;
    size_t kept = 0;              // so many of pending_ from before the write are still there
    std::vector<LogEnd> removed;  // those that were behind them
  };
  std::unique_ptr<Undo> undo_;  // while a write goes on: there are many logs
};

}  // namespace chronik::storage_log
