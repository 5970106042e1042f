#include "storage-log/room.h"

namespace chronik::storage_log {
namespace {

constexpr uint64_t kSayFullForNs = 1'000'000'000;
constexpr uint64_t kLookAfter = 1u << 20;        // bytes, at least
constexpr uint64_t kTryAgainNs = 1'000'000'000;  // after the disk refused a write

}  // namespace

int64_t Room::begin_look(uint64_t unwritten) {
  came_then_ = came_;
  return came_ - static_cast<int64_t>(unwritten);
}

void Room::note_free(uint64_t bytes, int64_t written) {
  free_ = bytes;
  written_then_ = written;
}

bool Room::wants_look() const {
  return free_ != UINT64_MAX && came_ - came_then_ > static_cast<int64_t>(std::max(free_ / 4, kLookAfter));
}

void Room::disk_is_full() { refused_by_disk_ns_ = host_.now_ns(); }

uint64_t Room::size_left() const {
  return max_size_ == 0 ? UINT64_MAX : max_size_ - std::min(max_size_, taken_);
}

// Segments are grown before they are written to, and take their room only then: sizes of files say nothing of the disk.
uint64_t Room::disk_left() const {
  if (free_ == UINT64_MAX) return UINT64_MAX;
  const int64_t unwritten = std::max<int64_t>(0, came_ - written_then_);
  return free_ - std::min(free_, static_cast<uint64_t>(unwritten));
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
  return unmoved_ > journal_ / 8;
}

bool Room::has(Growth growth, bool is_direct, uint64_t bytes) const {
  if (growth == Growth::kNone) return true;
  if (growth == Growth::kData) {
    const uint64_t kept = reserve();
    return !is_refused_by_disk(is_direct) && left() >= kept && left() - kept >= bytes;
  }
  // Votes and the like use three quarters of the reserve. Where the disk has no more, small ones find room in the journal, and leave
  // an eighth of it to what makes room.
  const uint64_t kept = reserve() / 4;
  const bool is_disk_used_up = disk_left() < kept + bytes;
  if (is_direct && is_disk_used_up) return false;
  if ((is_disk_used_up || is_disk_full()) && journal_left_ < journal_ / 8) return false;
  return size_left() >= kept && size_left() - kept >= bytes;
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
