// What waits to be written, over all groups: how much may wait, and what the next transaction takes of it.
//
// Writes leave in the order of the calls, up to what one transaction may hold. Behind that come votes and the
// like, writes of a few small keys: they overtake what other groups brought, never a write of their own
// group. On a slow disk the bounds are what it takes within a moment, so that nothing waits for long behind
// what was accepted before it.
#pragma once

#include <chronik/storage_write.hpp>

#include <set>
#include <vector>

namespace chronik::storage_lmdb {

// How fast the disk takes what is written, by the transactions that were large enough to tell.
class Pace {
 public:
  void committed(uint64_t bytes, uint64_t ns);
  // UINT64_MAX as long as nothing is known.
  uint64_t bytes_within(uint64_t ns) const;

 private:
  double bytes_per_ns_ = 0;
};

// Not thread-safe.
class WriteQueue {
 public:
  using Batch = std::vector<OwnedWrite>;
  struct Options {
    uint64_t queue_bytes;   // that may wait at most
    uint64_t commit_bytes;  // of one transaction at most
  };

  explicit WriteQueue(Options options) : options_(options) {}

  // Whether more may wait. Votes and the like always may.
  bool has_room(const Batch& writes) const;
  void push(Batch writes);
  // The next transaction; empty where nothing may leave now.
  Batch take_batch();
  // What take_batch() gave is done with, after so long.
  void finish_batch(const Batch& batch, uint64_t ns);
  // Writes of the group stay where they are until it is released; they do not count as waiting meanwhile.
  void hold(uint64_t group);
  void release(uint64_t group);
  void release_all();
  // Holds these groups, and takes their writes out of what take_batch() gave: they stand in front again.
  void hold_back(Batch& batch, const std::set<uint64_t>& groups);
  const std::set<uint64_t>& held() const { return held_; }

  bool is_idle() const { return queue_.size() == held_writes_; }
  uint64_t waiting_bytes() const { return bytes_; }

 private:
  uint64_t queue_limit() const;
  uint64_t commit_limit() const;
  bool is_held(const OwnedWrite& write) const { return held_.contains(write.group()); }
  void count(const OwnedWrite& write);
  void put_back(Batch batch);

  Options options_;
  Pace pace_;
  Batch queue_;
  std::set<uint64_t> held_;
  size_t held_writes_ = 0;  // of groups that are held
  size_t keys_ = 0;         // votes and the like
  uint64_t bytes_ = 0;      // waiting or taken, without what is held
};

}  // namespace chronik::storage_lmdb
