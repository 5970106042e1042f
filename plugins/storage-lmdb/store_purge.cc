// What of the store removes what is gone: slice by slice, in the drain, and only what was read beforehand.
#include "storage-lmdb/store.h"

#include <algorithm>

namespace chronik::storage_lmdb {
namespace {

constexpr Slice kPurgeAlone = {1024, 64u << 20, 4'000'000};
constexpr Slice kPurgeBesideWrites = {256, 16u << 20, 1'000'000};
constexpr uint64_t kStaysWarmNs = 5'000'000'000;
constexpr uint64_t kMakeRowsEvery = 16;  // commits: it takes some itself

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
  in_the_way_ = queue_.held();
  wants_purge_ = true;
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
  std::optional<uint64_t> next;
  {
    const std::lock_guard lock(mutex_);
    if (!warmed_.empty()) warm_at_ns_ = host_.now_ns();
    warm_.merge(warmed_);
    warmed_.clear();
    // What was read long ago may have left memory.
    if (host_.now_ns() - warm_at_ns_ > kStaysWarmNs) warm_.clear();
    if (looking_ahead_ || stop_token_ || failed_ || (!wants_purge_ && !warm_.empty())) return;
    for (const uint64_t id : to_purge_now()) {
      if (warm_.contains(id) || has_to_wait(id)) continue;
      next = id;
      break;
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

const std::set<uint64_t>& Store::to_purge_now() const {
  return in_the_way_.empty() || needs_all_ ? groups_.to_purge() : in_the_way_;
}

bool Store::can_purge() const {
  return std::ranges::any_of(to_purge_now(), [this](uint64_t id) { return warm_.contains(id); });
}

bool Store::maintain() {
  {
    const std::lock_guard lock(mutex_);
    if (failed_) return false;
  }
  if (wants_purge_ && can_purge()) return purge_alone();  // where it fails, the next drain tries again
  if (scattered_.goes_on && make_rows_by_moving(scattered_.wanted)) return true;
  if (!space_->wants_more()) return false;
  space_->extend();
  return true;
}

bool Store::purge_alone() {
  uint64_t spoiler = 0;
  const Status status = purge(&spoiler);
  const bool was_refused = std::exchange(purge_is_refused_, !status);
  if (status) return true;
  if (status.error().code == Code::kCorrupt && spoiler != 0) {
    give_up_purge(spoiler, status.error());
    return true;
  }
  if (status.error().code != Code::kNoSpace) fail_store(status.error());
  if (!was_refused) host_.warn("cannot remove what was dropped yet: " + status.error().message);
  return false;
}

bool Store::wants_purge() {
  {
    const std::lock_guard lock(mutex_);
    needs_all_ = full_;
    in_the_way_ = queue_.held();
  }
  if (needs_all_ || !in_the_way_.empty()) return true;
  if (space_->lacks_pages() || space_->will_lack_room(supply_->demand())) return true;
  if (!supply_->is_short()) return false;
  if (can_purge() && supply_->may_look()) look_at_free_pages();
  return supply_->is_short();
}

Slice Store::slice(Slice most) const {
  if (!needs_all_ && in_the_way_.empty()) most.bytes = std::min(most.bytes, supply_->portion());
  return most;
}

Status Store::purge_in(Transaction& transaction, Slice most, uint64_t* spoiler) {
  WarmBelow now;
  for (const uint64_t id : to_purge_now()) {
    if (auto known = warm_.extract(id)) now.insert(std::move(known));
  }
  const Status status = contain([&] { return transaction.purge(slice(most), now, purge_turn_); });
  warm_.merge(now);
  *spoiler = transaction.purging();
  return status;
}

Status Store::purge_beside_writes(Transaction& transaction, uint64_t* spoiler) {
  return wants_purge_ ? purge_in(transaction, kPurgeBesideWrites, spoiler) : Status{};
}

Supply::Rows Store::rows_of(const Batch& batch) const {
  Supply::Rows rows;
  for (const OwnedWrite& write : batch)
    for (const chr_storage_step& step : write.steps()) {
      if (step.type != CHR_STORAGE_APPEND) continue;
      for (const chr_entry& entry : std::span(step.entries, step.n))
        rows.add(sizeof(RecordHead) + entry.payload.n, env_->page_size());
    }
  return rows;
}

void Store::make_rows(const Supply::Rows& rows) {
  supply_->expect(rows);
  if (supply_->has(rows) || commits_since_rows_ < kMakeRowsEvery || !can_purge()) return;
  look_at_free_pages();
  // Where leases keep what is free from being used, they would keep this too.
  if (supply_->has(rows) || generations_->pressure(host_.now_ns()).leases != 0) return;
  commits_since_rows_ = 0;
  remove_for_now();
}

bool Store::remove_for_now() { return can_purge() && purge_alone() && could_ripen(); }

bool Store::could_ripen() {
  const Status status = ripen_freed_pages();
  if (!status && status.error().code != Code::kNoSpace) fail_store(status.error());
  return status.has_value();
}

void Store::look_at_free_pages() {
  const auto free = contain([&] { return FreePages::read(generations_->transactions()); });
  if (free) supply_->looked(*free, generations_->pressure(host_.now_ns()).waiting_bytes);
}

void Store::give_up_purge(uint64_t group, const Error& error) {
  host_.error("what is left of a log cannot be removed: " + error.message);
  groups_.give_up_purge(group);
  warm_.erase(group);
}

Status Store::purge(uint64_t* spoiler) {
  Transaction transaction(host_, *env_, groups_);
  CHRONIK_CHECK(transaction.begin());
  CHRONIK_CHECK(purge_in(transaction, kPurgeAlone, spoiler));
  CHRONIK_CHECK(contain([&] { return transaction.commit(*space_); }));
  generations_->freed(transaction.effect().freed, space_->live_bytes(), host_.now_ns());
  supply_->removed(transaction.effect().rows_removed);
  note_sizes();
  return {};
}

}  // namespace chronik::storage_lmdb
