// A frame of the journal: what was committed together, of any groups. It fills whole blocks:
//
//     header | payload | ids of the groups | ... | ids of the groups | header
//
// Header and ids stand at both ends, so that one damaged place leaves either the payload, or the knowledge
// of whose it was.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace chronik::storage_log {

inline constexpr uint64_t kFrameMagic = 0x454d415246524843;  // "CHRFRAME"
inline constexpr uint32_t kFrameFormat = 1;

struct FrameHeader {
  uint64_t magic = kFrameMagic;
  uint32_t format = kFrameFormat;
  uint32_t crc = 0;         // of the header with zero here
  uint64_t generation = 0;  // of the checkpoint that it follows; one per start of the store
  uint64_t sequence = 0;    // from 1 on without gaps, over all generations
  uint64_t mark = 0;        // all frames up to this sequence were durable when this one was written
  uint64_t size = 0;        // of the frame
  uint64_t payload_bytes = 0;
  uint32_t groups = 0;
  uint32_t groups_crc = 0;
  uint32_t payload_crc = 0;
  uint32_t previous_crc = 0;  // the crc of the header before
};
static_assert(sizeof(FrameHeader) == 72);

// Of a frame with so much in it, in whole blocks.
constexpr uint64_t frame_size(uint64_t payload_bytes, uint64_t groups, uint64_t block) {
  const uint64_t bytes = 2 * (sizeof(FrameHeader) + groups * sizeof(uint64_t)) + payload_bytes;
  return (bytes + block - 1) / block * block;
}

// Where in a frame the ids lie.
constexpr uint64_t front_ids(const FrameHeader& header) { return sizeof header + header.payload_bytes; }
constexpr uint64_t back_ids(const FrameHeader& header) {
  return header.size - sizeof header - header.groups * sizeof(uint64_t);
}

// Completes a frame of header.size bytes at p, whose payload is there already: sums, ids, both headers.
// Returns the crc of the header.
uint32_t seal_frame(uint8_t* p, FrameHeader header, std::span<const uint64_t> groups);

// A header, if its checksum says so and its sizes fit each other.
std::optional<FrameHeader> parse_header(const uint8_t* p);

bool payload_is_whole(const FrameHeader& header, const uint8_t* payload);
// What the checksum of a damaged payload is off by.
uint32_t payload_crc_change(const FrameHeader& header, const uint8_t* payload);
// The one bit whose flip made the payload what it is, counted from its first; none: no single one did. Larger damage looks like that
// once in 2^29 / payload_bytes times: whoever asks looks at what comes out.
std::optional<uint64_t> flipped_bit(const FrameHeader& header, const uint8_t* payload);
// Whether these are the ids that the header says; header.groups of them, of any alignment.
bool ids_are_whole(const FrameHeader& header, const uint8_t* ids);

}  // namespace chronik::storage_log
