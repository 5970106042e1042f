#include "storage-log/room.h"

#include <algorithm>

namespace chronik::storage_log {
namespace {

constexpr uint64_t kSayFullForNs = 1'000'000'000;
constexpr uint64_t kTryAgainNs = 1'000'000'000;  // after the disk refused a write

}  // namespace

void Room::note_free(uint64_t bytes) {
  free_ = bytes;
  taken_then_ = taken_;
}

void Room::disk_is_full() { refused_by_disk_ns_ = host_.now_ns(); }

uint64_t Room::left() const {
  uint64_t left = UINT64_MAX;
  if (max_size_ != 0) left = max_size_ - std::min(max_size_, taken_);
  if (free_ != UINT64_MAX) {
    const uint64_t since = taken_ - std::min(taken_, taken_then_);
    left = std::min(left, free_ - std::min(free_, since));
  }
  return left;
}

uint64_t Room::capacity() const {
  const uint64_t left = this->left();
  return left == UINT64_MAX ? UINT64_MAX : taken_ + left;
}

uint64_t Room::reserve() const { return std::clamp<uint64_t>(capacity() / 16, 256u << 10, 8u << 20); }

bool Room::is_refused_by_disk(bool is_direct) const {
  if (refused_by_disk_ns_ == 0) return false;
  // The journal has its place already, and may hold some of it until the disk has room: frames are larger than what is in them.
  if (journal_left_ < journal_ / 4) return true;
  if (is_direct) return host_.now_ns() - refused_by_disk_ns_ < kTryAgainNs;
  return waiting_ > journal_ / 8;
}

bool Room::has(Growth growth, bool is_direct, uint64_t bytes) const {
  if (growth == Growth::kNone) return true;
  if (growth == Growth::kData) {
    const uint64_t kept = reserve();
    return !is_refused_by_disk(is_direct) && left() >= kept && left() - kept >= bytes;
  }
  // Votes and the like use three quarters of the reserve, and leave an eighth of the journal to what makes room.
  if (refused_by_disk_ns_ != 0 && journal_left_ < journal_ / 8) return false;
  return left() >= reserve() / 4 && left() - reserve() / 4 >= bytes;
}

void Room::refused(uint64_t bytes) {
  refused_ns_ = host_.now_ns();
  refused_bytes_ = bytes;
  set_full(true);
}

void Room::wrote(const OwnedWrite& write) {
  if (!is_full_ || write.growth() != Growth::kData) return;
  if (write.bytes() >= refused_bytes_ || host_.now_ns() - refused_ns_ >= kSayFullForNs) set_full(false);
}

void Room::look_again() {
  if (is_full_ && has(Growth::kData, true, refused_bytes_)) set_full(false);
}

void Room::set_full(bool full) {
  if (std::exchange(is_full_, full) == full) return;
  if (full) {
    host_.warn("the store is full: writes are refused until space returns",
               "taken=" + std::to_string(taken_) + " capacity=" + std::to_string(capacity()));
    host_.health("space", CHR_HEALTH_DEGRADED, "the store is full");
  } else {
    host_.info("the store has space again");
    host_.health("space", CHR_HEALTH_READY);
  }
}

}  // namespace chronik::storage_log
