#include "storage-log/format/frame.h"

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

bool ids_are_whole(const FrameHeader& header, const uint8_t* ids) {
  return header.groups_crc == crc32c::extend(0, ids, header.groups * sizeof(uint64_t));
}

}  // namespace chronik::storage_log
