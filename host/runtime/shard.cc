#include "host/runtime/shard.h"

#include "host/observe/logger.h"
#include "host/runtime/runtime.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <fmt/format.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace chronik::host {
namespace {

constexpr uint64_t kHeartbeatNs = 500'000'000;
constexpr int kNiceness = -5;       // ahead of what is busy, but storage threads still get their share
constexpr uint32_t kShardBit = 24;  // of a timer's id, above its slot
constexpr size_t kKeptItems = 4096;
constexpr uint64_t kTurnNs = 5'000'000;  // after this long the rest waits for the next turn
constexpr uint64_t kRoundsNs = 200'000;  // for so long a turn goes on with what it has led to itself

thread_local Shard* t_current = nullptr;

}  // namespace

uint64_t monotonic_ns() {
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch() /
                               std::chrono::nanoseconds(1));
}

Shard::Shard(Runtime& runtime, uint32_t index)
    : runtime_(runtime), index_(index), ops_(index), heartbeat_ns_(monotonic_ns()) {}

Shard::~Shard() = default;

uint64_t Shard::now_ns() { return monotonic_ns(); }

Shard* Shard::current() { return t_current; }

void Shard::start() {
  thread_ = std::thread([this] { run(); });
}

void Shard::stop() {
  if (!thread_.joinable()) return;
  post(
      [](void* context) {
        auto* shard = static_cast<Shard*>(context);
        for (const Item& hook : shard->stop_) hook.fn(hook.context);
        shard->stopping_ = true;
      },
      this);
  thread_.join();
}

void Shard::run() {
  t_current = this;
  ::pthread_setname_np(::pthread_self(), fmt::format("chr-shard-{}", index_).c_str());
  raise_priority();
  const auto work = boost::asio::make_work_guard(io_);
  beat(this);
  try {
    io_.run();
  } catch (const std::exception& e) {
    runtime_.callback_threw(callback_, e.what());
  } catch (...) {
    runtime_.callback_threw(callback_, "of unknown type");
  }
  t_current = nullptr;
}

// So that a busy machine does not cost a leader its heartbeats.
void Shard::raise_priority() {
  if (::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNiceness) == 0) return;
  runtime_.logger().debug("runtime", "No raised priority for a shard thread; going on without it",
                          Fields().add("shard", index_).add("error", std::strerror(errno)));
}

void CHR_CALL Shard::beat(void* context) {
  auto* shard = static_cast<Shard*>(context);
  shard->heartbeat_ns_.store(monotonic_ns(), std::memory_order_relaxed);
  shard->timer_start(kHeartbeatNs, beat, shard);
}

void Shard::post(chr_fn fn, void* context) {
  if (t_current == this) {
    local_.push_back({fn, context});
    if (!turn_.is_on && !local_scheduled_) schedule_drain();
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    inbox_.push_back({fn, context});
    if (drain_scheduled_) return;
    drain_scheduled_ = true;
  }
  boost::asio::post(io_, as_turn([this] {
                      {
                        const std::lock_guard lock(mutex_);
                        drain_scheduled_ = false;
                      }
                      turn_.drain_due = true;
                    }));
}

void Shard::schedule_drain() {
  local_scheduled_ = true;
  // Each of the two drains clears its own mark, and none else does: one of each is queued at most, so that sockets and timers wait for
  // two turns at most, however many a turn of many rounds leads to.
  boost::asio::post(io_, as_turn([this] {
                      local_scheduled_ = false;
                      turn_.drain_due = true;
                    }));
}

// Runs what the handler of this turn has posted, and for a while what that posts: each look at the sockets is a call of the
// kernel. They and timers come in between where it takes longer. What is left of an earlier turn is for the drain.
void Shard::finish_turn(uint64_t begin_ns) {
  const bool is_drain = std::exchange(turn_.drain_due, false);
  const auto has_more = [this] { return next_ == running_.size() && (!local_.empty() || turn_.end_wanted); };
  bool refilled = true, was_idle = false;
  for (bool goes_on = is_drain || has_more(); goes_on;
       goes_on = has_more() && now_ns() < begin_ns + kRoundsNs) {
    refilled = next_ == running_.size();
    if (refilled) refill();
    was_idle = running_.empty();
    turn_.draining = true;
    run_items(begin_ns + kTurnNs);
    turn_.draining = turn_.end_wanted = false;
    end_turn();
  }
  turn_.is_on = false;
  if (std::exchange(turn_.end_wanted, false) && !local_scheduled_) end_turn_soon();
  // Where this was the rest of an earlier turn, the inbox's own drain may have been spent on it.
  const bool unfinished = next_ != running_.size();
  if ((unfinished || !refilled || !local_.empty()) && !local_scheduled_) schedule_drain();
  if (!is_drain || !stopping_ || local_scheduled_) return;
  if (was_idle) return io_.stop();
  schedule_drain();
}

