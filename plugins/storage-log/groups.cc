#include "storage-log/groups.h"

#include <algorithm>

namespace chronik::storage_log {

std::shared_ptr<Group> GroupTable::add(uint64_t id, std::string_view name) {
  auto group = std::make_shared<Group>();
  group->id = id;
  group->name = name;
  group->log = std::make_shared<GroupLog>(id, options_, sums_);
  groups_.emplace(id, group);
  ids_.emplace(name, id);
  return group;
}

Result<uint64_t> GroupTable::open(std::string_view name) {
  if (const auto found = ids_.find(name); found != ids_.end()) return found->second;
  if (has_lost_names_) {
    return fail(Code::kCorrupt, "what the journal said of a group is damaged, and it may be " +
                                    std::string(name) + ": let this node join its cluster as a new one");
  }
  return add(next_id_++, name)->id;
}

std::shared_ptr<Group> GroupTable::find(uint64_t id) const {
  const auto found = groups_.find(id);
  return found == groups_.end() ? nullptr : found->second;
}

bool GroupTable::keeps_files(uint64_t id) const {
  const std::shared_ptr<Group> group = find(id);
  return group == nullptr ? has_lost_names_ : !group->damage.empty();
}

std::vector<std::shared_ptr<Group>> GroupTable::all() const {
  std::vector<std::shared_ptr<Group>> groups;
  groups.reserve(groups_.size());
  for (const auto& [id, group] : groups_) groups.push_back(group);
  std::ranges::sort(groups, {}, [](const std::shared_ptr<Group>& group) { return group->id; });
  return groups;
}

void GroupTable::mark_existing(Group& group) {
  if (std::exchange(group.exists, true)) return;
  group.is_created = true;
  ++count_;
}

void GroupTable::remove(Group& group) {
  if (group.exists) --count_;
  group.exists = false;
  if (const auto taken = ids_.find(group.name); taken != ids_.end() && taken->second == group.id)
    ids_.erase(taken);
  groups_.erase(group.id);
}

std::shared_ptr<Group> GroupTable::restore(uint64_t id, std::string_view name) {
  restore_next_id(id + 1);
  std::shared_ptr<Group> group = find(id);
  if (group == nullptr) group = add(id, name);
  mark_existing(*group);
  return group;
}

}  // namespace chronik::storage_log
