#include "host/net/write_queue.h"

#include <cstring>

namespace chronik::host {
namespace {

constexpr size_t kKeptItems = 64;

}  // namespace

void WriteQueue::push(const chr_slice* slices, uint32_t n, uint64_t now_ns) {
  for (uint32_t i = 0; i < n; ++i) {
    const chr_slice& slice = slices[i];
    if (slice.n == 0) continue;
    if (slice.lease != nullptr) slice.lease->ops->retain(slice.lease);
    items_.push_back({slice.p, slice.n, slice.lease, now_ns});
    bytes_ += slice.n;
  }
}

void WriteQueue::adopt(const chr_slice* slices, uint32_t n, uint64_t now_ns) {
  for (uint32_t i = 0; i < n; ++i) {
    items_.push_back({slices[i].p, slices[i].n, slices[i].lease, now_ns});
    bytes_ += slices[i].n;
  }
}

uint32_t WriteQueue::gather(iovec* out, uint32_t n, uint64_t* bytes) const {
  uint32_t count = 0;
  *bytes = 0;
  for (size_t i = head_; i < items_.size() && count < n; ++i) {
    out[count++] = {const_cast<uint8_t*>(items_[i].p), items_[i].n};
    *bytes += items_[i].n;
  }
  return count;
}

void WriteQueue::sent(uint64_t n) {
  bytes_ -= n;
  while (n > 0) {
    Item& item = items_[head_];
    if (n < item.n) {
      item.p += n;
      item.n -= n;
      break;
    }
    n -= item.n;
    drop(item);
    ++head_;
  }
  if (head_ == items_.size()) {
    items_.clear();
    head_ = 0;
    if (items_.capacity() > kKeptItems) items_.shrink_to_fit();
  } else if (head_ > kKeptItems && head_ * 2 > items_.size()) {
    items_.erase(items_.begin(), items_.begin() + static_cast<ptrdiff_t>(head_));
    head_ = 0;
  }
}

void WriteQueue::clear() {
  for (size_t i = head_; i < items_.size(); ++i) drop(items_[i]);
  items_.clear();
  head_ = 0;
  bytes_ = 0;
}

const WriteQueue::Item* WriteQueue::oldest_foreign() const {
  for (size_t i = head_; i < items_.size(); ++i) {
    if (is_foreign(items_[i])) return &items_[i];
  }
  return nullptr;
}

uint64_t WriteQueue::oldest_foreign_ns() const {
  const Item* oldest = oldest_foreign();
  return oldest == nullptr ? UINT64_MAX : oldest->at_ns;
}

bool WriteQueue::is_recalled() const {
  const Item* oldest = oldest_foreign();
  return oldest != nullptr && oldest->lease->ops->is_recalled != nullptr &&
         oldest->lease->ops->is_recalled(oldest->lease) != 0;
}

uint64_t WriteQueue::foreign_bytes() const {
  uint64_t bytes = 0;
  for (size_t i = head_; i < items_.size(); ++i) {
    if (is_foreign(items_[i])) bytes += items_[i].n;
  }
  return bytes;
}

bool WriteQueue::copy_foreign() {
  const uint64_t total = foreign_bytes();
  if (total == 0) return true;
  Buffer* copy = pool_.alloc(total);
  if (copy == nullptr) return false;
  uint64_t at = 0;
  for (size_t i = head_; i < items_.size(); ++i) {
    Item& item = items_[i];
    if (!is_foreign(item)) continue;
    std::memcpy(copy->bytes() + at, item.p, item.n);
    drop(item);
    item.p = copy->bytes() + at;
    item.lease = copy->lease();
    copy->lease()->ops->retain(copy->lease());
    at += item.n;
  }
  copy->lease()->ops->release(copy->lease());
  return true;
}

}  // namespace chronik::host
