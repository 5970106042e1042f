#include "storage-log/format/frame.h"

#include "storage-log/format/crc_change.h"

#include <chronik/crc32c.hpp>

namespace chronik::storage_log {
namespace {

uint32_t header_crc(FrameHeader header) {
  header.crc = 0;
  return crc32c::extend(0, &header, sizeof header);
}

}  // namespace

uint32_t seal_frame(uint8_t* p, FrameHeader header, std::span<const uint64_t> groups) {
  header.groups = static_cast<uint32_t>(groups.size());
  header.groups_crc = crc32c::extend(0, groups.data(), groups.size_bytes());
  header.payload_crc = crc32c::extend(0, p + sizeof header, header.payload_bytes);
  header.crc = header_crc(header);
  std::memcpy(p, &header, sizeof header);
  if (!groups.empty()) {
    std::memcpy(p + front_ids(header), groups.data(), groups.size_bytes());
    std::memcpy(p + back_ids(header), groups.data(), groups.size_bytes());
  }
  const uint64_t between = front_ids(header) + groups.size_bytes();
  std::memset(p + between, 0, back_ids(header) - between);
  std::memcpy(p + header.size - sizeof header, &header, sizeof header);
  return header.crc;
}

std::optional<FrameHeader> parse_header(const uint8_t* p) {
  FrameHeader header;
  std::memcpy(&header, p, sizeof header);
  if (header.magic != kFrameMagic || header.format != kFrameFormat || header.crc != header_crc(header))
    return std::nullopt;
  if (header.payload_bytes > header.size || frame_size(header.payload_bytes, header.groups, 1) > header.size)
    return std::nullopt;
  return header;
}

bool payload_is_whole(const FrameHeader& header, const uint8_t* payload) {
  return header.payload_crc == crc32c::extend(0, payload, header.payload_bytes);
}

uint32_t payload_crc_change(const FrameHeader& header, const uint8_t* payload) {
  return header.payload_crc ^ crc32c::extend(0, payload, header.payload_bytes);
}

std::optional<uint64_t> flipped_bit(const FrameHeader& header, const uint8_t* payload) {
  const uint32_t wrong = payload_crc_change(header, payload);
  std::array<uint32_t, 8> change{};
  for (uint32_t bit = 0; bit < 8; ++bit) change[bit] = kCrcOfByte[size_t{1} << bit];
  for (uint64_t at = header.payload_bytes; at-- > 0;) {
    for (uint32_t bit = 0; bit < 8; ++bit) {
      if (change[bit] == wrong) return 8 * at + bit;
      change[bit] = crc_change_behind(change[bit], 1);
    }
  }
  return std::nullopt;
}

bool ids_are_whole(const FrameHeader& header, const uint8_t* ids) {
  return header.groups_crc == crc32c::extend(0, ids, header.groups * sizeof(uint64_t));
}

}  // namespace chronik::storage_log
