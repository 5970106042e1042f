// PartitionObserver: what follows the log of a partition on each of its replicas, and has a part of its own in
// the partition's snapshots: what is remembered of producers, later open transactions and coordinators. Its
// state is a pure function of the log: it changes in applied() alone, and reads no clock there. All on the
// partition's shard.
//
//   state     | told
//   following | applied(), trimmed(), truncated(); save() and load() between two calls of applied()
//   leading   | (from led() to lost()) the same, but load(). All that was committed before is applied
//
// led() comes again, after a lost(), where the same node leads in another term. What an observer does with
// time, timers above all, begins with led(), ends with lost(), and changes state by entries that it appends.
#pragma once

#include <chronik/storage.h>
#include <chronik/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "kafka-proto/records/batch.h"

namespace chronik::kafka {

// A section that is saved in parts over several turns, with applied() in between: as of when it was begun.
class SectionSave {
 public:
  virtual ~SectionSave() = default;
  // Appends what comes next, of max_bytes and perhaps one item more. False: that was all.
  virtual bool save_part(size_t max_bytes, std::vector<uint8_t>& section) = 0;
};

// A section that is loaded in parts, cut anywhere. The state stays as it is until finish() replaces it.
class SectionLoad {
 public:
  virtual ~SectionLoad() = default;
  virtual Status load_part(Bytes part) = 0;
  virtual Status finish() = 0;
};

class PartitionObserver {
 public:
  virtual ~PartitionObserver() = default;

  // Its section in snapshots; a constant, of at most 255 bytes.
  virtual std::string_view section() const = 0;

  // A committed batch, each once and in the order of the log; those of control records, too.
  // header is what stands at the begin of the entry's payload.
  // An error ends the node: it would go on with less than others have.
  virtual Status applied(const chr_entry& entry, const BatchHeader& header) = 0;
  virtual void led(uint64_t /*term*/) {}
  virtual void lost() {}
  // Entries from this index on were removed; none of them was applied.
  virtual void truncated(uint64_t /*index*/) {}
  // The log starts at this offset now.
  virtual void trimmed(int64_t /*offset*/) {}
  // Whether all that the log says is in its state. The log is then trimmed to snapshots, by its size and by
  // nothing else.
  virtual bool stands_for_log() const { return false; }

  // Appends the state as of the last applied(); equal states give equal bytes.
  virtual void save(std::vector<uint8_t>& section) const = 0;
  // Whether save() appends anything.
  virtual bool has_state() const {
    std::vector<uint8_t> state;
    save(state);
    return !state.empty();
  }
  // Replaces the state by what save() wrote, here or on another replica. Empty: by the one before any batch.
  virtual Status load(Bytes section) = 0;

  // For states that one turn has no time for: the same bytes in parts, a few hundred KiB a turn. Null: the state is
  // small, and goes out and in at once. The observer outlives both; one that is destroyed early was not wanted.
  virtual std::unique_ptr<SectionSave> begin_save() const { return nullptr; }
  virtual std::unique_ptr<SectionLoad> begin_load() { return nullptr; }

  // The partition is closed: a part of the state goes, as much as a turn has time for. False: nothing is left, or
  // so little that it goes with the observer.
  virtual bool release_part() { return false; }
};

}  // namespace chronik::kafka
