#include "sim/disk/medium.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace chronik::sim {
namespace {
constexpr uint64_t kSector = 512;  // what a disk writes whole or not at all
constexpr uint64_t kPage = 4096;   // what a file system allots
}  // namespace

chr_status Medium::read(uint64_t at, uint8_t* p, uint64_t n) const {
  if (at > bytes_.size() || n > bytes_.size() - at) return CHR_E_OUT_OF_RANGE;
  bytes_.read(at, reinterpret_cast<char*>(p), n);
  return CHR_OK;
}

uint64_t Medium::begin(uint64_t now, uint64_t own, uint64_t* cost) {
  const uint64_t start = std::max({now, busy_until_, stalled_until});
  busy_until_ = start + own;
  *cost += busy_until_ - now;
  return start;
}

chr_status Medium::write(uint64_t now, uint64_t at, const uint8_t* p, uint64_t n, uint64_t* cost) {
  if (at > bytes_.size()) return CHR_E_OUT_OF_RANGE;
  if (at + n > capacity) {
    ++refusals_;
    return CHR_E_NO_SPACE;
  }
  put(now, nullptr, at, reinterpret_cast<const char*>(p), n, cost);
  return CHR_OK;
}

chr_status Medium::write(uint64_t now, Volume& file, uint64_t at, std::string_view bytes, bool through,
                         uint64_t* taken, uint64_t* cost) {
  *taken = 0;
  if (std::exchange(fail_next_write, false)) {
    write_failed_ = true;
    return CHR_E_IO;
  }
  uint64_t n = fitting(file, at, bytes.size());
  if (n < bytes.size()) ++refusals_;
  if (n == 0 && !bytes.empty()) return CHR_E_NO_SPACE;
  if (n > 1 && std::exchange(short_next_write, false)) {
    write_failed_ = true;
    n = rng_.between(1, n - 1);
  }
  put(now, &file, at, bytes.data(), n, cost);
  *taken = n;
  return through ? flush(now, &file, true, cost) : CHR_OK;
}

// Some file systems give what they have, page by page.
uint64_t Medium::fitting(const Volume& file, uint64_t at, uint64_t n) const {
  const uint64_t size = file.size(), end = at + n;
  if (capacity == UINT64_MAX || end <= size) return n;
  const uint64_t used = this->used(), room = capacity - std::min(used, capacity);
  if (end - size <= room) return n;
  const uint64_t last = fills_up ? std::max(size, (size + room) / kPage * kPage) : 0;
  return last > at ? last - at : 0;
}

void Medium::put(uint64_t now, Volume* file, uint64_t at, const char* p, uint64_t n, uint64_t* cost) {
  forget_durable(now);
  Volume& to = file != nullptr ? *file : bytes_;
  const uint64_t own = costs.call_ns + static_cast<uint64_t>(static_cast<double>(n) / costs.bytes_per_ns);
  const uint64_t start = begin(now, own, cost);
  const uint64_t before = to.size(), from = std::min(at, before);
  const uint64_t overlap = std::min(at + n, before) - from;
  changes_.push_back({file, start, at, before, std::max(before, at + n),
                      at < before ? to.copy(at, overlap) : std::string(), n, UINT64_MAX});
  to.write(at, p, n);
}

chr_status Medium::resize(uint64_t now, uint64_t n) {
  if (n > capacity) return CHR_E_NO_SPACE;
  cut(now, nullptr, n);
  return CHR_OK;
}

void Medium::resize(uint64_t now, Volume& file, uint64_t n) { cut(now, &file, n); }

void Medium::cut(uint64_t now, Volume* file, uint64_t n) {
  forget_durable(now);
  Volume& of = file != nullptr ? *file : bytes_;
  const uint64_t size = of.size();
  changes_.push_back({file, now, std::min(n, size), size, n, n < size ? of.copy(n, size - n) : std::string(),
                      0, UINT64_MAX});
  of.resize(n);
}

chr_status Medium::sync(uint64_t now, uint64_t* cost) { return flush(now, nullptr, false, cost); }

chr_status Medium::sync(uint64_t now, Volume& file, uint64_t* cost) { return flush(now, &file, false, cost); }

