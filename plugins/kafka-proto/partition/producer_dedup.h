// ProducerDedup: keeps idempotent producers' batches once and in order: their last batches
// (records/producer_state.h), those that this leader refused, and when idle producers are forgotten. On the
// partition's shard.
//
//   a producer is | left with
//   unknown       | placed(), applied(): known. Any sequence will do
//   known         | an applied expiry, where it was idle for long: unknown
//   refused       | (this leader took no batch of it, known or not) placed(): as it was; 5 s: as it was. What it
//                 | has sent behind that batch is out of order only for that reason, and is refused like it: to be
//                 | called out of order ends an idempotent producer
#pragma once

#include <cstdint>
#include <map>

#include "kafka-proto/partition/command.h"
#include "kafka-proto/partition/observers.h"
#include "kafka-proto/partition/replica.h"
#include "kafka-proto/records/producer_state.h"

namespace chronik::kafka {

class ProducerDedup final : public PartitionObserver {
 public:
  explicit ProducerDedup(Replica& replica) : replica_(replica) {}
  ProducerDedup(const ProducerDedup&) = delete;
  ProducerDedup& operator=(const ProducerDedup&) = delete;

  // ---- on the leader ----
  using Checked = std::expected<std::optional<ProducerStates::Duplicate>, ProducerStates::Refused>;
  // As ProducerStates::check(); a batch that is out of order because of one before it is refused like that.
  Checked check(const BatchHeader& batch) const;
  void placed(uint64_t index, int64_t base_offset, const BatchHeader& batch);
  // The batch was not taken for a reason that is not its own.
  void refused(const BatchHeader& batch, ErrorCode error);
  // Proposes that idle producers be forgotten, every now and then.
  void propose_expiry();

  // ---- the log, on each replica ----
  std::string_view section() const override { return Observers::kProducers; }
  Status applied(const chr_entry& entry, const BatchHeader& header) override {
    states_.applied(entry.header.index, entry.header.base_offset, header);
    return {};
  }
  void expire(const ExpireProducers& command) { states_.expire(command.now_ms, command.expiration_ms); }
  void truncated(uint64_t index) override { states_.truncated(index); }
  void save(std::vector<uint8_t>& section) const override;
  Status load(Bytes section) override;
  const ProducerStates& states() const { return states_; }

  // That are remembered; a snapshot of so many takes about 14 MB, and some 10 ms.
  static constexpr size_t kMaxProducers = 100'000;

 private:
  struct Refusal {
    ErrorCode error;
    uint64_t at_ns;
  };

  ErrorCode why_out_of_order(const BatchHeader& batch, bool ahead) const;

  static constexpr size_t kMaxRefusals = 1000;
  static constexpr uint64_t kRefusedNs = 5'000'000'000;  // by then a client has sent again what was refused

  Replica& replica_;
  ProducerStates states_;
  std::map<int64_t, Refusal> refusals_;  // the last one, by producer
  int64_t last_expiry_ms_ = 0;
};

}  // namespace chronik::kafka
