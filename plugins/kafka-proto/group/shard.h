// GroupShard: the groups of one partition of __consumer_offsets. Each replica applies their records to the same
// table, so that whoever leads next has nothing to load. On the partition's shard.
//
//   section "groups" of a snapshot: int16 1 | for each record: uint32 n, n bytes of key | uint32 n, n bytes of value
//
// Keys and values are those of the log (group/records.h), with versions of their own.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka-proto/coordinator/shard.h"
#include "kafka-proto/group/core/classic_requests.h"
#include "kafka-proto/group/core/group_table.h"
#include "kafka-proto/group/core/outcome.h"

namespace chronik::kafka {

class GroupShard final : public CoordinatorShard {
 public:
  static constexpr std::string_view kSection = "groups";

  using CoordinatorShard::CoordinatorShard;

  struct CommitRequest {
    std::string group;
    group::MemberClaim claim;
    bool knows_group_id_not_found = false;  // from version 9 on
    std::vector<group::OffsetCommitRecord> offsets;
  };
  // Where it leads.
  void commit_offsets(CommitRequest request, const group::Reply<ErrorCode>& reply);
  const group::GroupTable& table() const { return table_; }

  // ---- PartitionObserver ----
  std::string_view section() const override { return kSection; }
  void save(std::vector<uint8_t>& section) const override;
  Status load(Bytes section) override;

 private:
  Status apply_record(Bytes key, const std::optional<Bytes>& value) override;
  ErrorCode check_commit(const CommitRequest& request) const;
  // Within the group's turn.
  void finish_outcome(std::string_view group, group::Outcome outcome);

  group::GroupTable table_;
};

}  // namespace chronik::kafka