chr_status Medium::flush(uint64_t now, Volume* file, bool last_only, uint64_t* cost) {
  ++syncs_;
  begin(now, costs.sync_ns / 2 + rng_.around(costs.sync_ns / 2) + (now < slow_until ? slow_ns : 0), cost);
  if (syncs_until_call != 0 && --syncs_until_call == 0) on_sync(busy_until_);
  if (std::exchange(fail_next_sync, false)) {
    sync_failed_ = true;
    return CHR_E_IO;
  }
  if (sync_lies || sync_failed_) return CHR_OK;
  uint64_t from = UINT64_MAX;
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
    if (change->file != file || change->durable_at != UINT64_MAX) continue;
    change->durable_at = busy_until_;
    if (change->n != 0) from = std::min(from, change->at);
    if (last_only) break;
  }
  if (from != UINT64_MAX && file == nullptr) synced_from_[0] = std::exchange(synced_from_[1], from);
  return CHR_OK;
}

uint64_t Medium::used() const {
  uint64_t used = bytes_.size();
  for (const Volume* file : files_) used += file->size();
  return used;
}

void Medium::drop(Volume& file) {
  std::erase(files_, &file);
  std::erase_if(changes_, [&file](const Change& change) { return change.file == &file; });
}

bool Medium::flip(uint64_t now, uint64_t which) {
  forget_durable(now);
  uint64_t limit = std::min({synced_from_[0], synced_from_[1], bytes_.size()});
  for (const Change& change : changes_) {
    if (change.file == nullptr) limit = std::min(limit, change.at);
  }
  if (limit == 0) return false;
  bytes_.at(which % limit) ^= static_cast<char>(1 << (which >> 32) % 8);
  return damaged_ = true;
}

void Medium::forget_durable(uint64_t now) {
  while (!changes_.empty() && changes_.front().durable_at <= now) changes_.pop_front();
}

void Medium::undo(const Change& change) {
  Volume& of = volume(change);
  of.resize(change.old_size);
  if (!change.before.empty()) of.write(change.at, change.before.data(), change.before.size());
}

void Medium::crash(uint64_t now) {
  roll_back(now, true);
  sync_failed_ = fail_next_sync = false;
}

// A system that could not write its cache back gives it up.
void Medium::kill(uint64_t now) { sync_failed_ ? crash(now) : roll_back(now, false); }

void Medium::stopped(uint64_t now) {
  if (sync_failed_) return crash(now);
  write_failed_ = fail_next_write = short_next_write = false;
}

// Undoes everything from the first change on that is not durable, newest first, then does again what the disk
// is sure to have, and what it happened to keep.
void Medium::roll_back(uint64_t now, bool power_loss) {
  forget_durable(now);
  write_failed_ = fail_next_write = short_next_write = false;
  syncs_until_call = 0;
  busy_until_ = now;
  std::vector<std::string> written(changes_.size());
  for (size_t i = changes_.size(); i > 0; --i) {
    const Change& change = changes_[i - 1];
    written[i - 1] = volume(change).copy(change.at, change.n);
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
    if (change.time > now) break;    // had not begun
    if (none || rng_.chance(0.5)) {  // an unsynced write is lost whole,
      ++lost_;
      continue;
    }
    std::string text = std::move(written[i]);
    if (change.n != 0 && rng_.chance(0.3)) {  // or torn at a sector,
      const uint64_t skew = change.at % kSector;
      const uint64_t cut = rng_.below((skew + text.size()) / kSector + 1) * kSector;
      text.resize(cut > skew ? std::min<uint64_t>(cut - skew, text.size()) : 0);
      ++lost_;
    }
    redo(change, text);
  }
  changes_.clear();
}

// The writes that had begun are still in the page cache; they wait for a sync as they did before.
void Medium::stay_cached(uint64_t now, const std::vector<std::string>& written) {
  changes_.erase(std::find_if(changes_.begin(), changes_.end(),
                              [now](const Change& change) { return change.time > now; }),
                 changes_.end());
  for (size_t i = 0; i < changes_.size(); ++i) {
    if (changes_[i].durable_at > now) changes_[i].durable_at = UINT64_MAX;
    redo(changes_[i], written[i]);
  }
}

void Medium::redo(const Change& change, const std::string& text) {
  if (change.n == 0) return volume(change).resize(change.new_size);
  if (!text.empty()) volume(change).write(change.at, text.data(), text.size());
}

}  // namespace chronik::sim
