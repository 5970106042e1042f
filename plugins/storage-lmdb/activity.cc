#include "storage-lmdb/activity.h"

namespace chronik::storage_lmdb {

std::optional<uint64_t> Activity::take_stop_if_idle() {
  return is_idle() ? std::exchange(stop_token_, std::nullopt) : std::nullopt;
}

std::optional<uint64_t> Activity::end_drain() {
  is_draining_ = false;
  return take_stop_if_idle();
}

std::optional<uint64_t> Activity::end_read() {
  --reads_;
  return take_stop_if_idle();
}

bool Activity::begin_stop(uint64_t token) {
  was_stopped_ = true;
  if (is_idle()) return true;
  stop_token_ = token;
  return false;
}

}  // namespace chronik::storage_lmdb
