// What the parts of a group's log say to one another: where entries lie and where a log is cut.
#pragma once

#include <chronik/storage.h>

#include <atomic>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace chronik::storage_log {

struct SegmentOptions {
  uint64_t segment_bytes = 64u << 20;  // a record that is larger gets a segment of its own
  uint64_t open_files = 4096;          // kept open at a time, with their maps
  uint64_t index_bytes = 4u << 20;     // of indexes kept in memory beyond what only memory has
};

// Of all logs of a store; the logs keep them. Outlives every GroupLog.
struct LogSums {
  // Entries that are in memory and in the journal only, and their payload.
  std::atomic<uint64_t> unmoved_entries{0};
  std::atomic<uint64_t> unmoved_bytes{0};
};

// One file, `<group>-<number>.segment`. Numbers of a group ascend and are not used again.
struct SegmentId {
  uint64_t group = 0;
  uint64_t number = 0;
  auto operator<=>(const SegmentId&) const = default;
};
std::string segment_name(const SegmentId& id);
std::string index_name(const SegmentId& id);  // of the file with its index

// False: it is no such name.
bool parse_segment_name(std::string_view name, SegmentId* id);
bool parse_index_name(std::string_view name, SegmentId* id);

// Where a record's head begins. No place is given out twice, but for those behind the last frame that a crash left: a direct write
// may lie there, and its record is whole until the next one is written over it.
struct Place {
  uint64_t segment = 0;  // its number
  uint64_t at = 0;
  auto operator<=>(const Place&) const = default;
};
// No segment, and no record, is as large: what says so is damage, and would wrap.
constexpr uint64_t kMaxPlace = uint64_t{1} << 48;

// Of entries up to some place, counted from some start that bounds() takes off again.
struct Totals {
  uint64_t entries = 0;
  uint64_t bytes = 0;  // of payload
  bool operator==(const Totals&) const = default;
};

// An entry, or the beginning of a log, as what follows it goes on from it.
struct LogEnd {
  uint64_t last = 0;  // its index; 0: there is none
  Totals totals;      // with it
  Place next;         // behind its record
  int64_t next_offset = 0;
  int64_t log_max_timestamp = -1;
  bool operator==(const LogEnd&) const = default;
};

// A cut through a log before an index: what trims and truncations need to know, so that they read nothing when they
// are applied. It lies in the journal with the step.
struct Boundary {
  uint64_t index = 0;
  uint64_t above = 0;  // the first entry at or above the index; 0: there is none
  LogEnd below;        // the last entry below it; .last is 0 where there is none, .totals stand all the same
  bool operator==(const Boundary&) const = default;
};

// An entry with its place.
struct PlacedEntry {
  chr_entry
      entry{};  // the payload's lease is borrowed; payload.p is null where it lies in the segment already
  Place place;
  Totals totals;  // with this entry
  uint32_t payload_crc = 0;
  bool is_damaged = false;  // the payload here is not what payload_crc says
  bool in_segment = false;  // written there with its head, durably (direct_write.h)
};

}  // namespace chronik::storage_log
