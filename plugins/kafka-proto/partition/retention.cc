#include "kafka-proto/partition/retention.h"

#include <algorithm>
#include <memory>

namespace chronik::kafka {
namespace {

constexpr uint64_t kOneBatch = 1;           // a read returns its first batch whatever its size
constexpr uint64_t kHeadBytes = 64u << 20;  // of the batches that one look at what is due covers

struct Head {
  chr_entries entries{};
};

}  // namespace

void Retention::retain() {
  const std::shared_ptr<const TopicConfig> config = replica_.info().config();
  if (looking_ || !config->deletes || (config->retention_ms < 0 && config->retention_bytes < 0)) return;
  const chr_group_bounds now = replica_.bounds();
  if (now.log_start >= now.high_watermark) return;
  if (oldest_.offset != now.log_start) return look_at_head(now, kOneBatch);
  if (!is_due(oldest_, now.bytes)) return;
  if (replica_.leads() || trim_alone(oldest_.end)) look_at_head(replica_.bounds(), due_bytes(*config));
}

// How much may be due, and a batch behind that. By their age any number of batches may be.
uint64_t Retention::due_bytes(const TopicConfig& config) const {
  const auto keeps = static_cast<uint64_t>(config.retention_bytes);
  const uint64_t has = replica_.bounds().bytes;
  if (config.retention_bytes < 0 || is_too_old(oldest_, config)) return kHeadBytes;
  return std::min(kHeadBytes, has - std::min(has, keeps) + oldest_.bytes + kOneBatch);
}

void Retention::trim_to_snapshot() {
  const chr_group_bounds now = replica_.bounds();
  if (now.bytes < static_cast<uint64_t>(replica_.info().config()->segment_bytes)) return;
  constexpr bool kOnce = false;
  if (replica_.leads()) {
    trim(now.high_watermark, kOnce);
  } else {
    trim_alone(now.high_watermark);
  }
}

bool Retention::is_too_old(const Oldest& batch, const TopicConfig& config) const {
  return config.retention_ms >= 0 && batch.max_timestamp >= 0 &&
         replica_.context().host.unix_ms() - batch.max_timestamp > config.retention_ms;
}

bool Retention::is_due(const Oldest& batch, uint64_t log_bytes) const {
  const std::shared_ptr<const TopicConfig> config = replica_.info().config();
  if (!config->deletes) return false;
  const bool too_many = config->retention_bytes >= 0 && log_bytes >= batch.bytes &&
                        log_bytes - batch.bytes >= static_cast<uint64_t>(config->retention_bytes);
  return too_many || is_too_old(batch, *config);
}

// Reads the headers of the oldest batches.
void Retention::look_at_head(const chr_group_bounds& now, uint64_t max_bytes) {
  looking_ = true;
  const auto head = std::make_shared<Head>();
  head->entries.struct_size = sizeof head->entries;
  chr_group_read args{};
  args.struct_size = sizeof args;
  args.bound = CHR_BOUND_COMMITTED;
  args.offset = now.log_start;
  args.max_bytes = max_bytes;
  args.headers_only = 1;
  replica_.read(args, &head->entries,
                [this, head, max_bytes, start = now.log_start](chr_status code, std::string_view) {
                  looking_ = false;
                  if (code != CHR_OK) return;
                  const Lease lease = Lease::adopt(head->entries.lease);
                  if (replica_.is_open()) retain_from(start, head->entries, max_bytes);
                });
}

// The log starts within the first one.
void Retention::retain_from(int64_t start, const chr_entries& head, uint64_t asked_bytes) {
  uint64_t left = replica_.bounds().bytes;
  int64_t trim_to = -1;
  for (uint32_t i = 0; i < head.n; ++i) {
    const chr_entry_header& header = head.entries[i].header;
    const int64_t end = header.base_offset + header.records;
    oldest_ = {i == 0 ? start : header.base_offset, end, header.max_timestamp, header.bytes};
    if (asked_bytes == kOneBatch) return retain();
    if (!is_due(oldest_, left)) break;
    left -= std::min(left, header.bytes);
    trim_to = end;
    oldest_.offset = -1;
  }
  if (trim_to < 0) return;
  // All of what was looked at is due: more may be.
  const bool again = oldest_.offset < 0;
  if (replica_.leads()) {
    trim(trim_to, again);
  } else if (trim_alone(trim_to) && again) {
    retain();
  }
}

void Retention::trim(int64_t offset, bool again) {
  if (offset <= trimming_to_) return;  // it waits to be committed
  trimming_to_ = offset;
  const chr_status status = replica_.trim(offset, [this, offset, again](chr_status code) {
    if (trimming_to_ == offset) trimming_to_ = -1;
    if (code == CHR_OK && again && replica_.leads() && replica_.is_open()) retain();
  });
  if (status != CHR_PENDING && trimming_to_ == offset) trimming_to_ = -1;
}

// A follower may do so where its storage is full, and only there.
bool Retention::trim_alone(int64_t offset) {
  return replica_.trim(offset, [](chr_status) {}) == CHR_OK;
}

}  // namespace chronik::kafka
