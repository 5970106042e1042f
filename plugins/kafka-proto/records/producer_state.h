// What a partition remembers of idempotent producers, so that a batch that is sent twice is stored once and
// none is stored out of order, as Kafka does it.
//
// Two layers. Applied: a pure function of the committed log, the same on every replica, saved in snapshots.
// Placed: what the leader proposed but has not seen applied yet; it takes part in check() and goes away on
// truncation. The order of calls is that of the log. One owner, one thread; no clock (time comes with entries
// that the leader proposes).
#pragma once

#include <chronik/lean_queue.hpp>
#include <chronik/result.hpp>

#include <array>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "kafka-proto/records/batch.h"
#include "kafka-proto/wire/error_code.h"

namespace chronik::kafka {

// How many batches of a producer are known again when they are sent a second time.
inline constexpr size_t kKnownBatches = 5;

class ProducerStates {
 public:
  // A batch that is in the log already. The answer to its producer carries these, with no error, once the
  // original is acknowledged: at once where index is 0 (applied), else when the entry of that index is.
  struct Duplicate {
    int64_t base_offset;
    int64_t max_timestamp;
    uint64_t index;
  };
  struct Refused {
    ErrorCode error;  // OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH
    std::string message;
    bool ahead = false;  // out of order since batches before it are missing
  };
  struct Producer {  // for DescribeProducers
    int64_t id;
    int16_t epoch;
    int32_t last_sequence;
    int64_t last_timestamp;
  };

  // Leader: may this batch be appended now? Nothing: yes; propose it in the same turn and tell placed(), or
  // drop it. The batch passed validate_batch(). One without a producer id may always.
  std::expected<std::optional<Duplicate>, Refused> check(const BatchHeader& batch) const;

  // Leader: consensus gave the batch its place. Indexes rise.
  void placed(uint64_t index, int64_t base_offset, const BatchHeader& batch);
  // The entry of this index is committed; its batch is now part of the applied state, whoever proposed it.
  void applied(uint64_t index, int64_t base_offset, const BatchHeader& batch);
  // Entries from this index on were removed from the log, none of them applied.
  void truncated(uint64_t from_index);

  // An applied entry says that it is now_ms: forgets producers of which no batch was applied
  // for expiration_ms. Times are those of these entries, so a producer lives up to the time
  // between two of them longer.
  void expire(int64_t now_ms, int64_t expiration_ms);

  // After how long without a batch producers are to be forgotten, so that at most so many are left, but for
  // those with a batch since the last expire(). Nothing: there are no more.
  std::optional<int64_t> shorter_expiration(int64_t now_ms, size_t most) const;

  // By rising id.
  void for_each(const std::function<void(const Producer&)>& visit) const;
  size_t size() const { return states_.size(); }

  // The applied state, appended to out; equal states give equal bytes.
  void save(std::vector<uint8_t>& out) const;
  // What save() wrote. CORRUPT, UNSUPPORTED (a newer version).
  static Result<ProducerStates> load(Bytes bytes);

 private:
  struct Batch {
    int32_t first_sequence;
    int32_t last_offset_delta;
    int64_t base_offset;
    int64_t max_timestamp;

    int32_t last_sequence() const { return sequence_after(first_sequence, last_offset_delta); }
  };
  struct Placed {
    uint64_t index;
    int16_t epoch;
    Batch batch;
  };
  struct State {
    int16_t epoch = kNoProducerEpoch;
    uint8_t count = 0;  // of batches; 0: nothing is applied
    int64_t last_seen_ms = kSinceLastTick;
    std::array<Batch, kKnownBatches> batches{};  // oldest first
    std::vector<Placed> placed;                  // oldest first

    int16_t current_epoch() const { return placed.empty() ? epoch : placed.back().epoch; }
    int32_t last_sequence() const;
    std::optional<Duplicate> find(const BatchHeader& batch) const;
    void add(int16_t batch_epoch, const Batch& batch);
  };

  // A batch was applied after the last expire(), whose successor tells the time of it.
  static constexpr int64_t kSinceLastTick = -1;

  std::vector<int64_t> sorted_ids() const;

  std::unordered_map<int64_t, State> states_;
  LeanQueue<std::pair<uint64_t, int64_t>> order_;  // (index, producer id) of everything placed
};

}  // namespace chronik::kafka
