// What the groups of a shard write, in as few calls of storage as fit.
//
// A write is, one after the other:
//
//   waiting     add()                              -> in flight  send(): storage took it
//                                                  -> waiting    its queue is full: again 5 ms later
//                                                  -> settled    storage finds it wrong
//   in flight   storage completed it, or failed it -> settled    done() has run
#pragma once

#include "raft/group/in_flight.h"
#include "raft/group/services.h"
#include "raft/log/write.h"

#include <chronik/invariant.hpp>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace chronik::raft {

// Belongs to one shard.
class WriteQueue {
 public:
  using Done = std::function<void(const Status&)>;

  // settled: after each write of which everybody has heard.
  WriteQueue(Services* services, std::function<void()> settled)
      : services_(services), settled_(std::move(settled)) {}

  // Votes and the like go before what other groups wait to write, also where storage has no room for that.
  void add(Write write, Done done, Nanos now);
  void send();
  // Nobody waits for a write.
  bool is_settled() const { return unsettled_ == 0; }
  // When storage last finished something.
  Nanos storage_alive() const { return alive_; }
  // A write that never comes back stops its group without a word; whose fault it is shows here alone.
  void warn_of_silence(Nanos at);
  void cancel_retry();

 private:
  struct Pending : InFlight<Pending>::Link {
    Pending(WriteQueue* of, Write what, Done then, Nanos at)
        : queue(of), write(std::move(what)), done(std::move(then)), since(at) {}
    WriteQueue* queue;
    Write write;
    Done done;
    Nanos since;
  };

  static void CHR_CALL written(void* pending, const chr_done* done);
  static void CHR_CALL on_retry(void* queue);
  bool send_first(size_t n);
  void settle_one();

  Services* const services_;
  const std::function<void()> settled_;
  std::vector<std::unique_ptr<Pending>> writes_;
  size_t keys_first_ = 0;  // so many at the front of writes_ are votes and the like
  size_t unsettled_ = 0;   // those of which nobody heard yet
  std::vector<chr_storage_write> calls_;
  InFlight<Pending> in_flight_;
  uint64_t retry_timer_ = 0;
  Nanos alive_ = 0;
  Nanos say_silent_at_ = 0;
};

}  // namespace chronik::raft