// Replaces what has run by what was posted since.
void Shard::refill() {
  running_.clear();
  if (running_.capacity() > kKeptItems) running_.shrink_to_fit();
  next_ = 0;
  running_.swap(local_);
  const std::lock_guard lock(mutex_);
  if (running_.empty()) {
    running_.swap(inbox_);
  } else {
    running_.insert(running_.end(), inbox_.begin(), inbox_.end());
    inbox_.clear();
  }
}

void Shard::run_items(uint64_t until_ns) {
  while (next_ != running_.size()) {
    const Item item = running_[next_];
    if (item.fn == nullptr) {
      auto* const batch = static_cast<CompletionBatch*>(item.context);
      if (!deliver_some(*batch, until_ns)) return;
      delete batch;
      ++next_;
    } else {
      ++next_;
      callback_ = reinterpret_cast<const void*>(item.fn);
      item.fn(item.context);
    }
    if (now_ns() >= until_ns) return;
  }
}

void Shard::end_turn() {
  for (const Item& hook : turn_end_) hook.fn(hook.context);
  sums_.clear();
}

void Shard::end_turn_soon() {
  if (turn_.draining || end_scheduled_) return;
  if (turn_.is_on) {
    turn_.end_wanted = true;
    return;
  }
  end_scheduled_ = true;
  boost::asio::post(io_, as_turn([this] {
                      end_scheduled_ = false;
                      turn_.end_wanted = true;
                    }));
}

void Shard::complete(std::unique_ptr<CompletionBatch> batch) { post(nullptr, batch.release()); }

// False: the turn is over before the batch is.
bool Shard::deliver_some(CompletionBatch& batch, uint64_t until_ns) {
  while (batch.delivered != batch.completions.size()) {
    if (batch.delivered != 0 && now_ns() >= until_ns) return false;
    deliver_one(batch, batch.completions[batch.delivered++]);
  }
  return true;
}

void Shard::deliver_one(const CompletionBatch& batch, Completion& completion) {
  const Lease lease = Lease::adopt(completion.done.lease);
  OpTable::Op op;
  if (!ops_.end(completion.done.token, &op)) {
    runtime_.logger().error(
        *batch.from,
        "Plugin misbehaviour: completed an operation twice, or one that it was not given; ignored",
        Fields().add("token", fmt::format("{:#x}", completion.done.token)));
    return;
  }
  completion.done.message = to_abi(completion.message);
  callback_ = reinterpret_cast<const void*>(op.fn);
  op.fn(op.context, &completion.done);
}

uint64_t Shard::timer_start(uint64_t delay_ns, chr_fn fn, void* context) {
  const uint64_t now = monotonic_ns();
  const uint64_t due = delay_ns > INT64_MAX - now ? INT64_MAX : now + delay_ns;
  const uint64_t id = timers_.start(due, fn, context);
  if ((id & UINT32_MAX) >> kShardBit != 0)
    runtime_.fatal("runtime", "more than 16777216 timers on one shard");
  arm();
  return id | uint64_t{index_} << kShardBit;
}

bool Shard::timer_cancel(uint64_t timer) {
  if (timer == 0) return true;
  if ((timer >> kShardBit & 0xff) != index_) return false;
  timers_.cancel(timer & ~(uint64_t{0xff} << kShardBit));
  return true;
}

// One alarm for all timers; a cancelled earliest one only costs a wake-up.
void Shard::arm() {
  if (timers_.empty() || timers_.next_due_ns() >= armed_ns_) return;
  armed_ns_ = timers_.next_due_ns();
  alarm_.expires_at(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(armed_ns_)));
  alarm_.async_wait(as_turn([this](boost::system::error_code error) {
    if (!error) run_timers();
  }));
}

void Shard::run_timers() {
  const uint64_t now = monotonic_ns();
  if (now < armed_ns_) return;  // armed again for later after this alarm had rung
  armed_ns_ = 0;                // what starts below is armed at the end, at once
  const uint64_t limit = timers_.started();
  for (TimerQueue::Due due{}; timers_.pop_due(now, limit, &due);) {
    callback_ = reinterpret_cast<const void*>(due.fn);
    due.fn(due.context);
    if (now_ns() >= now + kTurnNs) break;  // the alarm rings at once for the rest
  }
  armed_ns_ = UINT64_MAX;
  arm();
}

}  // namespace chronik::host
