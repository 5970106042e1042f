// The bytes of a journal: frames in its file, and the steps inside a frame. Little endian throughout.
//
//     frame:  magic u32 | payload size u32 | epoch u64 | sequence u64 | crc32c u32 of all else | zero u32
//             | payload, which is steps
//     step:   type u32 | group u64 | index u64 | key size u32 | value size u32 | entries u32 | key | value
//             | entries
//     entry:  chr_entry_header (64 bytes) | payload
#pragma once

#include <chronik/storage_write.hpp>

#include <functional>
#include <vector>

namespace chronik::storage_memory {

inline constexpr uint32_t kFrameMagic = 0x4a524843;  // "CHRJ"
inline constexpr uint64_t kFrameHeader = 32;
// Steps of the journal's own, beside those of chr_storage_step.
enum : uint32_t {
  kStepGroup = 100 /* group exists, its name is the key */,
  kStepNextId = 101 /* in index */
};

struct FrameHeader {
  uint32_t magic;
  uint32_t size;  // of the payload
  uint64_t epoch;
  uint64_t sequence;
  uint32_t crc;
  uint32_t zero;
};
static_assert(sizeof(FrameHeader) == kFrameHeader);

// A frame being filled.
class FrameWriter {
 public:
  FrameWriter() : bytes_(kFrameHeader) {}
  void add_step(uint64_t group, const chr_storage_step& step);
  bool empty() const { return bytes_.size() == kFrameHeader; }
  uint64_t size() const { return bytes_.size(); }
  // Writes the header over the place left for it; the bytes are then ready to be written.
  std::span<const uint8_t> seal(uint64_t epoch, uint64_t sequence);

 private:
  void raw(const void* p, uint64_t n);
  std::vector<uint8_t> bytes_;
};

// Whether header and payload belong together and are unharmed.
bool frame_is_whole(const FrameHeader& header, std::span<const uint8_t> payload);

// Calls fn for each step of a payload; the step points into it. CORRUPT where the bytes do not add up.
Status for_each_step(std::span<const uint8_t> payload,
                     const std::function<Status(uint64_t group, const chr_storage_step& step)>& fn);

}  // namespace chronik::storage_memory
