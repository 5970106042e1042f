// What of a store is running: a drain at most, and reads; and the stop that waits for them. Not thread-safe.
//
//   state    | drain, reads     | reads        | writes       | left by
//   idle     | none             | are accepted | are accepted | begin_drain(), begin_read()
//   busy     | one of them runs | are accepted | are accepted | the end of the last one: idle. The start counts as a drain
//   stopping | one of them runs | are refused  | are refused  | the end of the last one: stopped
//   stopped  | none             | -            | are refused  | never
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

namespace chronik::storage_lmdb {

class Activity {
 public:
  // False: a drain runs already.
  bool begin_drain() { return !std::exchange(is_draining_, true); }
  // Token of the stop that this completes, if it does. Nothing of the store may be touched after that.
  std::optional<uint64_t> end_drain();

  void begin_read() { ++reads_; }
  // As end_drain().
  std::optional<uint64_t> end_read();

  // True: there is nothing to wait for. Else the token comes back from the end of the last drain or read.
  bool begin_stop(uint64_t token);
  // Whether a stop waits.
  bool is_stopping() const { return stop_token_.has_value(); }
  // Whether a stop was asked for, be it complete or not.
  bool was_stopped() const { return was_stopped_; }

 private:
  bool is_idle() const { return !is_draining_ && reads_ == 0; }
  std::optional<uint64_t> take_stop_if_idle();

  bool is_draining_ = false;
  uint64_t reads_ = 0;  // accepted and not ended
  bool was_stopped_ = false;
  std::optional<uint64_t> stop_token_;
};

}  // namespace chronik::storage_lmdb
