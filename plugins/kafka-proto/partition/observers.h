// Observers: who follows a partition's log, in the order in which they are told, and their snapshot.
//
//   format 1: the section of producers, and nothing else (it begins with its own version, 1)
//   format 2: int16 2 | uint16 sections | for each: uint8 n, n bytes of name | uint64 n, n bytes
//
// Format 2 is written from kSectionsLevel of chronik.version on, and where an observer but the producers has a
// state: entries that make one are written at that level only, so it is there, though this node may not have heard
// of it yet. Builds of before refuse it by its number. A section whose observer this build, or this partition, does
// not have is refused by name, not dropped: what is before it in the log may be gone, and this replica might
// lead with less than what was applied. An observer whose section is missing begins anew.
//
// Read and written in pieces by snapshot_stream.h.
//
// One virtual call for each batch and observer; a batch's header is decoded once for all.
#pragma once

#include <chronik/result.hpp>

#include <algorithm>
#include <memory>
#include <vector>

#include "kafka-proto/partition/observer.h"
#include "kafka-proto/partition/snapshot_stream.h"

namespace chronik::kafka {

class Observers {
 public:
  // The level of chronik.version that brought sections.
  static constexpr int16_t kSectionsLevel = 3;
  // What a snapshot of format 1 holds.
  static constexpr std::string_view kProducers = "producers";

  // Before the log is opened; names differ.
  void add_observer(std::shared_ptr<PartitionObserver> observer) { all_.push_back(std::move(observer)); }

  // The first error, after which nobody else is told.
  Status applied(const chr_entry& entry, const BatchHeader& header) {
    for (const auto& each : all_) CHRONIK_CHECK(each->applied(entry, header));
    return {};
  }
  void led(uint64_t term) {
    for (const auto& each : all_) each->led(term);
  }
  void lost() {
    for (const auto& each : all_) each->lost();
  }
  void truncated(uint64_t index) {
    for (const auto& each : all_) each->truncated(index);
  }
  void trimmed(int64_t offset) {
    for (const auto& each : all_) each->trimmed(offset);
  }

  // Of the first that has more. False: none has.
  bool release_part() {
    return std::ranges::any_of(all_, [](const auto& each) { return each->release_part(); });
  }

  bool stand_for_log() const {
    return std::ranges::any_of(all_, [](const auto& each) { return each->stands_for_log(); });
  }
  // Null: there is none of this section.
  PartitionObserver* find(std::string_view section) const;

  // In the format of this level.
  std::vector<uint8_t> save(int16_t level) const;
  // UNSUPPORTED: of a newer build; CORRUPT. The states are undefined then.
  Status load(Bytes snapshot);
  // The same in pieces. Both are gone before the observers are.
  std::unique_ptr<SnapshotSave> begin_save(int16_t level) const;
  std::unique_ptr<SnapshotLoad> begin_load(uint64_t bytes) const;

 private:
  bool has_more_than_producers() const;

  ObserverList all_;
};

}  // namespace chronik::kafka
