#include "host/link/link_frame.h"

#include "host/link/little_endian.h"
#include "host/runtime/slice_sums.h"

#include <chronik/crc32c.hpp>

#include <fmt/format.h>

#include <span>

namespace chronik::host {

uint32_t channel_hash(std::string_view name) {
  uint32_t hash = 2166136261u;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
  return hash == 0 ? 1 : hash;
}

void encode_frame_head(const FrameHead& head, uint8_t* out) {
  put_le(out, head.length);
  put_le(out + 4, head.channel);
  put_le(out + 8, head.crc);
  put_le(out + 12, crc32c::extend(0, out, 12));
}

Result<FrameHead> decode_frame_head(const uint8_t* bytes) {
  if (get_le<uint32_t>(bytes + 12) != crc32c::extend(0, bytes, 12))
    return fail(Code::kCorrupt, "the head of a frame is damaged, or no frame at all");
  const FrameHead head{get_le<uint32_t>(bytes), get_le<uint32_t>(bytes + 4), get_le<uint32_t>(bytes + 8)};
  if (head.length > kMaxFramePayload) {
    return fail(Code::kCorrupt, fmt::format("a frame announces {} bytes, more than the {} that one may have",
                                            head.length, kMaxFramePayload));
  }
  return head;
}

FrameHead frame_head(uint32_t channel, const chr_slice* slices, uint32_t n, SliceSums* sums) {
  FrameHead head{0, channel, 0};
  for (uint32_t i = 0; i < n; ++i) {
    head.length += static_cast<uint32_t>(slices[i].n);
    head.crc = sums != nullptr && slices[i].n >= SliceSums::kMinBytes
                   ? crc32c::combine(head.crc, sums->of(slices[i]), slices[i].n)
                   : crc32c::extend(head.crc, slices[i].p, slices[i].n);
  }
  return head;
}

}  // namespace chronik::host
