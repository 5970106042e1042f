// A replica of one partition on fakes, and the parts of a Partition that a test puts on it. This node is 1; the
// group has three voters, all linked and up, and leads from the first run() on.
#pragma once

#include <gtest/gtest.h>

#include <chronik/plugin.hpp>
#include <chronik/testing/fake_consensus.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "kafka-proto/partition/append.h"
#include "kafka-proto/partition/replica.h"
#include "kafka-proto/records/builder.h"
#include "kafka-proto/records/validate.h"

namespace chronik::kafka::testing {

using chronik::testing::FakeBuffer;
using chronik::testing::FakeConsensus;
using chronik::testing::FakeHost;

inline constexpr uint64_t kSecond = 1'000'000'000;

class TestReplica {
 public:
  explicit TestReplica(TopicConfig config = {}, PartitionMembers members = {{1, 2, 3}, {}, {}})
      : context(make_context()),
        info({{}, 0, "t"}, std::move(members), std::make_shared<const TopicConfig>(std::move(config))),
        replica(context, info) {}

  void open() {
    replica.open(machine(), this, owner, [this](const Status& status) { opened = status; });
    host.run();
  }
  const std::string& group() const { return info.group_name(); }
  // A voter, as the leader knows it.
  void set_member(int32_t id, int64_t match_offset, uint64_t caught_up_ns = 0) {
    consensus.set_member(group(), {id, CHR_MEMBER_VOTER, 0, match_offset, 0, caught_up_ns});
  }

  FakeHost host;
  FakeConsensus consensus{&host};
  std::set<int32_t> unlinked;
  std::vector<std::pair<uint64_t, std::vector<int32_t>>> reported;  // in sync: terms and nodes
  bool catalog_current = true;
  int16_t level = 3;  // of chronik.version
  PartitionContext context;
  PartitionInfo info;
  Replica replica;
  std::shared_ptr<int> owner = std::make_shared<int>(0);
  std::optional<Status> opened;
  // What the parts are told; Replica itself knows already.
  std::function<void(Replica::RoleChange)> on_role;
  std::function<void()> on_commit;
  std::function<void(const chr_entry&)> on_apply;
  std::function<void(uint64_t)> on_truncated;

 protected:
  static const chr_state_machine_v1& machine();

 private:
  PartitionContext make_context() {
    PartitionContext out;
    out.host = Host(host.core());
    out.consensus = out.host.acquire<chr_consensus_v1>(CHR_CONSENSUS_ID, &out.consensus_self);
    void* self = nullptr;
    out.throttle = out.host.acquire<chr_throttle_v1>(CHR_THROTTLE_ID, &self);
    out.streams =
        out.host.acquire<chr_state_machine_stream_v1>(CHR_STATE_MACHINE_STREAM_ID, &out.streams_self);
    out.replica_lag_time_max_ns = 30 * kSecond;
    out.producer_id_expiration_ms = 86'400'000;
    out.is_up = [](int32_t) { return true; };
    out.is_linked = [this](int32_t node) { return !unlinked.contains(node); };
    out.level = [this] { return level; };
    out.is_catalog_current = [this] { return catalog_current; };
    out.report_in_sync = [this](const PartitionInfo&, uint64_t term, const std::vector<int32_t>& nodes) {
      reported.emplace_back(term, nodes);
    };
    return out;
  }

  chr_status apply(const chr_entry* entries, uint32_t n, uint64_t) {
    for (uint32_t i = 0; i < n; ++i)
      if (on_apply) on_apply(entries[i]);
    return CHR_OK;
  }
  void role(const chr_role* role) {
    const Replica::RoleChange change = replica.change_role(*role);
    if (on_role) on_role(change);
  }
  void committed(uint64_t index, int64_t offset) {
    replica.set_commit_index(index);
    if (on_commit) on_commit();
    replica.raise_high_watermark(offset);
  }
  void truncated(uint64_t index, int64_t) {
    if (on_truncated) on_truncated(index);
  }
  void trimmed(int64_t) {}
  chr_status save(const chr_sink*) { return CHR_OK; }
  chr_status load(const chr_slice*, uint32_t, chr_error*) { return CHR_OK; }
};

inline const chr_state_machine_v1& TestReplica::machine() {
  static constexpr chr_state_machine_v1 kTable = {
      sizeof(chr_state_machine_v1),   1,
      thunk<&TestReplica::apply>,     thunk<&TestReplica::role>,
      thunk<&TestReplica::committed>, thunk<&TestReplica::truncated>,
      thunk<&TestReplica::trimmed>,   thunk<&TestReplica::save>,
      thunk<&TestReplica::load>};
  return kTable;
}

// A batch of a producer, as validate_batch() admits it: of 100 bytes where it has one record.
class TestBatch {
 public:
  explicit TestBatch(int64_t producer = kNoProducerId, int32_t sequence = kNoSequence) {
    BatchHeader fields;
    fields.producer_id = producer;
    fields.producer_epoch = producer == kNoProducerId ? kNoProducerEpoch : int16_t{0};
    fields.base_sequence = sequence;
    BatchBuilder builder(fields);
    const std::string value(32, 'v');
    builder.add(0, std::nullopt, Bytes(reinterpret_cast<const uint8_t*>(value.data()), value.size()));
    Codecs codecs;
    const std::vector<uint8_t> bytes = builder.finish(codecs).value();
    const chr_slice slice = FakeBuffer::copy({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    frame = Lease::adopt(slice.lease);
    batch.bytes = MutableBytes(const_cast<uint8_t*>(slice.p), slice.n);
    batch.header = decode_batch_header(bytes).value();
    EXPECT_EQ(bytes.size(), 100u);
  }

  Lease frame;
  AdmittedBatch batch;
};

// Answers in the order of their coming.
struct Answers {
  AppendDone next(int name = 0) {
    return [this, name](Appended answer) {
      names.push_back(name);
      all.push_back(std::move(answer));
    };
  }
  std::vector<Appended> all;
  std::vector<int> names;
};

}  // namespace chronik::kafka::testing
