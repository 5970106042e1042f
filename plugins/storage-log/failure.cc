#include "storage-log/failure.h"

namespace chronik::storage_log {

bool StoreFailure::begin(const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    if (failed_.load(std::memory_order_acquire)) return false;
    message_ = error.message;
    failed_.store(true, std::memory_order_release);
  }
  host_.health("disk", CHR_HEALTH_NOT_READY, error.message);
  return true;
}

void StoreFailure::end_node() {
  // What the disk holds now is not known, and others are to lead at once.
  host_.fatal("the store failed, and the node ends: " + message() +
              "; check the disk before it is started again");
}

std::string StoreFailure::message() const {
  const std::lock_guard lock(mutex_);
  return message_;
}

}  // namespace chronik::storage_log
