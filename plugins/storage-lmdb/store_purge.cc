// What of the store removes what is gone: slice by slice, in the drain, and only what was read beforehand.
#include "store.h"

#include <algorithm>

namespace chronik::storage_lmdb {
namespace {

constexpr Slice kPurgeAlone = {1024, 64u << 20, 4'000'000};

}  // namespace

bool Store::comes_below_purge(const OwnedWrite& write) const {
  Group group;
  if (!groups_.to_purge().contains(write.group()) || !groups_.checkout(write.group(), &group)) return false;
  return std::ranges::any_of(write.steps(), [&group](const chr_storage_step& step) {
    return step.type == CHR_STORAGE_APPEND && step.n != 0 && step.entries[0].header.index < group.purge_below;
  });
}

void Store::set_aside(Batch& batch) {
  if (groups_.to_purge().empty() || purge_is_refused_) return;
  std::set<uint64_t> held;
  for (const OwnedWrite& write : batch) {
    if (comes_below_purge(write)) held.insert(write.group());
  }
  const std::lock_guard lock(mutex_);
  std::erase_if(held, [this](uint64_t group) { return has_to_wait(group); });
  if (held.empty() || stop_token_ || failed_) return;
  Batch now;
  Batch later;
  for (OwnedWrite& write : batch) (held.contains(write.group()) ? later : now).push_back(std::move(write));
  for (const uint64_t group : held) queue_.hold(group);
  queue_.put_back(std::move(later));
  batch.swap(now);
}

void Store::release_held(bool all) {
  const std::set<uint64_t> held = queue_.held();
  for (const uint64_t group : held) {
    if (all || purge_is_refused_ || has_to_wait(group) || !groups_.to_purge().contains(group))
      queue_.release(group);
  }
}

void Store::look_ahead() {
  if (groups_.to_purge().empty()) return;
  std::optional<uint64_t> next;
  {
    const std::lock_guard lock(mutex_);
    warm_.merge(warmed_);
    warmed_.clear();
    if (looking_ahead_ || stop_token_ || failed_) return;
    for (const uint64_t id : groups_.to_purge()) {
      if (!next && !warm_.contains(id) && !has_to_wait(id)) next = id;
    }
    if (!next) return;
    looking_ahead_ = true;
    ++reads_;
  }
  Group group;
  groups_.checkout(*next, &group);
  const uint64_t end = group.dropped ? UINT64_MAX : group.purge_below;
  read_lane_->run([this, id = *next, end] {
    looked_ahead(id, contain([&] { return warm(*env_, generations_->transactions(), id, end); }));
    end_read();
  });
}

void Store::looked_ahead(uint64_t group, const Result<uint64_t>& below) {
  if (!below) host_.warn("cannot remove what was dropped or trimmed: " + below.error().message);
  bool start_drain = false;
  {
    const std::lock_guard lock(mutex_);
    looking_ahead_ = false;
    if (below)
      warmed_[group] = *below;
    else
      (below.error().code == Code::kCorrupt ? unreadable_ : not_now_).insert(group);
    if (!stop_token_ || !queue_.is_idle()) start_drain = !std::exchange(draining_, true);
  }
  if (start_drain) host_.blocking([this] { drain(); });
}

bool Store::can_purge() const {
  return std::ranges::any_of(groups_.to_purge(), [this](uint64_t id) { return warm_.contains(id); });
}

bool Store::maintain() {
  {
    const std::lock_guard lock(mutex_);
    if (failed_) return false;
  }
  if (can_purge()) {
    uint64_t spoiler = 0;
    const Status status = purge(&spoiler);
    purge_is_refused_ = !status;
    if (status) return true;
    if (status.error().code == Code::kCorrupt && spoiler != 0) {
      give_up_purge(spoiler, status.error());
      return true;
    }
    if (status.error().code != Code::kNoSpace) fail_store(status.error());
    host_.warn("cannot remove what was dropped yet: " + status.error().message);
    return false;  // the next drain tries again
  }
  if (!space_->wants_more()) return false;
  space_->extend();
  return true;
}

void Store::give_up_purge(uint64_t group, const Error& error) {
  host_.error("what is left of a log cannot be removed: " + error.message);
  groups_.give_up_purge(group);
  warm_.erase(group);
}

Status Store::purge(uint64_t* spoiler) {
  Transaction transaction(host_, *env_, groups_);
  CHRONIK_CHECK(transaction.begin());
  if (const Status status = contain([&] { return transaction.purge(kPurgeAlone, warm_); }); !status) {
    *spoiler = transaction.purging();
    return status;
  }
  CHRONIK_CHECK(contain([&] { return transaction.commit(*space_); }));
  generations_->freed(transaction.effect().freed, space_->live_bytes(), host_.now_ns());
  return {};
}

}  // namespace chronik::storage_lmdb
