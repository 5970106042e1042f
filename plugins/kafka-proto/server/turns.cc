#include "kafka-proto/server/turns.h"

#include <algorithm>

#include "kafka-proto/server/connection.h"

namespace chronik::kafka {

bool Turns::begin_request(uint64_t bytes, uint64_t* last) {
  const bool is_first = *last != number_;
  if (is_long() && (bytes > kSmallBytes || !is_first || taken_late_ns_ >= kSmallNs)) return false;
  *last = number_;
  return true;
}

void Turns::count_request(uint64_t ns, uint64_t named) {
  ns = std::max(ns, named * kNsOfByte);
  if (is_long()) {
    taken_late_ns_ += ns;
    return;
  }
  taken_ns_ += ns;
  if (is_long()) host_.post(shard_, [this] { next(); });
}

void Turns::next() {
  ++number_;
  taken_ns_ = taken_late_ns_ = 0;
  for (const std::shared_ptr<Connection>& connection : std::exchange(waiting_, {})) connection->begin_turn();
}

}  // namespace chronik::kafka
