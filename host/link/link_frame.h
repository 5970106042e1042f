// Frames of a link between two nodes: a head of 16 bytes, then the payload. Pure.
//
//     0 length of the payload   4 channel: channel_hash of its name, 0: keeps the connection alive
//     8 CRC32C of the payload  12 CRC32C of the twelve bytes before         all little-endian
#pragma once

#include <chronik/abi.h>
#include <chronik/result.hpp>

#include <cstdint>
#include <string_view>

namespace chronik::host {

inline constexpr uint64_t kFrameHead = 16;
inline constexpr uint64_t kMaxFramePayload = 160 << 20;  // above the largest request that a client may send

struct FrameHead {
  uint32_t length = 0;
  uint32_t channel = 0;
  uint32_t crc = 0;
};

// Never 0. Two names with one hash cannot be open in one node.
uint32_t channel_hash(std::string_view name);

void encode_frame_head(const FrameHead& head, uint8_t* out);
// From kFrameHead bytes. kCorrupt: damaged, or larger than a frame may be.
Result<FrameHead> decode_frame_head(const uint8_t* bytes);

class SliceSums;

// The head of a frame whose payload is gathered from n slices. sums: what is known of them; null: nothing.
FrameHead frame_head(uint32_t channel, const chr_slice* slices, uint32_t n, SliceSums* sums = nullptr);

}  // namespace chronik::host
