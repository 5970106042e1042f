#include "kafka-proto/partition/held_appends.h"

#include <utility>

namespace chronik::kafka {

void HeldAppends::answer(AppendDone done, Appended answer) {
  if (answer.error != ErrorCode::kNotLeaderOrFollower) return done(std::move(answer));
  hold(std::move(done), std::move(answer), nullptr);
}

void HeldAppends::hold(AppendDone done, Appended answer, Again again) {
  if (!replica_.leadership_moves() || held_.size() >= kMaxHeld) return done(std::move(answer));
  held_.push_back({std::move(done), std::move(answer), std::move(again)});
  end_moment_later();
}

void HeldAppends::end_moment_later() {
  if (timer_ != 0) return;
  timer_ = replica_.context().host.timer(
      Replica::kMomentNs,
      [](void* context) {
        auto* const self = static_cast<HeldAppends*>(context);
        self->timer_ = 0;
        self->end_moment();
      },
      this);
}

void HeldAppends::end_moment() {
  replica_.context().host.cancel_timer(std::exchange(timer_, 0));
  const bool posted = !early_appends_.empty();
  std::vector<Held> answered;
  for (Held& each : std::exchange(held_, {})) {
    const bool early = replica_.leads() && each.again != nullptr;
    early ? early_appends_.push_back(std::move(each)) : answered.push_back(std::move(each));
  }
  for (Held& each : answered) each.done(std::move(each.answer));
  polls_.wake();
  // Later, since consensus is in the middle of telling who leads.
  if (!posted && !early_appends_.empty())
    replica_.context().host.post(replica_.shard(), [this, owner = replica_.owner()] { append_early(); });
}

// Each stays in front while it is appended:
// what comes meanwhile, perhaps on its connection, goes behind the others.
void HeldAppends::append_early() {
  // mutant early-reordered: for (; !early_appends_.empty(); early_appends_.pop_back())
  //     early_appends_.back().again(std::move(early_appends_.back().done));
  for (; !early_appends_.empty(); early_appends_.pop_front())
    early_appends_.front().again(std::move(early_appends_.front().done));
}

}  // namespace chronik::kafka
