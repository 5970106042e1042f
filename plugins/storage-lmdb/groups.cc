#include "storage-lmdb/groups.h"

#include "storage-lmdb/free_pages.h"
#include "storage-lmdb/record.h"

namespace chronik::storage_lmdb {

uint64_t bytes_in_file(uint64_t entries, uint64_t payload_bytes) {
  if (entries == 0) return 0;
  constexpr uint64_t kPage = 4096;
  constexpr uint64_t kNode = 2 + 8 + sizeof(LogKey);  // beside a value
  const uint64_t value = sizeof(RecordHead) + payload_bytes / entries;
  const uint64_t own = own_pages(value, kPage) * kPage;
  return entries * (own != 0 ? own : kPage / ((kPage - 16) / (value + kNode)));
}

Result<uint64_t> GroupTable::open(std::string_view name) {
  const std::lock_guard lock(mutex_);
  if (const auto found = ids_.find(name); found != ids_.end()) return found->second;
  if (nameless_)
    return fail(Code::kCorrupt, "the record of a group is damaged on disk, and it may be that of " +
                                    std::string(name) + ": let this node join its cluster as a new one");
  const uint64_t id = next_id_++;
  ids_.emplace(name, id);
  Group& group = groups_[id];
  group.id = id;
  group.set_name(name);
  return id;
}

Status GroupTable::log_state(uint64_t id, LogState* out) const {
  if (const std::string* why = damage(id)) return fail(Code::kCorrupt, *why);
  const std::lock_guard lock(mutex_);
  const auto found = groups_.find(id);
  if (found == groups_.end() || found->second.dropped) return fail(Code::kNotFound, "no such group");
  *out = found->second.log;
  return {};
}

const std::string* GroupTable::damage(uint64_t id) const {
  const auto found = damaged_.find(id);
  return found == damaged_.end() ? nullptr : &found->second;
}

void GroupTable::set_aside(uint64_t id, std::string_view name, std::string damage) {
  Group group;
  group.id = id;
  if (!name.empty()) group.set_name(name);
  group.durable = !name.empty();
  restore(group);
  nameless_ = nameless_ || name.empty();
  damaged_.emplace(id, std::move(damage));
}

std::map<uint64_t, std::string> GroupTable::durable() const {
  const std::lock_guard lock(mutex_);
  std::map<uint64_t, std::string> groups;
  for (const auto& [id, group] : groups_) {
    if (group.durable && !group.dropped) groups.emplace(id, group.name());
  }
  return groups;
}

std::vector<uint64_t> GroupTable::ids() const {
  const std::lock_guard lock(mutex_);
  std::vector<uint64_t> ids;
  for (const auto& [id, group] : groups_)
    if (group.durable && !damaged_.contains(id)) ids.push_back(id);
  return ids;
}

size_t GroupTable::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

bool GroupTable::checkout(uint64_t id, Group* out) const {
  const std::lock_guard lock(mutex_);
  const auto found = groups_.find(id);
  if (found == groups_.end()) return false;
  *out = found->second;
  return true;
}

void GroupTable::publish(const Group& group) {
  if ((group.dropped || group.purge_below != 0) && !given_up_.contains(group.id)) to_purge_.insert(group.id);
  const std::lock_guard lock(mutex_);
  Group& current = groups_[group.id];
  if (group.dropped && !current.dropped) {
    if (const auto taken = ids_.find(group.name()); taken != ids_.end()) ids_.erase(taken);
  }
  count_ += is_there(group) - is_there(current);
  gone_bytes_ += group.gone_bytes - current.gone_bytes;
  current = group;
}

uint64_t GroupTable::next_id() const {
  const std::lock_guard lock(mutex_);
  return next_id_;
}

void GroupTable::purged(const Group& group) {
  to_purge_.erase(group.id);
  const std::lock_guard lock(mutex_);
  Group& current = groups_[group.id];
  gone_bytes_ -= std::exchange(current.gone_bytes, 0);
  if (group.dropped) {
    groups_.erase(group.id);
  } else {
    current.purge_below = 0;
  }
}

void GroupTable::restore(const Group& group) {
  restore_next_id(group.id + 1);
  if (!group.dropped && !group.name().empty()) ids_.emplace(group.name(), group.id);
  if (group.dropped || group.purge_below != 0) to_purge_.insert(group.id);
  groups_[group.id] = group;
  count_ += is_there(group);
  gone_bytes_ += group.gone_bytes;
}

}  // namespace chronik::storage_lmdb
