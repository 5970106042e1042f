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

bool HeldAppends::queue_behind_early(AppendDone& done, size_t bytes, Again again) {
  if (early_appends_.size() >= kMaxHeld || early_bytes_ >= kMaxEarlyBytes) return false;
  early_bytes_ += bytes;
  early_appends_.push_back({std::move(done), {}, std::move(again), bytes});
  return true;
}

void HeldAppends::wait_for_room(AppendDone done, size_t bytes, Again again) {
  found_room_ = false;
  if (appending_early_) {
    early_appends_.front().done = std::move(done);
    return;
  }
  early_bytes_ += bytes;
  early_appends_.push_front({std::move(done), {}, std::move(again), bytes});
  append_early_later();
}

void HeldAppends::append_early_later() {
  if (room_timer_ != 0) return;
  room_timer_ = replica_.context().host.timer(
      kTryAgainNs,
      [](void* context) {
        auto* const self = static_cast<HeldAppends*>(context);
        self->room_timer_ = 0;
        self->append_early();
      },
      this);
}

void HeldAppends::end_moment() {
  replica_.context().host.cancel_timer(std::exchange(timer_, 0));
  // Where this node does not lead, what waited for room is told so at once.
  const bool waited = !replica_.leads() && room_timer_ != 0;
  if (waited) replica_.context().host.cancel_timer(std::exchange(room_timer_, 0));
  const bool posted = !early_appends_.empty() && !waited;
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
  appending_early_ = true;
  // mutant early-reordered: for (; !early_appends_.empty(); early_appends_.pop_back())
  //     early_appends_.back().again(std::move(early_appends_.back().done));
  while (!early_appends_.empty() && append_first()) early_appends_.pop_front();
  appending_early_ = false;
  if (!early_appends_.empty()) append_early_later();
}

// False: there is no room for it.
bool HeldAppends::append_first() {
  const size_t bytes = early_appends_.front().bytes;
  Again again =
      std::move(early_appends_.front().again);  // more may come behind it meanwhile, and move the queue
  found_room_ = true;
  again(std::move(early_appends_.front().done));
  if (found_room_)
    early_bytes_ -= bytes;
  else
    early_appends_.front().again = std::move(again);
  return found_room_;
}

}  // namespace chronik::kafka
