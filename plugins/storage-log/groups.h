// The groups of a store: names and ids, what each holds, and the lane in which its writes wait.
#pragma once

#include "storage-log/keys.h"
#include "storage-log/segment/direct_write.h"
#include "storage-log/segment/group_log.h"

#include <chronik/storage_write.hpp>

#include <list>
#include <memory>
#include <unordered_map>

namespace chronik::storage_log {

// What the first write of a lane waits for, and what it was told so far.
struct Pending {
  std::map<uint64_t, Boundary> boundaries;  // by the index that was asked for
  std::vector<PlacedEntry> placed;          // once the log has accepted it
  std::optional<Boundary> truncate, trim;
  std::vector<KeyChange> keys;  // with their files
  bool drops = false;
  std::vector<std::unique_ptr<DirectWrite>> direct;
  uint32_t io_in_flight = 0;  // direct writes, and the blocking job that writes the rest
  bool is_accepted = false;
  bool must_refuse = false;  // what came before it was refused meanwhile
  Status failure;            // of one of them, or of a look-up

  // As new, with the memory that it has.
  void clear() {
    boundaries.clear();
    placed.clear();
    truncate.reset();
    trim.reset();
    keys.clear();
    drops = false;
    direct.clear();
    io_in_flight = 0;
    is_accepted = false;
    must_refuse = false;
    failure = {};
  }
};

// The writes of a group that are in no frame yet, in their order. The first one may have to wait: for what the
// disk has to say of its place, for its large payloads, or for all that is in frames.
//
//   is_busy | first write         | left by
//   false   | none, or in its turn | a blocking job or a direct write begins: true
//   true    | waits for its I/O    | the last of it ends: false
struct Lane {
  std::list<OwnedWrite> writes;
  std::unique_ptr<Pending> pending;  // of the first one
  uint32_t shard = 0;                // that brings them
  bool is_busy = false;
  bool is_listed = false;      // among those that have their turn next
  bool waits_for_all = false;  // until in_frames is 0
  uint32_t in_frames = 0;      // writes that are not durable yet
  uint64_t listed_in = 0;      // number of the frame that names the group, and was gathered last
};

// A group. Under the store's mutex.
//
//   state   | is_created | exists | is_dropped | entered with
//   new     |            |        |            | GroupTable::open(); nothing on disk knows of it
//   created | yes        |        |            | a frame that creates it gathers
//   there   | yes        | yes    |            | such a frame is durable, or a checkpoint has it
//   dropped | yes        | or not | yes        | a frame that drops it gathers; once it is durable, the group is gone
//
// Where what gathers is refused, it is new, or there, again.
struct Group {
  uint64_t id = 0;
  std::string name;
  bool exists = false;
  bool is_created = false;
  bool is_dropped = false;
  std::string damage;  // why nothing more is written
  std::shared_ptr<GroupLog> log;
  Keys keys;
  uint64_t sequence = 0;    // of the last durable frame with something of it
  uint64_t next_value = 1;  // number of the next file of a value
  uint64_t used = 0;        // what it takes, as it was counted last
  AppendFence fence;
  Lane lane;
};

// Under the store's mutex.
class GroupTable {
 public:
  GroupTable(const SegmentOptions& options, LogSums& sums) : options_(options), sums_(sums) {}

  // The id under this name; a new one if there is none. CORRUPT: the name may be that of a group whose record
  // is lost.
  Result<uint64_t> open(std::string_view name);
  // nullptr: unknown, or gone.
  std::shared_ptr<Group> find(uint64_t id) const;
  // By id.
  std::vector<std::shared_ptr<Group>> all() const;
  // How many exist durably.
  size_t count() const { return count_; }
  uint64_t next_id() const { return next_id_; }

  // A frame that is durable, or a checkpoint, says that it exists.
  void mark_existing(Group& group);
  void remove(Group& group);

  // At a start.
  std::shared_ptr<Group> restore(uint64_t id, std::string_view name);
  void restore_next_id(uint64_t next_id) { next_id_ = std::max(next_id_, next_id); }
  // Something of a group is lost whose name nobody knows: no name is given out that is not known.
  void note_lost_name() { has_lost_names_ = true; }
  bool has_lost_names() const { return has_lost_names_; }
  // What nobody lists of it stays, for who looks for what is lost: it is set aside, or may be a group that was lost.
  bool keeps_files(uint64_t id) const;

 private:
  std::shared_ptr<Group> add(uint64_t id, std::string_view name);

  SegmentOptions options_;
  LogSums& sums_;
  std::map<std::string, uint64_t, std::less<>> ids_;
  std::unordered_map<uint64_t, std::shared_ptr<Group>> groups_;
  uint64_t next_id_ = 1;
  size_t count_ = 0;
  bool has_lost_names_ = false;
};

}  // namespace chronik::storage_log
