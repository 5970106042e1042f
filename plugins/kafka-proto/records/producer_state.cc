#include "kafka-proto/records/producer_state.h"

#include <fmt/format.h>

#include <algorithm>

namespace chronik::kafka {

namespace {

constexpr int16_t kSnapshotVersion = 1;
constexpr size_t kSnapshotHeader = 2 + 4;
constexpr size_t kSnapshotProducer = 8 + 2 + 8 + 1;
constexpr size_t kSnapshotBatch = 4 + 4 + 8 + 8;

template <class T>
void write_value(std::vector<uint8_t>& out, T value) {
  out.resize(out.size() + sizeof value);
  store_be(out.data() + out.size() - sizeof value, value);
}

// The bytes are known to be there.
template <class T>
T read_value(Bytes& bytes) {
  const T value = load_be<T>(bytes.data());
  bytes = bytes.subspan(sizeof value);
  return value;
}

// Control batches carry a producer id, too, but no sequence.
bool remembered(const BatchHeader& batch) { return batch.has_producer() && batch.base_sequence >= 0; }

bool follows(int32_t last, int32_t next) { return next == sequence_after(last, 1); }

// Sequence numbers wrap: those of the half before one are older, of the half behind it newer.
bool lies_ahead(int32_t last, int32_t next) {
  constexpr uint32_t kAll = 1u << 31;
  return (static_cast<uint32_t>(next) - static_cast<uint32_t>(last)) % kAll < kAll / 2;
}

}  // namespace

int32_t ProducerStates::State::last_sequence() const {
  if (!placed.empty()) return placed.back().batch.last_sequence();
  return count == 0 ? kNoSequence : batches[count - 1].last_sequence();
}

std::optional<ProducerStates::Duplicate> ProducerStates::State::find(const BatchHeader& batch) const {
  const auto same = [&](const Batch& known) {
    return known.first_sequence == batch.base_sequence && known.last_offset_delta == batch.last_offset_delta;
  };
  for (auto it = placed.rbegin(); it != placed.rend() && it->epoch == batch.producer_epoch; ++it)
    if (same(it->batch)) return Duplicate{it->batch.base_offset, it->batch.max_timestamp, it->index};
  if (epoch != batch.producer_epoch) return std::nullopt;
  for (size_t i = count; i-- > 0;)
    if (same(batches[i])) return Duplicate{batches[i].base_offset, batches[i].max_timestamp, 0};
  return std::nullopt;
}

void ProducerStates::State::add(int16_t batch_epoch, const Batch& batch) {
  if (batch_epoch != epoch) count = 0;
  epoch = batch_epoch;
  if (count == kKnownBatches)
    std::move(batches.begin() + 1, batches.end(), batches.begin());
  else
    ++count;
  batches[count - 1] = batch;
}

std::expected<std::optional<ProducerStates::Duplicate>, ProducerStates::Refused> ProducerStates::check(
    const BatchHeader& batch) const {
  if (!batch.has_producer()) return std::nullopt;
  const auto found = states_.find(batch.producer_id);
  // Expired, or its records were deleted, or it comes from elsewhere: any first sequence will do.
  if (found == states_.end()) return std::nullopt;
  const State& state = found->second;
  const int16_t epoch = state.current_epoch();
  if (batch.producer_epoch < epoch)
    return std::unexpected(Refused{ErrorCode::kInvalidProducerEpoch,
                                   fmt::format("producer {} has epoch {}, its last seen epoch is {}",
                                               batch.producer_id, batch.producer_epoch, epoch)});
  if (epoch == kNoProducerEpoch) return std::nullopt;
  if (batch.producer_epoch != epoch) {
    if (batch.base_sequence == 0) return std::nullopt;
    return std::unexpected(
        Refused{.error = ErrorCode::kOutOfOrderSequenceNumber,
                .message = fmt::format("producer {} begins its epoch {} with sequence number {}, not with 0",
                                       batch.producer_id, batch.producer_epoch, batch.base_sequence),
                .ahead = true});
  }
  if (auto duplicate = state.find(batch)) return duplicate;
  const int32_t last = state.last_sequence();
  if (follows(last, batch.base_sequence)) return std::nullopt;
  return std::unexpected(
      Refused{.error = ErrorCode::kOutOfOrderSequenceNumber,
              .message = fmt::format("producer {} sent sequence number {}, its last one here is {}",
                                     batch.producer_id, batch.base_sequence, last),
              .ahead = lies_ahead(last, batch.base_sequence)});
}

void ProducerStates::placed(uint64_t index, int64_t base_offset, const BatchHeader& batch) {
  if (!remembered(batch)) return;
  const Batch known{batch.base_sequence, batch.last_offset_delta, base_offset, batch.max_timestamp};
  states_[batch.producer_id].placed.push_back({index, batch.producer_epoch, known});
  order_.push_back({index, batch.producer_id});
}

void ProducerStates::applied(uint64_t index, int64_t base_offset, const BatchHeader& batch) {
  while (!order_.empty() && order_.front().first <= index) {
    std::vector<Placed>& tail = states_[order_.front().second].placed;
    tail.erase(tail.begin());
    order_.pop_front();
  }
  if (!remembered(batch)) return;
  State& state = states_[batch.producer_id];
  state.add(batch.producer_epoch,
            {batch.base_sequence, batch.last_offset_delta, base_offset, batch.max_timestamp});
  state.last_seen_ms = kSinceLastTick;
}

void ProducerStates::truncated(uint64_t from_index) {
  while (!order_.empty() && order_.back().first >= from_index) {
    const auto found = states_.find(order_.back().second);
    found->second.placed.pop_back();
    if (found->second.placed.empty() && found->second.count == 0) states_.erase(found);
    order_.pop_back();
  }
}

void ProducerStates::expire(int64_t now_ms, int64_t expiration_ms) {
  for (auto it = states_.begin(); it != states_.end();) {
    State& state = it->second;
    if (state.last_seen_ms == kSinceLastTick) state.last_seen_ms = now_ms;
    if (state.count == 0 || now_ms - state.last_seen_ms < expiration_ms) {
      ++it;
    } else if (state.placed.empty()) {
      it = states_.erase(it);
    } else {
      // A retry must still find what the leader has under way, but the applied state
      // forgets the producer everywhere.
      state.count = 0;
      state.epoch = kNoProducerEpoch;
      ++it;
    }
  }
}

std::optional<int64_t> ProducerStates::shorter_expiration(int64_t now_ms, size_t most) const {
  std::vector<int64_t> seen;
  for (const auto& [id, state] : states_)
    if (state.count > 0) seen.push_back(state.last_seen_ms == kSinceLastTick ? now_ms : state.last_seen_ms);
  if (seen.size() <= most) return std::nullopt;
  const auto last_to_go = seen.begin() + static_cast<std::ptrdiff_t>(seen.size() - most - 1);
  std::ranges::nth_element(seen, last_to_go);
  return std::max<int64_t>(now_ms - *last_to_go, 1);
}

std::vector<int64_t> ProducerStates::sorted_ids() const {
  std::vector<int64_t> ids;
  for (const auto& [id, state] : states_)
    if (state.count > 0) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

void ProducerStates::for_each(const std::function<void(const Producer&)>& visit) const {
  for (const int64_t id : sorted_ids()) {
    const State& state = states_.at(id);
    const Batch& last = state.batches[state.count - 1];
    visit({id, state.epoch, last.last_sequence(), last.max_timestamp});
  }
}

void ProducerStates::save(std::vector<uint8_t>& out) const {
  const std::vector<int64_t> ids = sorted_ids();
  write_value(out, kSnapshotVersion);
  write_value(out, static_cast<uint32_t>(ids.size()));
  for (const int64_t id : ids) {
    const State& state = states_.at(id);
    write_value(out, id);
    write_value(out, state.epoch);
    write_value(out, state.last_seen_ms);
    write_value(out, state.count);
    for (size_t i = 0; i < state.count; ++i) {
      write_value(out, state.batches[i].first_sequence);
      write_value(out, state.batches[i].last_offset_delta);
      write_value(out, state.batches[i].base_offset);
      write_value(out, state.batches[i].max_timestamp);
    }
  }
}

Result<ProducerStates> ProducerStates::load(Bytes bytes) {
  const auto corrupt = [](const char* what) {
    return fail(Code::kCorrupt, fmt::format("the snapshot of a partition's producers is damaged: {}", what));
  };
  if (bytes.size() < kSnapshotHeader) return corrupt("it is cut off");
  const auto version = read_value<int16_t>(bytes);
  if (version != kSnapshotVersion)
    return fail(Code::kUnsupported,
                fmt::format("a snapshot of producers has version {}, this program reads {}", version,
                            kSnapshotVersion));
  const auto producers = read_value<uint32_t>(bytes);
  ProducerStates states;
  int64_t previous = kNoProducerId;
  for (uint32_t i = 0; i < producers; ++i) {
    if (bytes.size() < kSnapshotProducer) return corrupt("a producer is cut off");
    const auto id = read_value<int64_t>(bytes);
    if (id <= previous) return corrupt("its producers are not in order");
    previous = id;
    State& state = states.states_[id];
    state.epoch = read_value<int16_t>(bytes);
    state.last_seen_ms = read_value<int64_t>(bytes);
    state.count = read_value<uint8_t>(bytes);
    if (state.last_seen_ms < kSinceLastTick) return corrupt("a time is negative");
    if (state.count == 0 || state.count > kKnownBatches)
      return corrupt("a producer has a wrong number of batches");
    if (bytes.size() < state.count * kSnapshotBatch) return corrupt("a batch is cut off");
    for (size_t b = 0; b < state.count; ++b) {
      Batch& batch = state.batches[b];
      batch.first_sequence = read_value<int32_t>(bytes);
      batch.last_offset_delta = read_value<int32_t>(bytes);
      batch.base_offset = read_value<int64_t>(bytes);
      batch.max_timestamp = read_value<int64_t>(bytes);
      if (batch.first_sequence < 0 || batch.last_offset_delta < 0)
        return corrupt("a batch has negative numbers");
    }
  }
  if (!bytes.empty()) return corrupt("bytes are left over");
  return states;
}

}  // namespace chronik::kafka
