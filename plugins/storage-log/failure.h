// The failure of a store: its disk refused a write or a sync, so what it holds now is not known. [any] thread.
//
//   state   | writes          | left by
//   serving | are taken       | begin()
//   failed  | are refused, IO | never: end_node() ends the node, and others lead
#pragma once

#include <chronik/host.hpp>

#include <atomic>
#include <mutex>
#include <string>

namespace chronik::storage_log {

class StoreFailure {
 public:
  explicit StoreFailure(Host host) : host_(host) {}

  // Refuses all writes from now on. False: it did before.
  bool begin(const Error& error);
  // Asks the host to end the node.
  void end_node();
  bool has_failed() const { return failed_.load(std::memory_order_acquire); }
  // Why it failed.
  std::string message() const;

 private:
  Host host_;
  mutable std::mutex mutex_;  // message_
  std::string message_;
  std::atomic<bool> failed_{false};
};

}  // namespace chronik::storage_log
