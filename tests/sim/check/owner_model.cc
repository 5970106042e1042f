#include "sim/check/owner_model.h"

#include <fmt/format.h>

namespace chronik::sim {

void GenerationModel::told(const std::string& group, int32_t generation, const std::string& member,
                           uint64_t offer, const std::vector<int32_t>& partitions) {
  Generation& now = groups_[group][generation];
  if (now.offer == 0) now.offer = offer;
  if (now.offer != offer)
    return world_.fail("group-owners",
                       fmt::format("group {}: in generation {} {} is told by assignment {}, others by {}",
                                   group, generation, member, offer, now.offer));
  for (const int32_t partition : partitions) {
    const auto [owner, is_new] = now.owners.try_emplace(partition, member);
    if (!is_new && owner->second != member)
      return world_.fail("group-owners",
                         fmt::format("group {}: in generation {} partition {} is told to {} and to {}", group,
                                     generation, partition, owner->second, member));
  }
}

int32_t GenerationModel::newest(const std::string& group) const {
  const auto found = groups_.find(group);
  return found == groups_.end() || found->second.empty() ? 0 : found->second.rbegin()->first;
}

void OwnerModel::told(const std::string& group, const std::string& member,
                      const std::set<int32_t>& partitions, uint64_t sure_until) {
  Group& all = groups_[group];
  for (const int32_t partition : partitions) {
    for (const auto& [name, other] : all.holders)
      if (name != member && other.partitions.contains(partition) && other.sure_until > world_.now())
        return world_.fail("group-owners", fmt::format("group {}: partition {} is told to {}, and {} has it",
                                                       group, partition, member, name));
    all.last_told[partition] = member;
  }
  all.holders[member] = {partitions, sure_until};
}

void OwnerModel::sure(const std::string& group, const std::string& member, uint64_t until) {
  groups_[group].holders[member].sure_until = until;
}

void OwnerModel::keeps(const std::string& group, const std::string& member,
                       const std::set<int32_t>& partitions) {
  groups_[group].holders[member].partitions = partitions;
}

const std::string& OwnerModel::last_told(const std::string& group, int32_t partition) const {
  static const std::string nobody;
  const auto found = groups_.find(group);
  if (found == groups_.end()) return nobody;
  const auto told = found->second.last_told.find(partition);
  return told == found->second.last_told.end() ? nobody : told->second;
}

}  // namespace chronik::sim
