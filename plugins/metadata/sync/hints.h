// What consensus says on this node about who leads: the newest role event of every group that is open here.
// Written by the groups' shards, read by any thread; the home shard of metadata is told what changed, by key,
// so that a storm of elections costs memory for its groups and not for its events.
#pragma once

#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "metadata/model/uuid.h"

namespace chronik::metadata {

struct GroupKey {
  Uuid topic;
  int32_t partition = -1;
  auto operator<=>(const GroupKey&) const = default;
};

struct Hint {
  uint64_t term = 0;
  int32_t leader = -1;    // -1: none known, or this node and not yet usable
  bool leads = false;     // this node leads, and the no-op of its term is applied
  std::string label;      // what logs call the group
  uint64_t named = 0;     // the newest term of which a leader was known; kept by Hints
  uint64_t since_ns = 0;  // when it came; where none is known, when that began in this term
};

// What find() tells of a hint.
struct KnownLeader {
  uint64_t term = 0;
  int32_t leader = -1;
  uint64_t named = 0;
  uint64_t since_ns = 0;
};

class Hints {
 public:
  // [any] Whether the caller must see to it that drain() runs: nothing was waiting before.
  bool update(const GroupKey& key, Hint hint);
  // [any]
  std::optional<KnownLeader> find(const GroupKey& key) const;
  // [home] What changed since the last drain, as it is now.
  std::vector<std::pair<GroupKey, Hint>> drain();
  // [home] The topic was deleted.
  void forget(const Uuid& topic);

 private:
  struct Slot {
    Hint hint;
    bool dirty = false;
  };
  struct Stripe {
    mutable std::mutex mutex;
    std::map<GroupKey, Slot> slots;
  };
  Stripe& stripe(const Uuid& topic) { return stripes_[topic.bytes[15] % kStripes]; }
  const Stripe& stripe(const Uuid& topic) const { return stripes_[topic.bytes[15] % kStripes]; }

  static constexpr size_t kStripes = 16;
  std::array<Stripe, kStripes> stripes_;
  std::mutex dirty_mutex_;
  std::vector<GroupKey> dirty_;
};

}  // namespace chronik::metadata
