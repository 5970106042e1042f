// Buckets that fill at a rate and empty as members that catch up are sent something
// (chronik.consensus.throttle/1).
#pragma once

#include "raft/core/types.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <mutex>
#include <unordered_map>

namespace chronik::raft {

// Any thread; shared by all shards. Nobody comes here for groups of which no member is throttled.
class Throttle {
 public:
  static constexpr int64_t kAny = std::numeric_limits<int64_t>::max();
  static constexpr Nanos kMaxWait = 10'000'000'000;

  void limit(int32_t bucket, int64_t bytes_per_second, Nanos now) {
    const std::lock_guard lock(mutex_);
    if (bytes_per_second == kAny) {
      buckets_.erase(bucket);
      return;
    }
    Bucket& changed = buckets_.try_emplace(bucket, Bucket{0, 0, now, now}).first->second;
    fill(&changed, now);
    changed.rate = static_cast<double>(std::max<int64_t>(bytes_per_second, 0));
  }
  // Who is sent something: a member of a group, by the group's hash.
  struct To {
    uint64_t group;
    NodeId node;
    auto operator<=>(const To&) const = default;
  };

  // Bytes that may be sent now. Those that wait go first, in the order in which they began to.
  uint64_t room(int32_t bucket, const To& to, Nanos now) {
    const std::lock_guard lock(mutex_);
    const auto found = buckets_.find(bucket);
    if (found == buckets_.end()) return UINT64_MAX;
    Bucket& of = found->second;
    fill(&of, now);
    if (of.level < 1 && now >= of.taken + kMaxWait) of.level = 1;
    return of.is_turn_of(to, now) ? static_cast<uint64_t>(std::max(of.level, 0.0)) : 0;
  }
  // What was sent, or is about to be; negative: less than was said before. A batch is never cut, so this may
  // be more than there was room for: the next one waits. Whoever took something waits behind all others.
  void take_bytes(int32_t bucket, const To& to, int64_t bytes, Nanos now) {
    const std::lock_guard lock(mutex_);
    const auto found = buckets_.find(bucket);
    if (found == buckets_.end()) return;
    found->second.level -= static_cast<double>(bytes);
    if (bytes <= 0) return;
    found->second.taken = now;
    found->second.leave(to);
  }
  // There is more for it than it may be sent now, or (false) no more. Said again at each heartbeat. It waits
  // where this bucket is what holds it, and not where another one is.
  void set_waiting(int32_t bucket, const To& to, bool more, Nanos now) {
    const std::lock_guard lock(mutex_);
    const auto found = buckets_.find(bucket);
    if (found == buckets_.end()) return;
    Bucket& of = found->second;
    if (!more || (of.level >= 1 && of.is_turn_of(to, now))) return of.leave(to);
    of.wait(to, now);
  }

 private:
  static constexpr Nanos kForgotten = 1'000'000'000;  // who did not say again that it waits

  struct Wait {
    To to;
    Nanos seen;
  };
  struct Bucket {
    double rate;   // bytes a second
    double level;  // below 0: so much was sent too early
    Nanos filled;
    Nanos taken;  // from, last
    uint64_t last_place = 0;
    std::map<uint64_t, Wait> waits{};  // by place
    std::map<To, uint64_t> places{};

    bool is_turn_of(const To& to, Nanos now) {
      while (!waits.empty() && now >= waits.begin()->second.seen + kForgotten)
        leave(waits.begin()->second.to);
      return waits.empty() || waits.begin()->second.to == to;
    }
    void wait(const To& to, Nanos now) {
      const auto [known, is_new] = places.try_emplace(to, last_place + 1);
      if (is_new) ++last_place;
      waits[known->second] = {to, now};
    }
    void leave(To to) {
      const auto known = places.find(to);
      if (known == places.end()) return;
      waits.erase(known->second);
      places.erase(known);
    }
  };
  // Holds what a second brings: more would come as a burst.
  static void fill(Bucket* bucket, Nanos now) {
    constexpr double kSecond = 1e9;
    if (now <= bucket->filled) return;
    const double seconds = static_cast<double>(now - bucket->filled) / kSecond;
    bucket->level = std::min(bucket->level + bucket->rate * seconds, std::max(bucket->rate, 1.0));
    bucket->filled = now;
  }

  std::mutex mutex_;
  std::unordered_map<int32_t, Bucket> buckets_;
};

}  // namespace chronik::raft
