#include "storage-log/settings.h"

#include <algorithm>

namespace chronik::storage_log {
namespace {

constexpr uint64_t kMinSegment = 64u << 10;
constexpr uint64_t kSegmentsOfSmallStore =
    128;  // each log keeps up to two that are not full of what is retained

// A number of the configuration; what is negative counts as 0.
uint64_t setting(const Host& host, std::string_view key) {
  return static_cast<uint64_t>(std::max<int64_t>(0, host.config_int(key)));
}

}  // namespace

StoreOptions StoreOptions::of(const Host& host) {
  StoreOptions options;
  options.max_size = setting(host, "max_size");
  options.journal.file_bytes = setting(host, "journal_file_bytes") / 4096 * 4096;
  options.journal.files = static_cast<uint32_t>(setting(host, "journal_files"));
  options.segments.segment_bytes = setting(host, "segment_bytes");
  options.segments.open_files = setting(host, "open_files");
  options.direct_bytes = setting(host, "direct_bytes");
  options.queue_bytes = setting(host, "queue_bytes");
  options.move_after_ns = setting(host, "move_after");
  if (options.max_size == 0) return options;
  // A small store would hold little but its journal, and free nothing before a segment is done with.
  options.journal.file_bytes = std::min(options.journal.file_bytes, options.max_size / 8 / 4096 * 4096);
  options.journal.files = 2;
  options.segments.segment_bytes = std::min(options.segments.segment_bytes,
                                            std::max(options.max_size / kSegmentsOfSmallStore, kMinSegment));
  return options;
}

}  // namespace chronik::storage_log
