// Shard: one thread and its event loop. For the folders whose sockets and rings live on it: everybody else uses Runtime.
#pragma once

#include "host/runtime/op_table.h"
#include "host/runtime/slice_sums.h"
#include "host/runtime/timer_queue.h"
#include "host/runtime/turn_clock.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace chronik::host {

class Runtime;

// post() and complete() from any thread; everything else on the shard's own thread, unless it says otherwise.
class Shard {
 public:
  Shard(Runtime& runtime, uint32_t index);
  ~Shard();
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  // Control thread, before start(). fn(context) runs on the shard at the end of each of its turns; or once,
  // before the shard runs what is left and stops.
  void on_turn_end(chr_fn fn, void* context) { turn_end_.push_back({fn, context}); }
  void on_stop(chr_fn fn, void* context) { stop_.push_back({fn, context}); }

  // Control thread.
  void start();
  void stop();  // runs what was posted, then joins

  // The shard whose thread is calling, or null.
  static Shard* current();
  Runtime& runtime() { return runtime_; }
  uint32_t index() const { return index_; }
  boost::asio::io_context& io() { return io_; }

  void post(chr_fn fn, void* context);

  // Completions that arrive together. `from` names who completes.
  struct Completion {
    chr_done done;  // holds a reference of its lease
    std::string message;
  };
  struct CompletionBatch {
    const std::string* from;
    std::vector<Completion> completions;
    size_t delivered = 0;
  };
  void complete(std::unique_ptr<CompletionBatch> batch);

  uint64_t timer_start(uint64_t delay_ns, chr_fn fn, void* context);
  // False when the timer belongs to another shard: a broken rule.
  bool timer_cancel(uint64_t timer);
  uint64_t op_begin(chr_done_fn fn, void* context) { return ops_.begin(fn, context); }
  bool op_end(uint64_t token, OpTable::Op* op) { return ops_.end(token, op); }

  // A handler for io() that is a turn. What waits on io() is one.
  template <class F>
  auto as_turn(F fn) {
    return [this, fn = std::move(fn)](auto... arguments) mutable {
      const uint64_t begin = now_ns();
      turn_.is_on = true;
      fn(arguments...);
      finish_turn(begin);
      turns_.note(begin, now_ns());
    };
  }

  // Any thread.
  uint64_t last_heartbeat_ns() const { return heartbeat_ns_.load(std::memory_order_relaxed); }
  const TurnClock& turns() const { return turns_; }

  // What frames to several peers have in common. Whoever leaves something there calls end_turn_soon().
  SliceSums& sums() { return sums_; }
  // Has end_turn() run when this turn ends.
  void end_turn_soon();

 private:
  struct Item {
    chr_fn fn;  // null: the context is a CompletionBatch, which may take several turns
    void* context;
  };
  struct TurnState {
    bool is_on = false;
    bool drain_due = false;   // in this turn
    bool draining = false;    // in run_items()
    bool end_wanted = false;  // in this turn, though nothing was posted
  };
  static uint64_t now_ns();
  static void CHR_CALL beat(void* context);
  void run();
  void raise_priority();
  void schedule_drain();
  void finish_turn(uint64_t begin_ns);
  void refill();
  void run_items(uint64_t until_ns);
  bool deliver_some(CompletionBatch& batch, uint64_t until_ns);
  void deliver_one(const CompletionBatch& batch, Completion& completion);
  void end_turn();
  void run_timers();
  void arm();

  Runtime& runtime_;
  const uint32_t index_;
  boost::asio::io_context io_{1};
  SliceSums sums_;
  std::vector<Item> turn_end_;
  std::vector<Item> stop_;

  std::mutex mutex_;  // guards inbox_ and drain_scheduled_
  std::vector<Item> inbox_;
  bool drain_scheduled_ = false;

  std::vector<Item> local_;         // posted by this shard to itself
  std::vector<Item> running_;       // recycled
  size_t next_ = 0;                 // of running_
  const void* callback_ = nullptr;  // the code that was called last, for the message where it throws
  bool local_scheduled_ = false;
  TurnState turn_;
  bool end_scheduled_ = false;
  bool stopping_ = false;

  TimerQueue timers_;
  boost::asio::steady_timer alarm_{io_};
  uint64_t armed_ns_ = UINT64_MAX;
  OpTable ops_;
  std::atomic<uint64_t> heartbeat_ns_;
  TurnClock turns_;
  std::thread thread_;
};

}  // namespace chronik::host
