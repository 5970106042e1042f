#include "sim/disk/medium.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace chronik::sim {
namespace {
constexpr uint64_t kSector = 512;  // what a disk writes whole or not at all
}

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
  forget_durable(now);
  const uint64_t own = costs.call_ns + static_cast<uint64_t>(static_cast<double>(n) / costs.bytes_per_ns);
  const uint64_t start = begin(now, own, cost);
  const uint64_t overlap = std::min(n, bytes_.size() - at);
  const uint64_t size = std::max<uint64_t>(bytes_.size(), at + n);
  changes_.push_back({start, at, bytes_.size(), size, bytes_.copy(at, overlap), n, UINT64_MAX});
  bytes_.write(at, reinterpret_cast<const char*>(p), n);
  return CHR_OK;
}

chr_status Medium::resize(uint64_t now, uint64_t n) {
  if (n > capacity) return CHR_E_NO_SPACE;
  forget_durable(now);
  std::string cut = n < bytes_.size() ? bytes_.copy(n, bytes_.size() - n) : std::string();
  changes_.push_back(
      {now, std::min<uint64_t>(n, bytes_.size()), bytes_.size(), n, std::move(cut), 0, UINT64_MAX});
  bytes_.resize(n);
  return CHR_OK;
}

chr_status Medium::sync(uint64_t now, uint64_t* cost) {
  ++syncs_;
  begin(now, costs.sync_ns / 2 + rng_.around(costs.sync_ns / 2) + (now < slow_until ? slow_ns : 0), cost);
  if (std::exchange(fail_next_sync, false)) {
    sync_failed_ = true;
    return CHR_E_IO;
  }
  if (sync_lies || sync_failed_) return CHR_OK;
  uint64_t from = UINT64_MAX;
  for (auto change = changes_.rbegin(); change != changes_.rend() && change->durable_at == UINT64_MAX;
       ++change) {
    change->durable_at = busy_until_;
    if (change->n != 0) from = std::min(from, change->at);
  }
  if (from != UINT64_MAX) synced_from_[0] = std::exchange(synced_from_[1], from);
  return CHR_OK;
}

bool Medium::flip(uint64_t now, uint64_t which) {
  forget_durable(now);
  uint64_t limit = std::min({synced_from_[0], synced_from_[1], bytes_.size()});
  for (const Change& change : changes_) limit = std::min(limit, change.at);
  if (limit == 0) return false;
  bytes_.at(which % limit) ^= static_cast<char>(1 << (which >> 32) % 8);
  return damaged_ = true;
}

void Medium::forget_durable(uint64_t now) {
  while (!changes_.empty() && changes_.front().durable_at <= now) changes_.pop_front();
}

void Medium::undo(const Change& change) {
  bytes_.resize(change.old_size);
  bytes_.write(change.at, change.before.data(), change.before.size());
}

void Medium::crash(uint64_t now) {
  roll_back(now, true);
  sync_failed_ = fail_next_sync = false;
}

// A system that could not write its cache back gives it up.
void Medium::kill(uint64_t now) { sync_failed_ ? crash(now) : roll_back(now, false); }

// Undoes everything that is not durable, newest first, then does again what the disk happened to keep.
void Medium::roll_back(uint64_t now, bool power_loss) {
  forget_durable(now);
  size_t keep = 0;  // the last sync that ended made everything before it durable
  for (size_t i = changes_.size(); i > 0 && keep == 0; --i) {
    if (changes_[i - 1].durable_at <= now) keep = i;
  }
  std::vector<std::string> written(changes_.size());
  for (size_t i = changes_.size(); i > keep; --i) {
    const Change& change = changes_[i - 1];
    written[i - 1] = bytes_.copy(change.at, change.n);
    undo(change);
  }
  if (!power_loss) return stay_cached(now, written, keep);
  const bool none = rng_.chance(0.4);
  for (size_t i = keep; i < changes_.size(); ++i) {
    const Change& change = changes_[i];
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
  busy_until_ = now;
}

// The writes that had begun are still in the page cache; they wait for a sync as they did before.
void Medium::stay_cached(uint64_t now, const std::vector<std::string>& written, size_t keep) {
  changes_.erase(std::find_if(changes_.begin() + static_cast<std::ptrdiff_t>(keep), changes_.end(),
                              [now](const Change& change) { return change.time > now; }),
                 changes_.end());
  for (size_t i = keep; i < changes_.size(); ++i) {
    changes_[i].durable_at = UINT64_MAX;
    redo(changes_[i], written[i]);
  }
  busy_until_ = now;
}

void Medium::redo(const Change& change, const std::string& text) {
  if (change.n == 0) return bytes_.resize(change.new_size);
  bytes_.write(change.at, text.data(), text.size());
}

}  // namespace chronik::sim
