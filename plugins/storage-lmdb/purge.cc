#include "storage-lmdb/purge.h"

#include <algorithm>

namespace chronik::storage_lmdb {
namespace {

constexpr Slice kPurgeAlone = {1024, 64u << 20, 4'000'000};
constexpr Slice kPurgeBesideWrites = {256, 16u << 20, 1'000'000};
constexpr uint64_t kStaysWarmNs = 5'000'000'000;
constexpr uint64_t kMakeRowsEvery = 16;  // commits: it takes some itself

}  // namespace

// ---- what is wanted ----

void Purge::begin_round(bool store_is_full, std::set<uint64_t> held) {
  needs_all_ = store_is_full;
  in_the_way_ = std::move(held);
  is_wanted_ = needs_all_ || !in_the_way_.empty() || finds_pages_short();
}

bool Purge::finds_pages_short() {
  Supply& supply = parts_.supply;
  if (parts_.space.lacks_pages() || parts_.space.will_lack_room(supply.demand())) return true;
  if (!supply.is_short()) return false;
  if (can_remove() && supply.may_look()) parts_.look_at_free_pages();
  return supply.is_short();
}

void Purge::hurry(std::set<uint64_t> held) {
  in_the_way_ = std::move(held);
  is_wanted_ = true;
}

bool Purge::comes_below(const OwnedWrite& write) const {
  Group group;
  if (!parts_.groups.to_purge().contains(write.group()) || !parts_.groups.checkout(write.group(), &group))
    return false;
  return std::ranges::any_of(write.steps(), [&group](const chr_storage_step& step) {
    return step.type == CHR_STORAGE_APPEND && step.n != 0 && step.entries[0].header.index < group.purge_below;
  });
}

std::set<uint64_t> Purge::find_blocked(const WriteQueue::Batch& batch) const {
  std::set<uint64_t> blocked;
  if (parts_.groups.to_purge().empty() || is_refused_) return blocked;
  for (const OwnedWrite& write : batch) {
    if (comes_below(write)) blocked.insert(write.group());
  }
  return blocked;
}

const std::set<uint64_t>& Purge::groups_now() const {
  return in_the_way_.empty() || needs_all_ ? parts_.groups.to_purge() : in_the_way_;
}

// ---- what is in memory ----

void Purge::add_warm(WarmBelow news, uint64_t now_ns) {
  if (!news.empty()) warm_at_ns_ = now_ns;
  warm_.merge(news);
  if (now_ns - warm_at_ns_ > kStaysWarmNs) warm_.clear();
}

uint64_t Purge::end_of_gone(uint64_t group) const {
  Group found;
  parts_.groups.checkout(group, &found);
  return found.dropped ? UINT64_MAX : found.purge_below;
}

bool Purge::can_remove() const {
  return std::ranges::any_of(groups_now(), [this](uint64_t id) { return warm_.contains(id); });
}

// ---- removals ----

bool Purge::remove_slice() {
  uint64_t spoiler = 0;
  const Status status = remove_alone(&spoiler);
  const bool was_refused = std::exchange(is_refused_, !status);
  if (status) return true;
  if (status.error().code == Code::kCorrupt && spoiler != 0) {
    give_up(spoiler, status.error());
    return true;
  }
  if (status.error().code != Code::kNoSpace) parts_.failure.fail(status.error());
  if (!was_refused) parts_.host.warn("cannot remove what was dropped yet: " + status.error().message);
  return false;
}

bool Purge::remove_for_now() { return can_remove() && remove_slice() && parts_.try_make_freed_usable(); }

Status Purge::remove_beside_writes(Transaction& transaction, uint64_t* spoiler) {
  return is_wanted_ ? remove_in(transaction, kPurgeBesideWrites, spoiler) : Status{};
}

Status Purge::remove_alone(uint64_t* spoiler) {
  Transaction transaction(parts_.host, *parts_.env, parts_.groups);
  CHRONIK_CHECK(transaction.begin());
  CHRONIK_CHECK(remove_in(transaction, kPurgeAlone, spoiler));
  CHRONIK_CHECK(contain([&] { return transaction.commit(parts_.space); }));
  parts_.generations->freed(transaction.effect().freed, parts_.space.live_bytes(), parts_.host.now_ns());
  parts_.supply.removed(transaction.effect().rows_removed);
  parts_.note_sizes();
  return {};
}

Status Purge::remove_in(Transaction& transaction, Slice most, uint64_t* spoiler) {
  WarmBelow now;
  for (const uint64_t id : groups_now()) {
    if (auto known = warm_.extract(id)) now.insert(std::move(known));
  }
  const Status status = contain([&] { return transaction.purge(slice(most), now, turn_); });
  warm_.merge(now);
  *spoiler = transaction.purging();
  return status;
}

Slice Purge::slice(Slice most) const {
  if (!needs_all_ && in_the_way_.empty()) most.bytes = std::min(most.bytes, parts_.supply.portion());
  return most;
}

void Purge::give_up(uint64_t group, const Error& error) {
  parts_.host.error("what is left of a log cannot be removed: " + error.message);
  parts_.groups.give_up_purge(group);
  warm_.erase(group);
}

void Purge::make_rows(const Supply::Rows& rows) {
  Supply& supply = parts_.supply;
  supply.expect(rows);
  if (supply.has(rows) || commits_since_rows_ < kMakeRowsEvery || !can_remove()) return;
  parts_.look_at_free_pages();
  // Where leases keep what is free from being used, they would keep this too.
  if (supply.has(rows) || parts_.generations->pressure(parts_.host.now_ns()).leases != 0) return;
  commits_since_rows_ = 0;
  remove_for_now();
}

}  // namespace chronik::storage_lmdb
