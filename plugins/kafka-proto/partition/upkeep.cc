// What time does to a partition: retention and the expiry of producers, both proposed by the leader, and its
// metrics.
#include <algorithm>

#include "kafka-proto/partition/command.h"
#include "kafka-proto/partition/partition.h"

namespace chronik::kafka {
namespace {

constexpr uint64_t kOneBatch = 1;           // a read returns its first batch whatever its size
constexpr uint64_t kHeadBytes = 64u << 20;  // of the batches that one look at what is due covers

struct Head {
  chr_entries entries{};
};

}  // namespace

void Partition::upkeep() {
  appended_since_upkeep_ = 0;
  report_metrics();
  if (group_ == nullptr) return;
  retain();
  if (!leader_) return;
  look_at_replicas();
  pursue();
  expire_producers();
}

// Trims the oldest batches that are too old or too many. Costs nothing while the oldest one may stay. The
// leader proposes it to all; a replica whose storage is full goes ahead, as the proposal may wait for room.
void Partition::retain() {
  const std::shared_ptr<const TopicConfig> config = this->config();
  if (looking_ || !config->deletes || (config->retention_ms < 0 && config->retention_bytes < 0)) return;
  const chr_group_bounds now = bounds();
  if (now.log_start >= now.high_watermark) return;
  if (oldest_.offset != now.log_start) return look_at_head(now, kOneBatch);
  if (!is_due(oldest_, now.bytes)) return;
  if (leader_ || trim_alone(oldest_.end)) look_at_head(bounds(), kHeadBytes);
}

bool Partition::is_due(const Oldest& batch, uint64_t log_bytes) const {
  const std::shared_ptr<const TopicConfig> config = this->config();
  if (!config->deletes) return false;
  const int64_t now_ms = broker_.host.unix_ms();
  const bool too_old = config->retention_ms >= 0 && batch.max_timestamp >= 0 &&
                       now_ms - batch.max_timestamp > config->retention_ms;
  const bool too_many = config->retention_bytes >= 0 && log_bytes >= batch.bytes &&
                        log_bytes - batch.bytes >= static_cast<uint64_t>(config->retention_bytes);
  return too_old || too_many;
}

// Reads the headers of the oldest batches.
void Partition::look_at_head(const chr_group_bounds& now, uint64_t max_bytes) {
  looking_ = true;
  const auto head = std::make_shared<Head>();
  head->entries.struct_size = sizeof head->entries;
  chr_group_read args{};
  args.struct_size = sizeof args;
  args.bound = CHR_BOUND_COMMITTED;
  args.offset = now.log_start;
  args.max_bytes = max_bytes;
  args.headers_only = 1;
  const auto finish = [self = shared_from_this(), head, max_bytes, start = now.log_start](chr_status code) {
    self->looking_ = false;
    if (code != CHR_OK) return;
    const Lease lease = Lease::adopt(head->entries.lease);
    if (self->group_ != nullptr) self->retain_from(start, head->entries, max_bytes);
  };
  const chr_status status = broker_.host.async(
      [&](uint64_t token) {
        return broker_.consensus.table->read(group_, &args, &head->entries, token, nullptr);
      },
      [finish](const chr_done& d) { finish(d.code); });
  if (status != CHR_PENDING) finish(status);
}

// The log starts within the first one.
void Partition::retain_from(int64_t start, const chr_entries& head, uint64_t asked_bytes) {
  uint64_t left = bounds().bytes;
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
  if (leader_) {
    trim(trim_to, again);
  } else if (trim_alone(trim_to) && again) {
    retain();
  }
}

// A follower may do so where its storage is full, and only there.
bool Partition::trim_alone(int64_t offset) {
  const chr_status status = broker_.host.async(
      [&](uint64_t token) { return broker_.consensus.table->trim(group_, offset, token, nullptr); },
      [](const chr_done&) {});
  return status == CHR_OK;
}

void Partition::trim(int64_t offset, bool again) {
  if (offset <= trimming_) return;  // it waits to be committed
  trimming_ = offset;
  const auto finish = [self = shared_from_this(), offset, again](chr_status code) {
    if (self->trimming_ == offset) self->trimming_ = -1;
    if (code == CHR_OK && again && self->leader_ && self->group_ != nullptr) self->retain();
  };
  const chr_status status = broker_.host.async(
      [&](uint64_t token) { return broker_.consensus.table->trim(group_, offset, token, nullptr); },
      [finish](const chr_done& d) { finish(d.code); });
  if (status != CHR_PENDING && trimming_ == offset) trimming_ = -1;
}

// A snapshot of them is written in one go, on this shard: where clients come and go faster than they expire,
// the longest idle are forgotten early. Their time is known to the tick of these entries, so these come more
// often then.
void Partition::expire_producers() {
  constexpr int64_t kLooksPerLife = 10;  // a producer lives up to a tenth longer than it must
  constexpr int64_t kShortestMs = 1000, kCrowdedMs = 60'000;
  const int64_t now_ms = broker_.host.unix_ms();
  int64_t expiration_ms = broker_.config.producer_id_expiration_ms;
  int64_t every_ms = std::max(expiration_ms / kLooksPerLife, kShortestMs);
  if (producers_.size() > kMostProducers / 2) every_ms = std::min(every_ms, kCrowdedMs);
  if (producers_.size() > kMostProducers) every_ms = kShortestMs;
  if (producers_.size() == 0 || now_ms - last_expiry_ms_ < every_ms) return;
  last_expiry_ms_ = now_ms;
  if (const std::optional<int64_t> shorter = producers_.shorter_expiration(now_ms, kMostProducers))
    expiration_ms = std::min(expiration_ms, *shorter);
  const std::array<uint8_t, ExpireProducers::kSize> bytes = ExpireProducers{now_ms, expiration_ms}.encode();
  chr_slice payload{};
  if (broker_.host.alloc(bytes.size(), &payload) != CHR_OK) return;
  const Lease lease = Lease::adopt(payload.lease);
  std::memcpy(const_cast<uint8_t*>(payload.p), bytes.data(), bytes.size());
  chr_proposal item{};
  item.kind = CHR_ENTRY_COMMAND;
  item.offset_at = -1;
  item.epoch_at = -1;
  item.max_timestamp = -1;
  item.payload = payload;
  chr_placed placed{};
  broker_.consensus.table->propose(group_, 0, &item, 1, CHR_UNTIL_PLACED, &placed, 0, nullptr);
}

void Partition::report_metrics() {
  if (group_ == nullptr || !leader_) return metrics_.reset();
  if (!metrics_.has_value()) metrics_.emplace(broker_.host, id_.topic_name, id_.index);
  const std::shared_ptr<const Members> members = this->members();
  metrics_->report(bounds(), members->preferred() == broker_.host.node().id, members->all().size());
  if (const uint64_t bytes = std::exchange(appended_bytes_, 0); bytes != 0)
    broker_.host.add(metrics_->traffic.in, static_cast<double>(bytes));
  if (const uint64_t bytes = fetched_bytes_.exchange(0, std::memory_order_relaxed); bytes != 0)
    broker_.host.add(metrics_->traffic.out, static_cast<double>(bytes));
}

}  // namespace chronik::kafka
