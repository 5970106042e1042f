#include "metadata/service/sync_proposals.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

namespace chronik::metadata {

// The newest of what several batches say of one partition, and of two leaders in one term the first.
SyncBatch SyncProposals::merge(const std::vector<Waiting>& batches) const {
  SyncBatch out;
  std::map<std::pair<Uuid, int32_t>, size_t> places;
  for (const Waiting& batch : batches) {
    out.nodes.insert(out.nodes.end(), batch.what.nodes.begin(), batch.what.nodes.end());
    for (const Assignment& assignment : batch.what.assignments) {
      if (const int32_t rival = rival_(assignment); rival >= 0) {
        refused_({assignment, rival});
        continue;
      }
      const auto [place, is_new] =
          places.try_emplace({assignment.topic, assignment.partition}, out.assignments.size());
      if (is_new) {
        out.assignments.push_back(assignment);
        continue;
      }
      Assignment& present = out.assignments[place->second];
      if (present.term < assignment.term) present = assignment;
      if (present.term == assignment.term && present.leader != assignment.leader)
        refused_({assignment, present.leader});
    }
  }
  return out;
}

void SyncProposals::add_batch(SyncBatch what, Failed failed) {
  waiting_.push_back({std::move(what), std::move(failed)});
  propose_batches();
}

bool SyncProposals::is_urgent() const {
  size_t assignments = 0;
  for (const Waiting& batch : waiting_) {
    if (!batch.what.nodes.empty()) return true;
    assignments += batch.what.assignments.size();
  }
  return assignments >= kMaxAssignments;
}

// As many of the oldest as one entry holds.
std::vector<SyncProposals::Waiting> SyncProposals::take_batches() {
  size_t assignments = 0;
  auto end = waiting_.begin();
  for (; end != waiting_.end(); ++end) {
    assignments += end->what.assignments.size();
    if (end != waiting_.begin() && assignments > kMaxAssignments) break;
  }
  std::vector<Waiting> out(std::make_move_iterator(waiting_.begin()), std::make_move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  return out;
}

void SyncProposals::propose_batches() {
  if (in_flight_ || waiting_.empty()) return;
  const uint64_t now = host_.now_ns();
  if (now - last_ns_ > kQuietNs) spacing_ns_ = 0;
  if (now < last_ns_ + spacing_ns_ && !is_urgent()) {
    if (timer_ == 0) timer_ = host_.timer(last_ns_ + spacing_ns_ - now, timer_fired, this);
    return;
  }
  host_.cancel_timer(std::exchange(timer_, 0));
  const auto batches = std::make_shared<std::vector<Waiting>>(take_batches());
  SyncBatch what = merge(*batches);
  if (what.assignments.empty() && what.nodes.empty()) return propose_batches();
  last_ns_ = now;
  spacing_ns_ = std::clamp(2 * spacing_ns_, kMinSpacingNs, kMaxSpacingNs);
  in_flight_ = true;
  const Status proposed = propose_(std::move(what), [this, batches](const Status& committed) {
    in_flight_ = false;
    if (!committed) fail_batches(std::move(*batches), committed.error());
    propose_batches();
  });
  if (proposed) return;
  in_flight_ = false;
  fail_batches(std::move(*batches), proposed.error());
  propose_batches();
}

void SyncProposals::give_up(const Error& reason) {
  host_.cancel_timer(std::exchange(timer_, 0));
  spacing_ns_ = 0;
  fail_batches(std::exchange(waiting_, {}), reason);
}

// Later, since who added a batch may be in the middle of something.
void SyncProposals::fail_batches(std::vector<Waiting> batches, const Error& reason) {
  if (batches.empty()) return;
  home_->post([batches = std::move(batches), reason] {
    for (const Waiting& batch : batches) batch.failed(reason);
  });
}

void SyncProposals::timer_fired(void* self) {
  auto* proposals = static_cast<SyncProposals*>(self);
  proposals->timer_ = 0;
  proposals->propose_batches();
}

}  // namespace chronik::metadata
