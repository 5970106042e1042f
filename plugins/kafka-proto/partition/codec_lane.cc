#include "kafka-proto/partition/codec_lane.h"

#include <algorithm>
#include <utility>

namespace chronik::kafka {
namespace {

constexpr uint64_t kBiggestFirstEvery = 4;  // turns

}  // namespace

void CodecLane::run_job(Client client, Job job) {
  {
    const std::lock_guard lock(mutex_);
    add_job(client, 0, std::move(job));
    if (workers_ == kAtOnce) return;
    ++workers_;
  }
  host_.blocking([self = shared_from_this()] { self->run_turns(); });
}

void CodecLane::add_job(Client client, size_t level, Job job) {
  std::deque<Job>& jobs = levels_[level].jobs[client];
  if (jobs.empty()) levels_[level].order.push_back(client);
  jobs.push_back(std::move(job));
  ++waiting_;
}

// A blocking thread, until nothing is left that may start. What may not start is long, and those that run
// long turns come here again.
void CodecLane::run_turns() {
  std::unique_lock lock(mutex_);
  while (std::optional<Turn> turn = next_turn()) {
    lock.unlock();
    const bool done = turn->job(kTurns[turn->level]);
    if (done) turn->job = nullptr;  // with all that it holds, and not under the lock
    lock.lock();
    running_.erase(std::ranges::find(running_, turn->client));
    if (turn->level == kLong) --long_running_;
    if (!done) add_job(turn->client, std::min(turn->level + 1, kLong), std::move(turn->job));
  }
  --workers_;
}

std::optional<CodecLane::Turn> CodecLane::next_turn() {
  if (waiting_ == 0) return std::nullopt;
  const bool largest_first = ++turns_ % kBiggestFirstEvery == 0;
  const auto is_free = [this](Client client) {
    return std::ranges::find(running_, client) == running_.end();
  };
  for (const bool others_first : {true, false}) {
    for (size_t i = 0; i < levels_.size(); ++i) {
      const size_t level = largest_first ? kLong - i : i;
      if (level == kLong && long_running_ == kLongAtOnce) continue;
      std::deque<Client>& order = levels_[level].order;
      const auto at = others_first ? std::ranges::find_if(order, is_free) : order.begin();
      if (at != order.end()) return take_turn(level, static_cast<size_t>(at - order.begin()));
    }
  }
  return std::nullopt;
}

CodecLane::Turn CodecLane::take_turn(size_t level, size_t place) {
  Level& here = levels_[level];
  const Client client = here.order[place];
  here.order.erase(here.order.begin() + static_cast<std::ptrdiff_t>(place));
  const auto jobs = here.jobs.find(client);
  Turn turn{client, level, std::move(jobs->second.front())};
  jobs->second.pop_front();
  if (jobs->second.empty()) {
    here.jobs.erase(jobs);
  } else {
    here.order.push_back(client);
  }
  // Nobody is there to be held up: all in one turn.
  if (--waiting_ == 0 && long_running_ < kLongAtOnce) turn.level = kLong;
  if (turn.level == kLong) ++long_running_;
  running_.push_back(client);
  return turn;
}

}  // namespace chronik::kafka
