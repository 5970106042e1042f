#include "sim/disk/disk.h"

#include <algorithm>
#include <utility>

namespace chronik::sim {
namespace {
constexpr uint64_t kSector = 512;  // what a disk writes whole or not at all
constexpr uint64_t kPage = 4096;   // what a file system allots
constexpr uint64_t kNever = UINT64_MAX;
}  // namespace

void Disk::drop(Volume& file) {
  uncount(file);
  synced_from_.erase(&file);
  untold_.erase(&file);
  std::erase_if(changes_, [&file](const Change& change) { return change.file == &file; });
}

uint64_t Disk::used() const {
  uint64_t used = 0;
  for (const Volume* file : files_) used += file->size();
  return used;
}

uint64_t Disk::room() const { return capacity - std::min(capacity, used()); }

// ---- calls ------------------------------------------------------------------------------------------------

uint64_t Disk::begin(uint64_t now, uint64_t own, uint64_t* cost) {
  const uint64_t start = std::max({now, busy_until_, stalled_until});
  busy_until_ = start + own;
  *cost += busy_until_ - now;
  return start;
}

chr_status Disk::admit(const Volume& file, uint64_t at, uint64_t* n) {
  const uint64_t wanted = *n;
  *n = 0;
  if (std::exchange(fail_next_write, false)) {
    write_failed_ = true;
    return CHR_E_IO;
  }
  const uint64_t fits = fitting(file, at, wanted);
  if (fits < wanted) ++refusals_;
  if (fits == 0 && wanted != 0) return CHR_E_NO_SPACE;
  *n = fits;
  if (fits <= 1 || !std::exchange(short_next_write, false)) return CHR_OK;
  write_failed_ = true;
  *n = rng_.between(1, fits - 1);
  return CHR_OK;
}

chr_status Disk::write(uint64_t now, Volume& file, uint64_t at, std::string_view bytes, bool through,
                       uint64_t* taken, uint64_t* cost) {
  *taken = bytes.size();
  if (const chr_status status = admit(file, at, taken); status != CHR_OK) return status;
  forget_durable();
  const uint64_t start = begin(now, takes(*taken), cost);
  put(file, at, bytes.substr(0, *taken), start, busy_until_);
  if (!through) return CHR_OK;
  uint64_t unseen = 0;
  begin(busy_until_, sync_takes(now), answers_early ? &unseen : cost);
  if (const chr_status status = admit_sync(busy_until_); status != CHR_OK) {
    changes_.back().is_lost = true;
    return status;
  }
  if (const chr_status status = tell(file, &Untold::write); status != CHR_OK) return status;
  cover_last(file, busy_until_);
  return CHR_OK;
}

// Some file systems give what they have, page by page.
uint64_t Disk::fitting(const Volume& file, uint64_t at, uint64_t n) const {
  const uint64_t size = file.size(), end = at + n;
  if (capacity == UINT64_MAX || end <= size) return n;
  const uint64_t room = this->room();
  if (end - size <= room) return n;
  const uint64_t last = fills_up ? std::max(size, (size + room) / kPage * kPage) : 0;
  return last > at ? last - at : 0;
}

void Disk::put(Volume& file, uint64_t at, std::string_view bytes, uint64_t starts, uint64_t ends) {
  const uint64_t n = bytes.size(), before = file.size(), from = std::min(at, before);
  const uint64_t overlap = std::min(at + n, before) - from;
  changes_.push_back({&file, starts, ends, at, before, std::max(before, at + n),
                      at < before ? file.copy(at, overlap) : std::string(), n, kNever});
  file.write(at, bytes.data(), n);
}

void Disk::resize(uint64_t now, Volume& file, uint64_t n) {
  forget_durable();
  const uint64_t size = file.size();
  changes_.push_back({&file, now, now, std::min(n, size), size, n,
                      n < size ? file.copy(n, size - n) : std::string(), 0, kNever});
  file.resize(n);
}

chr_status Disk::admit_sync(uint64_t ends) {
  ++syncs_;
  if (syncs_until_call != 0 && --syncs_until_call == 0) on_sync(ends);
  if (!std::exchange(fail_next_sync, false)) return CHR_OK;
  sync_failed_ = true;
  return CHR_E_IO;
}

chr_status Disk::sync(uint64_t now, Volume& file, uint64_t* cost) {
  uint64_t unseen = 0;
  begin(now, sync_takes(now), answers_early ? &unseen : cost);
  chr_status status = admit_sync(busy_until_);
  if (status == CHR_OK) status = tell(file, &Untold::sync);
  status == CHR_OK ? cover(file, now, busy_until_) : void(lose(file, now));
  return status;
}

chr_status Disk::sync_names(uint64_t now, uint64_t* durable_at, uint64_t* cost) {
  begin(now, sync_takes(now), cost);
  const chr_status status = admit_sync(busy_until_);
  *durable_at = sync_lies || status != CHR_OK ? kNever : busy_until_;
  return status;
}

bool Disk::lose(Volume& file, uint64_t now) {
  bool any = false;
  for (Change& change : changes_) {
    if (change.file != &file || change.durable_at != kNever || change.ends > now) continue;
    any |= !std::exchange(change.is_lost, true);
  }
  return any;
}

void Disk::fail_write_back(uint64_t now) {
  passed(now);
  forget_durable();
  for (Volume* const file : files_) {
    if (!lose(*file, now)) continue;
    untold_[file] = {};
    sync_failed_ = true;
  }
}

chr_status Disk::tell(Volume& file, bool Untold::* who) {
  const auto untold = untold_.find(&file);
  if (untold == untold_.end() || !std::exchange(untold->second.*who, false)) return CHR_OK;
  if (tells_once || (!untold->second.write && !untold->second.sync)) untold_.erase(untold);
  return CHR_E_NO_SPACE;
}

void Disk::cover(Volume& file, uint64_t now, uint64_t then) {
  if (sync_lies) return;
  uint64_t from = kNever;
  for (Change& change : changes_) {
    if (change.file != &file || change.durable_at != kNever || change.is_lost || change.ends > now) continue;
    change.durable_at = then;
    if (change.n != 0) from = std::min(from, change.at);
  }
  if (from == kNever) return;
  auto& newest = synced_from_[&file];
  newest[0] = std::exchange(newest[1], from);
}

void Disk::cover_last(Volume& file, uint64_t then) {
  if (sync_lies) return;
  Change& last = changes_.back();
  last.durable_at = then;
  for (Change& change : changes_) {
    if (change.file == &file && change.n == 0 && !change.is_lost)
      change.durable_at = std::min(change.durable_at, then);
  }
  auto& newest = synced_from_[&file];
  newest[0] = std::exchange(newest[1], last.at);
}

Disk::InFlight Disk::begin_write(uint64_t now, Volume& file, uint64_t at, std::string_view bytes,
                                 bool durable) {
  uint64_t n = bytes.size();
  const uint64_t start = std::max(now, stalled_until);
  const uint64_t early = start + takes(n) + rng_.around(costs.call_ns);
  const uint64_t ends = early + (durable ? sync_takes(now) : 0);
  const chr_status status = admit(file, at, &n);
  if (status != CHR_OK) return {status, early};
  in_flight_until_ = std::max(in_flight_until_, ends);
  forget_durable();
  put(file, at, bytes.substr(0, n), start, ends);
  const InFlight out{n == bytes.size() ? CHR_OK
                     : write_failed_   ? CHR_E_IO
                                       : CHR_E_NO_SPACE,
                     answers_early ? early : ends};
  if (!durable || out.status != CHR_OK) return out;
  if (const chr_status synced = admit_sync(ends); synced != CHR_OK) {
    changes_.back().is_lost = true;
    return {synced, ends};
  }
  if (const chr_status told = tell(file, &Untold::write); told != CHR_OK) return {told, ends};
  cover_last(file, ends);
  return out;
}

Disk::InFlight Disk::begin_sync(uint64_t now, Volume& file) {
  const uint64_t start = std::max(now, stalled_until);
  const uint64_t ends = start + sync_takes(now);
  in_flight_until_ = std::max(in_flight_until_, ends);
  chr_status status = admit_sync(ends);
  if (status == CHR_OK) status = tell(file, &Untold::sync);
  if (status != CHR_OK) {
    lose(file, now);
    return {status, ends};
  }
  cover(file, now, ends);
  return {CHR_OK, answers_early ? start + costs.call_ns : ends};
}

bool Disk::flip(uint64_t now, Volume& file, uint64_t which) {
  passed(now);
  forget_durable();
  const auto newest = synced_from_.find(&file);
  if (newest == synced_from_.end()) return false;
  uint64_t limit = std::min({newest->second[0], newest->second[1], file.size()});
  for (const Change& change : changes_) {
    if (change.file == &file) limit = std::min(limit, change.at);
  }
  if (limit == 0) return false;
  const std::string byte = file.copy(which % limit, 1);
  const char flipped = static_cast<char>(byte[0] ^ (1 << (which >> 32) % 8));
  file.write(which % limit, &flipped, 1);
  return damaged_ = true;
}

// ---- the end of a process, and of the power ---------------------------------------------------------------

void Disk::forget_durable() {
  while (!changes_.empty() && changes_.front().durable_at <= passed_) changes_.pop_front();
}

void Disk::undo(const Change& change) {
  change.file->resize(change.old_size);
  if (!change.before.empty()) change.file->write(change.at, change.before.data(), change.before.size());
}

void Disk::redo(const Change& change, std::string_view text) {
  if (change.n == 0) return change.file->resize(change.new_size);
  if (!text.empty()) change.file->write(change.at, text.data(), text.size());
}

// Some sectors of it, or those up to a place, or its size alone.
void Disk::redo_some(const Change& change, std::string_view text) {
  if (change.n == 0) return redo(change, text);
  const bool in_order = rng_.chance(0.5), grows = rng_.chance(0.2);
  bool reached = false;
  for (uint64_t from = 0; from < text.size();) {
    const uint64_t to = std::min<uint64_t>(text.size(), from + kSector - (change.at + from) % kSector);
    reached |= in_order && rng_.below((text.size() - from) / kSector + 1) == 0;
    if (in_order ? !reached : rng_.chance(0.5))
      change.file->write(change.at + from, text.data() + from, to - from);
    from = to;
  }
  if (grows && change.file->size() < change.new_size) change.file->resize(change.new_size);
}

void Disk::crash(uint64_t now) {
  roll_back(now, true);
  untold_.clear();
  sync_failed_ = fail_next_sync = false;
}

// A system that could not write its cache back gives it up.
void Disk::kill(uint64_t now) { sync_failed_ ? crash(now) : roll_back(now, false); }

void Disk::stopped(uint64_t now) {
  if (sync_failed_) return crash(now);
  write_failed_ = fail_next_write = short_next_write = false;
}

// Undoes everything from the first change on that is not durable, newest first, then does again what the disk
// is sure to have, and what it happened to keep.
void Disk::roll_back(uint64_t now, bool power_loss) {
  passed(now);
  forget_durable();
  write_failed_ = fail_next_write = short_next_write = false;
  syncs_until_call = 0;
  busy_until_ = in_flight_until_ = now;
  std::vector<std::string> written(changes_.size());
  for (size_t i = changes_.size(); i > 0; --i) {
    const Change& change = changes_[i - 1];
    written[i - 1] = change.file->copy(change.at, change.n);
    undo(change);
  }
  if (!power_loss) return stay_cached(now, written);
  const bool none = rng_.chance(0.4);
  for (size_t i = 0; i < changes_.size(); ++i) {
    const Change& change = changes_[i];
    if (change.durable_at <= now) {
      redo(change, written[i]);
      continue;
    }
    if (change.time > now) continue;          // had not begun
    if (none || rng_.chance(0.5)) continue;   // an unsynced write is lost whole,
    if (change.n != 0 && rng_.chance(0.3)) {  // or torn at its sectors,
      redo_some(change, written[i]);
    } else {
      redo(change, written[i]);
    }
  }
  changes_.clear();
}

// The writes that had begun are still in the page cache; they wait for a sync as they did before.
void Disk::stay_cached(uint64_t now, const std::vector<std::string>& written) {
  std::deque<Change> left;
  for (size_t i = 0; i < changes_.size(); ++i) {
    Change& change = changes_[i];
    if (change.time > now) continue;
    if (change.durable_at > now) change.durable_at = kNever;
    const bool is_cut_off = change.ends > now && rng_.chance(0.5);
    is_cut_off ? redo_some(change, written[i]) : redo(change, written[i]);
    change.ends = std::min(change.ends, now);
    left.push_back(std::move(change));
  }
  changes_ = std::move(left);
}

}  // namespace chronik::sim
