// LoadTurns: which group of a shard reads its snapshot from storage and loads it. What was read is held until all of
// it is loaded, so that one does at a time: a shard that starts would hold the states of all its groups otherwise.
//
//   a load is | until
//   waiting   | those before it have ended, or nobody wants it any more
//   loading   | its Turn is gone
#pragma once

#include <chronik/host.hpp>

#include <algorithm>
#include <deque>
#include <functional>
#include <iterator>
#include <memory>
#include <utility>

namespace chronik::raft {

// Belongs to one shard. Turns may outlive it.
class LoadTurns {
 public:
  using Turn = std::shared_ptr<const void>;
  using IsWanted = std::function<bool()>;
  // Without a turn: nobody wants the load any more.
  using Begin = std::function<void(Turn)>;

  LoadTurns(const Host& host, uint32_t shard) : state_(std::make_shared<State>(host, shard)) {}

  // begin() comes once, at once or later.
  void wait_for_turn(IsWanted is_wanted, Begin begin) {
    state_->waiting.push_back({std::move(is_wanted), std::move(begin)});
    begin_next(state_);
  }
  // After something that loads may not be wanted for.
  void drop_unwanted() {
    std::deque<Waiting> unwanted;
    const auto first = std::stable_partition(state_->waiting.begin(), state_->waiting.end(),
                                             [](const Waiting& each) { return each.is_wanted(); });
    std::move(first, state_->waiting.end(), std::back_inserter(unwanted));
    state_->waiting.erase(first, state_->waiting.end());
    for (const Waiting& each : unwanted) each.begin(nullptr);
  }

 private:
  struct Waiting {
    IsWanted is_wanted;
    Begin begin;
  };
  struct State {
    State(const Host& on, uint32_t of) : host(on), shard(of) {}
    const Host& host;
    const uint32_t shard;
    bool taken = false;
    std::deque<Waiting> waiting;
  };

  static void begin_next(const std::shared_ptr<State>& state) {
    if (state->taken || state->waiting.empty()) return;
    state->taken = true;
    const Waiting next = std::move(state->waiting.front());
    state->waiting.pop_front();
    next.begin(Turn(state.get(), [weak = std::weak_ptr<State>(state)](const void*) { end_turn(weak); }));
  }
  // The next one begins in a turn of its own.
  static void end_turn(const std::weak_ptr<State>& weak) {
    const std::shared_ptr<State> state = weak.lock();
    if (state == nullptr) return;
    state->taken = false;
    if (state->waiting.empty()) return;
    state->host.post(state->shard, [weak] {
      if (const std::shared_ptr<State> still = weak.lock()) begin_next(still);
    });
  }

  const std::shared_ptr<State> state_;
};

}  // namespace chronik::raft
