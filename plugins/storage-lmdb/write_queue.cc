#include "storage-lmdb/write_queue.h"

#include <algorithm>
#include <unordered_set>

namespace chronik::storage_lmdb {
namespace {

constexpr uint64_t kTellingBytes = 1u << 20;  // smaller transactions are mostly waiting for the sync
constexpr uint64_t kQueueNs = 500'000'000;    // what waits should be written within
constexpr uint64_t kCommitNs = 250'000'000;   // and what one transaction holds
constexpr uint64_t kMinQueue = 4u << 20;      // the bounds never shrink below these
constexpr uint64_t kMinCommit = 1u << 20;

uint64_t sum(const WriteQueue::Batch& writes) {
  uint64_t bytes = 0;
  for (const OwnedWrite& write : writes) bytes += write.bytes();
  return bytes;
}

}  // namespace

void Pace::committed(uint64_t bytes, uint64_t ns) {
  if (bytes < kTellingBytes || ns == 0) return;
  const double now = static_cast<double>(bytes) / static_cast<double>(ns);
  // A mean over a few: one commit that stalled is no slow disk.
  bytes_per_ns_ = bytes_per_ns_ == 0 ? now : 0.75 * bytes_per_ns_ + 0.25 * now;
}

uint64_t Pace::bytes_within(uint64_t ns) const {
  if (bytes_per_ns_ == 0) return UINT64_MAX;
  return static_cast<uint64_t>(bytes_per_ns_ * static_cast<double>(ns));
}

uint64_t WriteQueue::queue_limit() const {
  return std::min(options_.queue_bytes, std::max(kMinQueue, pace_.bytes_within(kQueueNs)));
}

uint64_t WriteQueue::commit_limit() const {
  return std::min(options_.commit_bytes, std::max(kMinCommit, pace_.bytes_within(kCommitNs)));
}

bool WriteQueue::has_room(const Batch& writes) const {
  return bytes_ == 0 || bytes_ + sum(writes) <= queue_limit() || std::ranges::all_of(writes, is_small_keys);
}

void WriteQueue::count(const OwnedWrite& write) {
  if (is_small_keys(write)) ++keys_;
  if (is_held(write))
    ++held_writes_;
  else
    bytes_ += write.bytes();
}

void WriteQueue::push(Batch writes) {
  for (OwnedWrite& write : writes) {
    count(write);
    queue_.push_back(std::move(write));
  }
}

WriteQueue::Batch WriteQueue::take_batch() {
  Batch batch;
  Batch rest;
  uint64_t bytes = 0;
  bool is_full = false;
  size_t keys = keys_;                     // that are still to come
  std::unordered_set<uint64_t> is_behind;  // groups of which something stays
  for (OwnedWrite& write : queue_) {
    const bool small = keys != 0 && is_small_keys(write);
    if (small) --keys;
    is_full = is_full || (!batch.empty() && bytes + write.bytes() > commit_limit());
    const bool leaves = !is_held(write) && (!is_full || (small && !is_behind.contains(write.group())));
    if (!leaves && keys != 0) is_behind.insert(write.group());
    if (leaves && small) --keys_;
    if (leaves) bytes += write.bytes();
    (leaves ? batch : rest).push_back(std::move(write));
  }
  queue_.swap(rest);
  return batch;
}

void WriteQueue::finish_batch(const Batch& batch, uint64_t ns) {
  const uint64_t bytes = sum(batch);
  pace_.committed(bytes, ns);
  bytes_ -= bytes;
}

void WriteQueue::put_back(Batch batch) {
  bytes_ -= sum(batch);
  for (const OwnedWrite& write : batch) count(write);
  for (OwnedWrite& write : queue_) batch.push_back(std::move(write));
  queue_.swap(batch);
}

void WriteQueue::hold_back(Batch& batch, const std::set<uint64_t>& groups) {
  Batch now;
  Batch later;
  for (OwnedWrite& write : batch) (groups.contains(write.group()) ? later : now).push_back(std::move(write));
  for (const uint64_t group : groups) hold(group);
  put_back(std::move(later));
  batch.swap(now);
}

void WriteQueue::hold(uint64_t group) {
  if (!held_.insert(group).second) return;
  for (const OwnedWrite& write : queue_) {
    if (write.group() != group) continue;
    ++held_writes_;
    bytes_ -= write.bytes();
  }
}

void WriteQueue::release(uint64_t group) {
  if (held_.erase(group) == 0) return;
  for (const OwnedWrite& write : queue_) {
    if (write.group() != group) continue;
    --held_writes_;
    bytes_ += write.bytes();
  }
}

void WriteQueue::release_all() {
  while (!held_.empty()) release(*held_.begin());
}

}  // namespace chronik::storage_lmdb
