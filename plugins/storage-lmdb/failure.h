// The failure of a store: its disk refused a write or a sync, so what it holds now
// is not known. [any] thread.
//
//   state   | writes          | left by
//   serving | are taken       | fail()
//   failed  | are refused, IO | never: the host ends the node, and others lead
#pragma once

#include <chronik/host.hpp>

#include <atomic>
#include <mutex>
#include <string>

namespace chronik::storage_lmdb {

class StoreFailure {
 public:
  explicit StoreFailure(Host host) : host_(host) {}

  // Refuses all writes from now on, and asks the host to end the node.
  void fail(const Error& error);
  bool has_failed() const { return failed_.load(std::memory_order_acquire); }
  // Why it failed.
  std::string message() const;

 private:
  Host host_;
  mutable std::mutex mutex_;  // message_
  std::string message_;
  std::atomic<bool> failed_{false};
};

}  // namespace chronik::storage_lmdb
