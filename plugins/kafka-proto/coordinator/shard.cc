#include "kafka-proto/coordinator/shard.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "kafka-proto/records/record.h"

namespace chronik::kafka {
namespace {

std::vector<uint8_t> make_batch(const std::vector<const RecordList*>& lists, int64_t now_ms) {
  std::vector<uint8_t> out(kBatchHeaderSize);
  BatchHeader header;
  header.base_timestamp = header.max_timestamp = now_ms;
  for (const RecordList* list : lists) {
    list->each([&](Bytes key, const std::optional<Bytes>& value) {
      Record record;
      record.offset_delta = header.record_count++;
      record.key = key;
      record.value = value;
      append_record(out, record);
    });
  }
  header.last_offset_delta = header.record_count - 1;
  header.length = static_cast<int32_t>(out.size() - kBatchPrefixSize);
  encode_batch_header(header, out);
  store_be(out.data() + kCrcAt, batch_crc(out));
  return out;
}

}  // namespace

CoordinatorMetrics::CoordinatorMetrics(const Host& host, std::string_view topic)
    : writes(host.counter("chronik_coordinator_writes_total",
                          "Changes that coordinators wrote to their topic, each of one request.",
                          fmt::format("topic=\"{}\"", topic))),
      batches(host.counter("chronik_coordinator_batches_total", "Batches that they were in.",
                           fmt::format("topic=\"{}\"", topic))) {}

ErrorCode coordinator_error(ErrorCode append_error) {
  switch (append_error) {
    case ErrorCode::kNone:
      return ErrorCode::kNone;
    case ErrorCode::kNotEnoughReplicas:
    case ErrorCode::kRequestTimedOut:
      return ErrorCode::kCoordinatorNotAvailable;
    case ErrorCode::kNotLeaderOrFollower:
    case ErrorCode::kKafkaStorageError:
      return ErrorCode::kNotCoordinator;
    default:
      return ErrorCode::kUnknownServerError;
  }
}

size_t CoordinatorShard::max_write_bytes() const {
  const auto limit = static_cast<size_t>(partition_.config()->max_message_bytes);
  return limit - std::min(limit, kBatchHeaderSize);
}

// ---- turns ----

void CoordinatorShard::take_turn(std::string_view key, Turn turn, Run run) {
  if (!leads_) return run(ErrorCode::kNotCoordinator);
  const auto found = keys_.try_emplace(std::string(key)).first;
  if (batch_.is_late && found->second.writes > 0) return run(ErrorCode::kCoordinatorNotAvailable);
  found->second.waiting.push_back({turn, std::move(run)});
  run_waiting(std::string(found->first));
}

bool CoordinatorShard::has_late_write(std::string_view key) const {
  const auto found = keys_.find(key);
  return batch_.is_late && found != keys_.end() && found->second.writes > 0;
}

bool CoordinatorShard::may_run(const Key& key) const {
  if (key.running || key.waiting.empty()) return false;
  return key.writes == 0 || (key.turn == Turn::kShared && key.waiting.front().turn == Turn::kShared);
}

void CoordinatorShard::run_waiting(const std::string& key) {
  for (auto at = keys_.find(key); at != keys_.end(); at = keys_.find(key)) {
    Key& state = at->second;
    if (!may_run(state)) {
      if (!state.running && state.writes == 0) keys_.erase(at);
      return;
    }
    Waiting next = std::move(state.waiting.front());
    state.waiting.pop_front();
    state.turn = next.turn;
    state.running = true;
    next.run(ErrorCode::kNone);
    if (!leads_) return;
    state.running = false;
  }
}

void CoordinatorShard::write(std::string_view key, RecordList records, Written done) {
  const auto found = keys_.find(key);
  if (!leads_ || found == keys_.end())
    return host_.post(partition_.shard(), [done = std::move(done)] { done(ErrorCode::kNotCoordinator); });
  ++found->second.writes;
  const size_t bytes = records.batch_bytes();
  Write write{std::string(key), std::move(records), std::move(done)};
  if (batch_.is_late || (!next_.empty() && next_bytes_ + bytes > kMaxQueuedBytes))
    return refuse_later(std::move(write));
  next_bytes_ += bytes;
  next_.push_back(std::move(write));
  flush_later();
}

// Its key is written until it is told.
void CoordinatorShard::refuse_later(Write write) {
  refused_.push_back(std::move(write));
  if (refused_.size() > 1) return;
  host_.post(partition_.shard(), [this, alive = partition_.shared_from_this()] {
    end_writes(std::exchange(refused_, {}), ErrorCode::kCoordinatorNotAvailable);
  });
}

// ---- batches ----

void CoordinatorShard::flush_later() {
  if (flush_comes_ || batch_.number != 0 || next_.empty()) return;
  flush_comes_ = true;
  host_.post(partition_.shard(), [this, alive = partition_.shared_from_this()] {
    flush_comes_ = false;
    flush();
  });
}

void CoordinatorShard::flush() {
  if (!leads_ || batch_.number != 0 || next_.empty()) return;
  std::vector<Write> writes = next_batch();
  const ErrorCode error = append(writes);
  // mutant answer-before-apply: if (error == ErrorCode::kNone)
  //     return batch_.number = 0, end_writes(writes, error), flush_later();
  if (error == ErrorCode::kNone) return begin_batch(std::move(writes));
  end_writes(writes, error);
  flush_later();
}

void CoordinatorShard::begin_batch(std::vector<Write> writes) {
  batch_.writes = std::move(writes);
  // Consensus may apply what it is given within the call.
  if (applied_index_ >= batch_.index) return end_applied_batch();
  batch_.timer = host_.timer(
      kWriteTimeoutNs, [](void* shard) { static_cast<CoordinatorShard*>(shard)->end_late_batch(); }, this);
}

// As many as fit; one that is too large by itself comes alone.
std::vector<CoordinatorShard::Write> CoordinatorShard::next_batch() {
  const size_t limit = max_write_bytes();
  std::vector<Write> out;
  for (size_t bytes = 0; !next_.empty(); next_.pop_front()) {
    bytes += next_.front().records.batch_bytes();
    if (bytes > limit && !out.empty()) break;
    next_bytes_ -= next_.front().records.batch_bytes();
    out.push_back(std::move(next_.front()));
  }
  return out;
}

ErrorCode CoordinatorShard::append(const std::vector<Write>& writes) {
  std::vector<const RecordList*> lists;
  for (const Write& write : writes) lists.push_back(&write.records);
  const std::vector<uint8_t> bytes = make_batch(lists, host_.unix_ms());
  if (bytes.size() > static_cast<size_t>(partition_.config()->max_message_bytes)) {
    host_.warn(
        "A change is larger than a batch of its topic may be (max.message.bytes)",
        fmt::format("partition={} key={} bytes={}", partition_.label(), writes.front().key, bytes.size()));
    return ErrorCode::kUnknownServerError;
  }
  chr_slice slice{};
  if (host_.alloc(bytes.size(), &slice) != CHR_OK) return ErrorCode::kCoordinatorNotAvailable;
  const Lease lease = Lease::adopt(slice.lease);
  const MutableBytes placed(const_cast<uint8_t*>(slice.p), bytes.size());
  std::ranges::copy(bytes, placed.begin());
  const std::expected<uint64_t, ErrorCode> index = partition_.append_own(placed, lease);
  if (!index) return coordinator_error(index.error());
  batch_.index = *index;
  batch_.number = ++batches_;
  batch_.is_applied = false;
  return ErrorCode::kNone;
}

void CoordinatorShard::end_writes(const std::vector<Write>& writes, ErrorCode error) {
  for (const Write& write : writes) {
    if (const auto found = keys_.find(write.key); found != keys_.end()) --found->second.writes;
    write.done ? write.done(error) : end_late_write(write.key);
  }
  for (const Write& write : writes) run_waiting(write.key);
}

// Its clients look for another coordinator; whoever waits behind it does, too.
void CoordinatorShard::end_late_batch() {
  batch_.timer = 0;
  batch_.is_late = true;
  host_.warn("A batch of a coordinator is not committed in time",
             fmt::format("partition={} index={}", partition_.label(), batch_.index));
  std::vector<Run> ends;
  for (Write& write : batch_.writes) ends.push_back(std::exchange(write.done, nullptr));
  for (const Write& write : batch_.writes)
    if (const auto found = keys_.find(write.key); found != keys_.end())
      for (Waiting& waiting : std::exchange(found->second.waiting, {}))
        ends.push_back(std::move(waiting.run));
  std::vector<Write> next(std::move_iterator(next_.begin()), std::move_iterator(next_.end()));
  next_.clear();
  next_bytes_ = 0;
  const ErrorCode error = coordinator_error(ErrorCode::kRequestTimedOut);
  for (const Run& end : ends) end(error);
  end_writes(next, error);
}

void CoordinatorShard::end_applied_batch() {
  batch_.is_applied = true;
  host_.add(metrics_.batches);
  host_.add(metrics_.writes, static_cast<double>(batch_.writes.size()));
  end_batch_later(ErrorCode::kNone);
}

void CoordinatorShard::end_batch_later(ErrorCode error) {
  host_.cancel_timer(std::exchange(batch_.timer, 0));
  host_.post(partition_.shard(),
             [this, error, number = batch_.number, alive = partition_.shared_from_this()] {
               if (batch_.number != number) return;
               batch_.number = batch_.index = 0;
               batch_.is_late = false;
               end_writes(std::exchange(batch_.writes, {}), error);
               flush();
             });
}

// ---- PartitionObserver ----

Status CoordinatorShard::applied(const chr_entry& entry, const BatchHeader& header) {
  if (header.control()) return {};
  if (header.compression() != Compression::kNone || header.size() > entry.payload.n)
    return fail(Code::kCorrupt, "a batch of a coordinator is damaged");
  Bytes records = Bytes(entry.payload.p, header.size()).subspan(kBatchHeaderSize);
  for (int32_t i = 0; i < header.record_count; ++i) {
    CHRONIK_TRY(const Record record, decode_record(records));
    if (!record.key.has_value()) return fail(Code::kCorrupt, "a record of a coordinator has no key");
    CHRONIK_CHECK(apply_record(*record.key, record.value));
  }
  applied_index_ = entry.header.index;
  if (batch_.number != 0 && batch_.index == applied_index_) end_applied_batch();
  return {};
}

void CoordinatorShard::led(uint64_t) {
  leads_ = true;
  begin_leading();
}

void CoordinatorShard::lost() {
  // mutant deposed-coordinator-answers: if (!leads_) return;
  if (!std::exchange(leads_, false)) return;
  Keys keys = std::exchange(keys_, {});
  std::deque<Write> next = std::exchange(next_, {});
  std::ranges::move(std::exchange(refused_, {}), std::back_inserter(next));
  next_bytes_ = 0;
  host_.cancel_timer(std::exchange(batch_.timer, 0));
  batch_.is_late = false;
  const bool is_applied = batch_.number != 0 && batch_.is_applied;
  batch_.number = batch_.index = 0;
  // What was applied has happened.
  for (const Write& write : std::exchange(batch_.writes, {}))
    if (write.done) write.done(is_applied ? ErrorCode::kNone : ErrorCode::kNotCoordinator);
  for (const Write& write : next) write.done(ErrorCode::kNotCoordinator);
  for (auto& [key, state] : keys)
    for (const Waiting& waiting : state.waiting) waiting.run(ErrorCode::kNotCoordinator);
  end_leading();
}

// While this leads, that is a disk without room, and nobody else has seen the batch.
void CoordinatorShard::truncated(uint64_t index) {
  if (batch_.number == 0 || batch_.is_applied || batch_.index < index) return;
  batch_.index = 0;  // another entry may get it
  end_batch_later(coordinator_error(ErrorCode::kKafkaStorageError));
}

}  // namespace chronik::kafka
