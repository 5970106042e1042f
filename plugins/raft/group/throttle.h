// Buckets that fill at a rate and empty as members that catch up are sent something
// (chronik.consensus.throttle/1).
#pragma once

#include "core/types.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <mutex>
#include <unordered_map>

namespace chronik::raft {

// Any thread; shared by all shards. Nobody comes here for groups of which no member is throttled.
class Throttle {
 public:
  static constexpr int64_t kAny = std::numeric_limits<int64_t>::max();
  static constexpr Nanos kLongestWait = 10'000'000'000;

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
  // Bytes that may be sent now.
  uint64_t room(int32_t bucket, Nanos now) {
    const std::lock_guard lock(mutex_);
    const auto found = buckets_.find(bucket);
    if (found == buckets_.end()) return UINT64_MAX;
    Bucket& of = found->second;
    fill(&of, now);
    if (of.level < 1 && now >= of.taken + kLongestWait) of.level = 1;
    return static_cast<uint64_t>(std::max(of.level, 0.0));
  }
  // What was sent, or is about to be; negative: less than was said before. A batch is never cut, so this may
  // be more than there was room for: the next one waits.
  void take(int32_t bucket, int64_t bytes, Nanos now) {
    const std::lock_guard lock(mutex_);
    const auto found = buckets_.find(bucket);
    if (found == buckets_.end()) return;
    found->second.level -= static_cast<double>(bytes);
    if (bytes > 0) found->second.taken = now;
  }

 private:
  struct Bucket {
    double rate;   // bytes a second
    double level;  // below 0: so much was sent too early
    Nanos filled;
    Nanos taken;  // from, last
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
