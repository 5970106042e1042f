// The failure of a storage: its disk refused a write or a sync, so what it holds now is not known. [any] thread.
//
//   state   | writes          | left by
//   serving | are taken       | begin(), fail()
//   failed  | are refused, IO | never: end_node() ends the node, and others lead
#pragma once

#include <chronik/host.hpp>

#include <atomic>
#include <mutex>
#include <string>

namespace chronik {

class StorageFailure {
 public:
  explicit StorageFailure(const Host& host) : host_(host) {}

  // The storage refuses all writes from now on. False: it did before.
  bool begin(const Error& error) {
    {
      const std::lock_guard lock(mutex_);
      if (has_failed()) return false;
      message_ = error.message;
      failed_.store(true, std::memory_order_release);
    }
    host_.health("disk", CHR_HEALTH_NOT_READY, error.message);
    return true;
  }
  // Asks the host to end the node: others are to lead at once.
  void end_node() {
    host_.fatal("the store failed, and the node ends: " + message() +
                "; check the disk before it is started again");
  }
  // Both, at once.
  void fail(const Error& error) {
    if (begin(error)) end_node();
  }
  bool has_failed() const { return failed_.load(std::memory_order_acquire); }
  // Why it failed.
  std::string message() const {
    const std::lock_guard lock(mutex_);
    return message_;
  }

 private:
  Host host_;
  mutable std::mutex mutex_;  // message_
  std::string message_;
  std::atomic<bool> failed_{false};
};

}  // namespace chronik
