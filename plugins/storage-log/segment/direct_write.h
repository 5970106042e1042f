// Large payloads go to their place at once, from the caller's slices, and lie there only.
#pragma once

#include "storage-log/segment/record.h"
#include "storage-log/segment/segment_files.h"

#include <memory>
#include <span>
#include <vector>

namespace chronik::storage_log {

// Neighbouring records in one write: file().write(at, slices, CHR_FILE_DURABLE, done) on the file of SegmentFiles::ready() or
// prepare(). Stays where it is until the write has ended, as the slices point into it; the payloads' leases are borrowed from the
// entries, and retained by the host.
struct DirectWrite {
  SegmentId segment;
  uint64_t at = 0;
  uint64_t end = 0;
  std::vector<RecordHead> heads;
  std::vector<chr_slice> slices;
};

// Of those entries that are in_segment, whose payload_crc is set. [any]
std::vector<std::unique_ptr<DirectWrite>> plan_direct_writes(uint64_t group,
                                                             std::span<const PlacedEntry> entries);

}  // namespace chronik::storage_log
