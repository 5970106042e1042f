// What a store is told by its configuration. schema.h says what each key means, and has the defaults.
#pragma once

#include "storage-log/journal/journal.h"
#include "storage-log/segment/place.h"

namespace chronik::storage_log {

struct StoreOptions {
  SegmentOptions segments;
  JournalOptions journal;
  uint64_t max_size = 0;  // 0: none
  uint64_t direct_bytes = 64u << 10;
  uint64_t queue_bytes = 64u << 20;
  uint64_t move_after_ns = 10'000'000'000;

  static StoreOptions of(const Host& host);
};

}  // namespace chronik::storage_log
