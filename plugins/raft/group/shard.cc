#include "raft/group/shard.h"

#include "raft/group/group.h"

#include <algorithm>
#include <utility>

namespace chronik::raft {
namespace {

constexpr Nanos kCoalescedBeyond = 250'000'000;  // deadlines as far away come together
constexpr Nanos kCoalescedSlot = 16'000'000;     // within so much
constexpr size_t kMovesAtOnce = 4;               // of leadership, to preferred members
constexpr Nanos kMinBalancePause = 50'000'000;   // between looks whether there are any
constexpr Nanos kMaxBalancePause = 1'000'000'000;
constexpr uint64_t kMinTailBytes = 64u << 10;  // of one group
constexpr uint64_t kMaxTailBytes = 4u << 20;

}  // namespace

Shard::~Shard() = default;

Group* Shard::find(uint64_t group) const {
  const auto found = groups_.find(group);
  return found == groups_.end() ? nullptr : found->second.get();
}

Group* Shard::add_group(std::shared_ptr<Group> group) {
  Group* const raw = group.get();
  groups_.emplace(raw->hash, std::move(group));
  services_->host.add(services_->metrics.groups, 1);
  return raw;
}

void Shard::remove(Group* group) {
  const uint64_t hash = group->hash;
  if (groups_.erase(hash) > 0) services_->host.add(services_->metrics.groups, -1);
  claims_.visit(hash, [&](NodeId peer, const LeaderClaims::Known&) { claims_.reject(peer, hash); });
  finish_stop();
}

void Shard::mark(Group* group) {
  if (std::exchange(group->schedule().marked, true)) return;
  marked_.push_back(std::static_pointer_cast<Group>(group->shared_from_this()));
  schedule_turn();
}

void Shard::mark_by_hash(uint64_t hash) {
  if (Group* const group = find(hash)) mark(group);
}

void Shard::schedule_turn() {
  if (turn_scheduled_) return;
  turn_scheduled_ = true;
  services_->host.post(index_, turn, this);
}

void Shard::turn(void* self) {
  auto* shard = static_cast<Shard*>(self);
  shard->turn_scheduled_ = false;
  shard->turning_.swap(shard->marked_);
  for (const auto& group : shard->turning_) {
    group->schedule().marked = false;
    group->turn();
    shard->arm(group.get(), group->next_deadline());
  }
  shard->turning_.clear();
  shard->windows_.resume(shard->services_->settings.max_append_bytes,
                         [shard](uint64_t group) { shard->mark_by_hash(group); });
  shard->send_messages();
  shard->writes_.send();
  if (!shard->done_.empty()) {
    const std::vector<chr_done> done = std::exchange(shard->done_, {});
    shard->services_->host.complete(done.data(), static_cast<uint32_t>(done.size()));
  }
}

void Shard::write(Write write, WriteQueue::Done done) {
  writes_.add(std::move(write), std::move(done), now());
  schedule_turn();
}

void Shard::complete(uint64_t token, chr_status code, std::string_view message) {
  chr_done done{};
  done.token = token;
  done.code = code;
  done.message = to_abi(message);
  done_.push_back(done);
  schedule_turn();
}

void Shard::link(NodeId peer, bool up) {
  std::erase(links_, peer);
  if (up) links_.push_back(peer);
  claims_.forget_peer(peer);
  if (up && index_ == 0) send_heartbeat(peer);
  for_each([&](Group* group) { group->link(peer, up); });
}

uint64_t Shard::tail_bytes() const {
  const uint64_t share = services_->settings.tail_cache_bytes / std::max<size_t>(groups_.size(), 1);
  return std::clamp(share, kMinTailBytes, kMaxTailBytes);
}

void Shard::arm(Group* group, Nanos due) {
  if (due >= group->schedule().armed) return;
  group->schedule().armed = due;
  deadlines_.emplace(due, group->hash);
  start_timer();
}

void Shard::start_timer() {
  if (deadlines_.empty()) return;
  const Nanos at = now();
  Nanos due = deadlines_.top().first;
  if (due > at + kCoalescedBeyond) due = (due / kCoalescedSlot + 1) * kCoalescedSlot;
  if (due >= timer_due_) return;
  services_->host.cancel_timer(timer_);
  timer_due_ = due;
  timer_ = services_->host.timer(due > at ? due - at : 0, on_timer, this);
}

void Shard::on_timer(void* self) {
  auto* shard = static_cast<Shard*>(self);
  shard->timer_ = 0;
  shard->timer_due_ = UINT64_MAX;
  shard->tick();
}

void Shard::tick() {
  const Nanos at = now();
  std::vector<Group*> due;
  for (; !deadlines_.empty() && deadlines_.top().first <= at; deadlines_.pop()) {
    Group* const group = find(deadlines_.top().second);
    if (group == nullptr || group->schedule().armed != deadlines_.top().first) continue;
    group->schedule().armed = UINT64_MAX;  // at once: a deadline may be there twice
    due.push_back(group);
  }
  for (Group* group : due) {
    group->tick(at);
    arm(group, group->next_deadline());
  }
  start_timer();
}

// Looked at often, and done a few at a time: every move costs its group a moment.
void Shard::balance() {
  const Settings& settings = services_->settings;
  if (settings.leader_balance == 0) return;
  size_t moved = 0;
  for (auto at = groups_.begin(); at != groups_.end() && moved < kMovesAtOnce; ++at)
    moved += at->second->hand_over().balance() ? 1 : 0;
  const Nanos pause = std::clamp(settings.leader_balance / 8, kMinBalancePause, kMaxBalancePause);
  balance_timer_ = services_->host.timer(pause, on_balance, this);
}

void Shard::on_balance(void* self) {
  auto* shard = static_cast<Shard*>(self);
  shard->balance_timer_ = 0;
  shard->balance();
}

void Shard::stop(std::function<void()> done) {
  stopped_ = std::move(done);
  std::vector<std::shared_ptr<Group>> all;
  for (const auto& [name, group] : groups_) all.push_back(group);
  // A close that is under way ends as it was asked for, and whoever asked hears of it.
  for (const auto& group : all)
    if (!group->closing) group->close(CHR_CLOSE_PLAIN, 0);
  finish_stop();
}

void Shard::finish_stop() {
  if (!stopped_ || !groups_.empty() || !writes_.is_settled()) return;
  services_->host.cancel_timer(std::exchange(timer_, 0));
  writes_.cancel_retry();
  services_->host.cancel_timer(std::exchange(heartbeat_timer_, 0));
  services_->host.cancel_timer(std::exchange(balance_timer_, 0));
  // A turn may still be posted; what is posted after it is the last thing that this shard does.
  services_->host.post(index_, [done = std::exchange(stopped_, nullptr)] { done(); });
}

}  // namespace chronik::raft
