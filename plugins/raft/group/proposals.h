// What the leader's owner asks for: proposals, trims, barriers; and who waits for them. The functions are
// those of chr_consensus_v1; their rules stand there.
#pragma once

#include "raft/group/context.h"
#include "raft/group/waiters.h"

#include <string_view>
#include <vector>

namespace chronik::raft {

class AppendBudget;
class Applier;
class LogTrim;
class RoleReport;
class StorageWrites;

class Proposals {
 public:
  struct Siblings {
    const Applier& applier;
    AppendBudget& budget;
    const RoleReport& role;
    LogTrim& trim;
    const StorageWrites& writes;
  };
  Proposals(GroupContext* group, const Siblings& siblings) : group_(*group), siblings_(siblings) {}

  chr_status propose(uint64_t expected_term, const chr_proposal* items, uint32_t n, uint32_t until,
                     chr_placed* placed, uint64_t token, chr_error* error);
  chr_status trim(int64_t offset, uint64_t token, chr_error* error);
  chr_status barrier(uint64_t token, chr_error* error);

  // A read that waited may be served once index is applied.
  void readable(uint64_t context, Index index) { waiters_.readable(context, index); }
  // Those whose entries got as far as they wait for.
  void complete_reached();
  // From index on; 0: all, reads included.
  void fail_from(Index index, chr_status code, std::string_view why);

 private:
  chr_status check_proposal(uint64_t expected_term, const chr_proposal* items, uint32_t n,
                            chr_error* error) const;
  void fill_proposals(const chr_proposal* items, uint32_t n);
  Status propose_trim(int64_t offset, uint64_t token);

  GroupContext& group_;
  const Siblings siblings_;
  Waiters waiters_;
  std::vector<Proposal> proposals_;
};

}  // namespace chronik::raft
