#include "storage-lmdb/space.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>

namespace chronik::storage_lmdb {
namespace {

constexpr uint64_t kZeroBlock = 64u << 10;
constexpr uint8_t kZeros[kZeroBlock] = {};
// 256 KiB a call: the page cache makes folios as large as the writes, and every later write of a page looks
// at the whole folio that it lies in. With 4 MiB a call, commits cost 1.45 CPU s/GB ever after, with this
// 0.97.
constexpr size_t kZeroBlocks = 4;

// Writes up to n zeros at a place of the file; what pwrite returns.
ssize_t write_zeros(int fd, uint64_t at, uint64_t n) {
  std::array<iovec, kZeroBlocks> blocks;
  size_t used = 0;
  for (; used < blocks.size() && n != 0; ++used) {
    const uint64_t block = std::min(n, kZeroBlock);
    blocks[used] = {const_cast<uint8_t*>(kZeros), block};
    n -= block;
  }
  return pwritev(fd, blocks.data(), static_cast<int>(used), static_cast<off_t>(at));
}

uint64_t pages_of(const MDB_stat& stat) {
  return stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
}

}  // namespace

Space::Space(Host host, std::shared_ptr<Env> env, Options options)
    : host_(host), env_(std::move(env)), options_(options) {
  capacity_ = options_.capacity();
  struct stat status{};
  if (fstat(env_->data_file(), &status) == 0) file_end_ = static_cast<uint64_t>(status.st_size);
}

uint64_t Space::reachable_capacity() const {
  struct statvfs volume{};
  if (fstatvfs(env_->data_file(), &volume) != 0) return capacity_;
  return std::min(capacity_, file_bytes() + uint64_t{volume.f_bavail} * volume.f_frsize);
}

Status Space::count_one(MDB_txn* txn, MDB_dbi dbi) {
  MDB_stat stat{};
  const int rc = mdb_stat(txn, dbi, &stat);
  if (rc != MDB_SUCCESS) return std::unexpected(lmdb_error(rc, "count pages"));
  counted_.emplace_back(dbi, pages_of(stat));
  return {};
}

Status Space::count(MDB_txn* txn, const std::vector<uint64_t>& groups) {
  counted_.clear();
  for (const uint64_t group : groups) CHRONIK_CHECK(count_one(txn, env_->lane(group)));
  for (const MDB_dbi dbi : {MDB_dbi{0}, MDB_dbi{1}, env_->groups(), env_->keys()})
    CHRONIK_CHECK(count_one(txn, dbi));
  return {};
}

void Space::take_count() {
  for (const auto& [dbi, pages] : counted_) {
    if (pages_.size() <= dbi) pages_.resize(dbi + 1);
    pages_[dbi] = pages;
  }
  uint64_t pages = 2;  // the two meta pages
  for (const uint64_t n : pages_) pages += n;
  live_ = pages * env_->page_size();
}

Status Space::count_all(MDB_txn* txn) {
  std::vector<uint64_t> lanes(kLanes);
  for (uint32_t i = 0; i < kLanes; ++i) lanes[i] = i;
  CHRONIK_CHECK(count(txn, lanes));
  take_count();
  return {};
}

uint64_t Space::ahead() const {
  const uint64_t used = env_->used_end();
  return file_end_ > used ? file_end_ - used : 0;
}

uint64_t Space::wanted() const {
  // In proportion to the store, so that a small one stays small.
  return std::min(options_.preallocate, std::max<uint64_t>(live_bytes() / 8, 16u << 20));
}

bool Space::is_blocked() const {
  return file_end_ >= capacity_ || (disk_full_ && host_.now_ns() < retry_at_ns_);
}

// What LMDB itself wrote behind the zeros counts.
uint64_t Space::allocated() const { return std::max(file_bytes(), env_->used_end()); }

uint64_t Space::reserve() const { return std::clamp<uint64_t>(allocated() / 16, 256u << 10, 8u << 20); }

bool Space::has_room(Growth growth, uint64_t bytes, uint64_t entries) {
  if (disk_full_ && host_.now_ns() >= retry_at_ns_) extend();
  const bool data = growth == Growth::kData;
  const auto need = [&] { return bytes + entries * env_->page_size() + (data ? reserve() : reserve() / 4); };
  // Data finds room in the file as it stands, and the reserve behind it: were it taken from a disk, that
  // would be full only when nothing is left for the votes and trims that bring space back.
  while (data && allocated() < live_bytes() + need() && !is_blocked()) extend();
  // What the file has grown to does not count: beyond the capacity no page is room, used before or not.
  const uint64_t end = data || disk_full_ ? std::min(capacity_, allocated()) : capacity_;
  return end >= live_bytes() + need();
}

bool Space::has_row_at_end(uint64_t bytes) const {
  const uint64_t end = is_blocked() ? std::min(capacity_, allocated()) : capacity_;
  return env_->used_end() + bytes <= end;
}

bool Space::lacks_pages() const {
  constexpr uint64_t kFree = 4u << 20;
  return env_->used_end() < live_bytes() + kFree;
}

// Where it could grow, the file does so rather early: before it does, what is gone is to be used.
bool Space::will_lack_room(uint64_t bytes) const {
  const uint64_t end = is_blocked() ? std::min(capacity_, allocated()) : allocated();
  return end < live_bytes() + 2 * reserve() + 2 * bytes;
}

bool Space::has_room_again() {
  constexpr uint64_t kWorthIt = 1u << 20;
  if (!has_room(Growth::kData, kWorthIt, kWorthIt / env_->page_size())) return false;
  return (!disk_full_ && file_bytes() < capacity_) || live_bytes() + kWorthIt <= live_at_refusal_;
}

void Space::disk_is_full() {
  disk_full_ = true;
  live_at_refusal_ = live_bytes();
  retry_at_ns_ = host_.now_ns() + kRetryNs;
}

void Space::extend() {
  // LMDB itself may have written past what we knew as the end.
  struct stat status{};
  if (fstat(env_->data_file(), &status) == 0) file_end_ = static_cast<uint64_t>(status.st_size);
  const uint64_t from = std::max(file_bytes(), env_->used_end());
  const uint64_t to = std::min(from + kChunk, capacity_);
  for (uint64_t at = from; at < to;) {
    const ssize_t n = write_zeros(env_->data_file(), at, to - at);
    if (n <= 0) {
      disk_is_full();
      return;
    }
    at += static_cast<uint64_t>(n);
    file_end_ = at;
  }
  disk_full_ = false;
}

}  // namespace chronik::storage_lmdb
