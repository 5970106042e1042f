#include "storage-log/segment/mover.h"

#include <algorithm>

#include "storage-log/segment/record.h"

#include <cstring>

namespace chronik::storage_log {
namespace {

constexpr uint64_t kOneWrite = 1u << 20;
constexpr uint64_t kCopied = 16u << 10;  // payloads up to this size are copied beside their heads

// Neighbouring records as the slices of one write.
class RecordRun {
 public:
  RecordRun(uint64_t group, std::span<const TailEntry> entries) {
    uint64_t copied = 0;
    for (const TailEntry& entry : entries) copied += bytes_to_copy(entry.placed.entry.header.bytes);
    bytes_.resize(copied);
    for (const TailEntry& entry : entries) add(group, entry.placed);
    close();
  }
  std::span<const chr_slice> slices() const { return slices_; }

 private:
  static uint64_t bytes_to_copy(uint64_t payload) {
    return record_bytes(payload) - (payload > kCopied ? payload : 0);
  }
  void add(uint64_t group, const PlacedEntry& placed) {
    const RecordHead head = make_head(group, placed);
    const uint64_t bytes = head.header.bytes;
    std::memcpy(bytes_.data() + used_, &head, sizeof head);
    if (bytes > kCopied) {
      used_ += sizeof head;
      close();
      slices_.push_back(placed.entry.payload);
      used_ += bytes_to_copy(bytes) - sizeof head;
      return;
    }
    if (bytes != 0) std::memcpy(bytes_.data() + used_ + sizeof head, placed.entry.payload.p, bytes);
    used_ += bytes_to_copy(bytes);
  }
  void close() {
    if (used_ != begun_) slices_.push_back({bytes_.data() + begun_, used_ - begun_, nullptr});
    begun_ = used_;
  }

  std::vector<uint8_t> bytes_;
  uint64_t begun_ = 0;  // of the slice that is being filled
  uint64_t used_ = 0;
  std::vector<chr_slice> slices_;
};

bool waits(const GroupLog& log) {
  return log.unmoved().first.segment != 0 || log.due_points(kIndexBlockPoints).has_value();
}

}  // namespace

void Mover::add(const std::shared_ptr<GroupLog>& log) {
  const std::lock_guard lock(mutex_);
  Item& item = items_[log.get()];
  if (item.log != nullptr) return;
  if (!waits(*log)) {
    items_.erase(log.get());
    return;
  }
  item.log = log;
  enqueue(log.get(), item);
}

void Mover::enqueue(GroupLog* log, Item& item) {
  item.since_ns = now_ns_;
  item.place = queue_.insert(queue_.end(), log);
}

void Mover::set_time(uint64_t now_ns) {
  const std::lock_guard lock(mutex_);
  now_ns_ = now_ns;
}

std::optional<uint64_t> Mover::waits_since() const {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) return std::nullopt;
  return items_.at(queue_.front()).since_ns;
}

bool Mover::has_work() const {
  const std::lock_guard lock(mutex_);
  return !queue_.empty();
}

std::shared_ptr<GroupLog> Mover::claim_next() {
  const std::lock_guard lock(mutex_);
  return queue_.empty() ? nullptr : begin_move(items_.at(queue_.front()));
}

std::shared_ptr<GroupLog> Mover::begin_move(Item& item) {
  queue_.erase(item.place);
  item.is_moving = true;
  return item.log;
}

std::shared_ptr<GroupLog> Mover::claim(GroupLog* log) {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto found = items_.find(log);
    if (found == items_.end()) return nullptr;
    if (!found->second.is_moving) return begin_move(found->second);
    released_.wait(lock);
  }
}

void Mover::release(GroupLog* log) {
  const std::lock_guard lock(mutex_);
  const auto found = items_.find(log);
  found->second.is_moving = false;
  if (waits(*log)) {
    enqueue(log, found->second);
  } else {
    items_.erase(found);
  }
  released_.notify_all();
}

Status Mover::move_some(uint64_t max_bytes) {
  for (uint64_t moved = 0; moved < max_bytes;) {
    const std::shared_ptr<GroupLog> log = claim_next();
    if (log == nullptr) return {};
    const Status status = move(*log, std::min(max_bytes - moved, kOneWrite), &moved);
    release(log.get());
    CHRONIK_CHECK(status);
  }
  return {};
}

Status Mover::move_all() {
  std::vector<std::shared_ptr<GroupLog>> logs;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [pointer, item] : items_) logs.push_back(item.log);
    // By what they are, not by where they lie in memory: a run of the simulator is a function of its seed.
    std::ranges::sort(logs, {}, [](const std::shared_ptr<GroupLog>& log) { return log->group(); });
  }
  Status outcome;
  for (const std::shared_ptr<GroupLog>& log : logs) {
    const Place last = log->unmoved().second;
    for (;;) {
      const Place first = log->unmoved().first;
      if (first.segment == 0 || first > last || claim(log.get()) == nullptr) break;
      uint64_t moved = 0;
      const Status status = move(*log, kOneWrite, &moved);
      release(log.get());
      if (status) continue;
      outcome = status;
      // Another log may lie in segments that have their room.
      if (status.error().code != Code::kNoSpace) return outcome;
      break;
    }
  }
  return outcome;
}

Status Mover::move(GroupLog& log, uint64_t max_bytes, uint64_t* moved) {
  const std::vector<TailEntry> entries = log.to_move(max_bytes);
  if (!entries.empty()) {
    CHRONIK_CHECK(write(log, entries));
    log.moved(entries.back().placed.place);
  }
  for (const TailEntry& entry : entries) *moved += record_bytes(entry.placed.entry.header.bytes);
  return write_points(log);
}

Status Mover::write(const GroupLog& log, std::span<const TailEntry> entries) {
  const PlacedEntry& last = entries.back().placed;
  const Place from = entries.front().placed.place;
  const SegmentId id{log.group(), from.segment};
  const uint64_t end = last.place.at + record_bytes(last.entry.header.bytes);
  CHRONIK_TRY(const std::shared_ptr<OpenSegment> segment, files_.open_to_write(id, end));
  const RecordRun run(log.group(), entries);
  CHRONIK_CHECK(segment->file().write(from.at, run.slices()));
  files_.written(*segment);
  // The log may have lost the segment meanwhile, and this may have made the file again.
  if (!log.lists(id.number)) files_.remove({&id, 1});
  return {};
}

Status Mover::write_points(GroupLog& log) {
  while (const std::optional<SegmentPoints> due = log.due_points(kIndexBlockPoints)) {
    const SegmentId id{log.group(), due->segment};
    CHRONIK_CHECK(indexes_.append(id, due->points));
    log.points_written(due->segment, due->points.size());
    if (!log.lists(id.number)) files_.remove({&id, 1});
  }
  return {};
}

}  // namespace chronik::storage_log
