#include "host/link/link_outbox.h"

#include "host/link/link_frame.h"

#include <cstring>

namespace chronik::host {
namespace {

constexpr uint64_t kHeadsBytes = 4096 - sizeof(Buffer);
constexpr size_t kKeptSlices = 4096;

void retain(const chr_slice& slice) {
  if (slice.lease != nullptr) slice.lease->ops->retain(slice.lease);
}

void release(const chr_slice& slice) {
  if (slice.lease != nullptr) slice.lease->ops->release(slice.lease);
}

}  // namespace

LinkOutbox::~LinkOutbox() {
  drop_waiting();
  if (heads_ != nullptr) heads_->lease()->ops->release(heads_->lease());
}

chr_status LinkOutbox::push(uint32_t channel, const chr_slice* slices, uint32_t n, SliceSums* sums,
                            bool* wake) {
  *wake = false;
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < n; ++i) bytes += slices[i].n;
  if (bytes > kMaxFramePayload) return CHR_E_OUT_OF_RANGE;
  // The checksum of what is dropped would be for nothing; who fills the queue meanwhile is seen below.
  if (const chr_status status = room_for(bytes + kFrameHead); status != CHR_OK) return status;
  uint8_t head[kFrameHead];
  encode_frame_head(frame_head(channel, slices, n, sums), head);
  bytes += kFrameHead;
  const std::lock_guard lock(mutex_);
  if (!open_) return CHR_E_UNAVAILABLE;
  const chr_slice first = queued_ != 0 && queued_ + bytes > limit_ ? chr_slice{} : place_head(head);
  if (first.n == 0) {
    ++counts_.dropped;
    return CHR_E_OVERLOADED;
  }
  waiting_.push_back(first);
  for (uint32_t i = 0; i < n; ++i) {
    if (slices[i].n == 0) continue;
    retain(slices[i]);
    waiting_.push_back(slices[i]);
  }
  queued_ += bytes;
  ++counts_.frames;
  *wake = !woken_;
  woken_ = true;
  return CHR_OK;
}

chr_status LinkOutbox::room_for(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (!open_) return CHR_E_UNAVAILABLE;
  if (queued_ == 0 || queued_ + bytes <= limit_) return CHR_OK;
  ++counts_.dropped;
  return CHR_E_OVERLOADED;
}

// Heads stand in buffers of the pool, many in one, so that they are leased like everything else.
chr_slice LinkOutbox::place_head(const uint8_t* head) {
  if (heads_ != nullptr && heads_used_ + kFrameHead > kHeadsBytes) {
    heads_->lease()->ops->release(heads_->lease());
    heads_ = nullptr;
  }
  if (heads_ == nullptr) {
    heads_ = pool_.alloc(kHeadsBytes);
    heads_used_ = 0;
    if (heads_ == nullptr) return {};
  }
  uint8_t* const place = heads_->bytes() + heads_used_;
  std::memcpy(place, head, kFrameHead);
  heads_used_ += kFrameHead;
  const chr_slice slice{place, kFrameHead, heads_->lease()};
  retain(slice);
  return slice;
}

void LinkOutbox::open() {
  const std::lock_guard lock(mutex_);
  open_ = true;
}

void LinkOutbox::close() {
  const std::lock_guard lock(mutex_);
  open_ = false;
  woken_ = false;
  drop_waiting();
  queued_ = 0;
}

void LinkOutbox::drop_waiting() {
  for (const chr_slice& slice : waiting_) release(slice);
  waiting_.clear();
}

void LinkOutbox::take_frames(WriteQueue* queue, uint64_t now_ns) {
  {
    const std::lock_guard lock(mutex_);
    woken_ = false;
    taken_.swap(waiting_);
  }
  queue->adopt(taken_.data(), static_cast<uint32_t>(taken_.size()), now_ns);
  taken_.clear();
  if (taken_.capacity() > kKeptSlices) taken_.shrink_to_fit();
}

void LinkOutbox::sent(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  counts_.bytes += bytes;
  queued_ -= bytes < queued_ ? bytes : queued_;  // closed meanwhile: nothing is queued any more
}

LinkOutbox::Counts LinkOutbox::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace chronik::host
