#include "kafka-proto/partition/reassignment.h"

#include <fmt/format.h>

#include "kafka-proto/partition/group_members.h"

namespace chronik::kafka {

bool Reassignment::begin() {
  const std::shared_ptr<const PartitionMembers> members = replica_.info().members();
  if (!replica_.is_open() || !replica_.leads() || !replica_.context().is_catalog_current()) return false;
  const bool moves = !members->target.empty();
  if (!moves && !is_astray(members->replicas)) return false;
  const std::vector<int32_t>& wanted = moves ? members->target : members->replicas;
  if (wanted == changing_to_) return false;
  changing_to_ = wanted;
  moves_ = moves;
  return true;
}

// The replicas are where they are to be, as far as this leader knows. It may have a successor that moves them
// on; and what the catalog is told now makes those that are no replicas close their groups.
void Reassignment::change_members(const std::function<void(const std::vector<int32_t>&)>& made) {
  const auto finish = [this, voters = changing_to_, moves = moves_, made](chr_status code,
                                                                          std::string_view why) {
    finish_change(voters, code, why);
    if (code == CHR_OK && moves) made(voters);  // else the catalog shows them already
  };
  // The callee may answer in the call, and this forget what it was called with.
  const std::vector<int32_t> voters = changing_to_;
  replica_.change_members(voters, [this, finish](chr_status code, std::string_view why) {
    code == CHR_OK ? replica_.confirm_leadership(finish) : finish(code, why);
  });
}

void Reassignment::finish_change(const std::vector<int32_t>& voters, chr_status code, std::string_view why) {
  if (changing_to_ == voters) changing_to_.clear();
  if (code == CHR_OK) return;
  // Another target, another leader, or not now: whoever leads asks again.
  replica_.context().host.debug(
      fmt::format("the replicas of {} were not changed yet: {}", replica_.info().label(), why),
      fmt::format("status={}", code));
}

// A leader of before may have gone on with a target that was given up, as its catalog was behind. This one's
// may be a moment behind, too: then who votes is newer, and another target is about to come.
bool Reassignment::is_astray(const std::vector<int32_t>& replicas) {
  GroupMembers members;
  const bool known = members.load(replica_);
  std::vector<int32_t> voters;
  if (known)
    for (const chr_member& member : members.all())
      if ((member.flags & CHR_MEMBER_VOTER) != 0) voters.push_back(member.id);
  if (voters.empty() || replicas.empty() || voters == replicas) {
    astray_since_ns_ = 0;
    return false;
  }
  const uint64_t now = replica_.context().host.now_ns();
  if (astray_since_ns_ == 0) astray_since_ns_ = now;
  if (now - astray_since_ns_ < kAstrayNs) return false;
  if (changing_to_.empty())
    replica_.context().host.warn(
        fmt::format("The members of {} are ({}), and are made what the catalog says: ({})",
                    replica_.info().label(), fmt::join(voters, " "), fmt::join(replicas, " ")));
  return true;
}

}  // namespace chronik::kafka
