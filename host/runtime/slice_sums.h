// SliceSums: the CRC32C of slices that go to several peers in one turn of a shard, summed once.
#pragma once

#include <chronik/abi.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace chronik::host {

// Not thread-safe. Keeps a reference of what it knows, so that the same address is the same bytes; whoever
// has one calls clear() soon, at the end of a turn.
class SliceSums {
 public:
  // Summing fewer bytes costs no more than remembering and combining sums.
  static constexpr uint64_t kMinBytes = 8192;

  SliceSums() = default;
  ~SliceSums() { clear(); }
  SliceSums(const SliceSums&) = delete;
  SliceSums& operator=(const SliceSums&) = delete;

  // The CRC of a slice.
  uint32_t of(const chr_slice& slice);
  void clear();
  bool empty() const { return used_.empty(); }
  // Bytes that were read for it, since the start.
  uint64_t summed_bytes() const { return summed_bytes_; }

 private:
  // A slice takes the place of another one with the same slot: more than a turn sends is not remembered.
  static constexpr uint32_t kSlotBits = 10;
  struct Known {
    chr_slice slice;  // with a reference; lease null: none
    uint32_t crc;
  };

  std::unique_ptr<Known[]> known_;  // made with the first
  std::vector<uint32_t> used_;      // slots
  uint64_t summed_bytes_ = 0;
};

}  // namespace chronik::host
