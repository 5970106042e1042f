// LinkOutbox: the bounded queue of one lane to one peer, which any thread fills and shard 0 empties.
// LinkOut: both lanes of a peer.
#pragma once

#include "host/net/write_queue.h"
#include "host/runtime/buffer_pool.h"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

namespace chronik::host {

class SliceSums;

inline constexpr uint32_t kLanes = 2;

// Thread-safe.
class LinkOutbox {
 public:
  // limit: bytes that may wait. A single frame may be larger where nothing else waits.
  LinkOutbox(BufferPool& pool, uint64_t limit) : pool_(pool), limit_(limit) {}
  ~LinkOutbox();
  LinkOutbox(const LinkOutbox&) = delete;
  LinkOutbox& operator=(const LinkOutbox&) = delete;

  // Queues a frame and retains the leases of its slices. *wake: the caller has shard 0 take what waits.
  // CHR_E_UNAVAILABLE while closed, CHR_E_OVERLOADED when full, CHR_E_OUT_OF_RANGE: larger than a frame may
  // be. sums: of the calling shard, null elsewhere.
  chr_status push(uint32_t channel, const chr_slice* slices, uint32_t n, SliceSums* sums, bool* wake);

  void open();
  void close();  // drops what waits

  // Shard 0: moves what waits to the end of `queue`; what is in there still counts, until sent().
  void take_frames(WriteQueue* queue, uint64_t now_ns);
  void sent(uint64_t bytes);

  // Since the start of the node.
  struct Counts {
    uint64_t frames = 0;
    uint64_t dropped = 0;  // as the queue was full
    uint64_t bytes = 0;    // that left
  };
  Counts counts() const;

 private:
  chr_status room_for(uint64_t bytes);
  chr_slice place_head(const uint8_t* head);
  void drop_waiting();

  BufferPool& pool_;
  const uint64_t limit_;
  mutable std::mutex mutex_;
  std::vector<chr_slice> waiting_;  // each with a reference of its lease
  std::vector<chr_slice> taken_;    // recycled; shard 0 only
  uint64_t queued_ = 0;             // bytes that wait, or are on their way into the socket
  bool open_ = false;
  bool woken_ = false;
  Buffer* heads_ = nullptr;  // where the next heads of frames go
  uint64_t heads_used_ = 0;
  Counts counts_;
};

struct LinkOut {
  LinkOut(BufferPool& pool, uint64_t control_limit, uint64_t bulk_limit)
      : lanes{{pool, control_limit}, {pool, bulk_limit}} {}
  std::atomic<bool> up{false};
  LinkOutbox lanes[kLanes];
  std::atomic<uint64_t> received_bytes[kLanes]{};
  std::atomic<uint64_t> received_frames[kLanes]{};
};

}  // namespace chronik::host
