// What groups have committed, as their clients saw it: each commit has an offset of its own, so that what is read says
// whose it is. A partition of a group is a register: reads and writes have a begin and an end, and take place between.
#pragma once

#include "sim/base/world.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::sim {

// A partition of a group.
struct OffsetKey {
  std::string group;
  std::string topic;  // its name, and its id where topics of that name come and go
  int32_t partition = 0;
  friend auto operator<=>(const OffsetKey&, const OffsetKey&) = default;
};

class OffsetModel {
 public:
  explicit OffsetModel(World& world) : world_(world) {}

  // A commit begins. Returns its offset, which no other has; it takes metadata_of(offset) along. may_be_taken: it
  // comes from who may commit.
  int64_t begin(OffsetKey key, bool may_be_taken = true);
  static std::string metadata_of(int64_t offset);
  void acknowledged(int64_t offset);
  // It was told that nothing is committed.
  void refused(int64_t offset);
  // It has ended, and nobody knows how.
  void unknown(int64_t) { --open_; }

  // A fetch that began at `begun` said so, without an error; -1: nothing is committed. by_leader: the one that Raft had
  // elected when it began. Others may say for a moment what was so before.
  void read(const OffsetKey& key, int64_t offset, std::string_view metadata, uint64_t begun, bool by_leader);

  // Nobody waits for the end of a commit.
  bool is_quiet() const { return open_ == 0; }
  uint64_t begun() const { return next_ - 1; }
  uint64_t acks() const { return acks_; }
  uint64_t refusals() const { return refusals_; }
  uint64_t reads() const { return reads_; }

 private:
  struct Commit {
    int64_t offset = 0;
    uint64_t begun = 0;
    uint64_t ended = 0;  // acknowledged, or seen; 0: neither
    bool may_be_taken = true;
    bool refused = false;
  };
  Commit& find(int64_t offset);
  void fail(const OffsetKey& key, std::string_view what);

  World& world_;
  std::map<OffsetKey, std::vector<Commit>> commits_;                // in the order in which they began
  std::map<int64_t, std::pair<const OffsetKey*, size_t>> offsets_;  // where they are
  int64_t next_ = 1;
  int64_t open_ = 0;
  uint64_t acks_ = 0, refusals_ = 0, reads_ = 0;
};

}  // namespace chronik::sim
