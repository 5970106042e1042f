#include "storage-memory/state.h"

namespace chronik::storage_memory {

uint64_t State::open(std::string_view name) {
  if (const auto found = ids_.find(name); found != ids_.end()) return found->second;
  const uint64_t id = next_id_++;
  ids_.emplace(name, id);
  groups_[id].name = name;
  return id;
}

Group* State::find(uint64_t id) {
  const auto found = groups_.find(id);
  return found == groups_.end() ? nullptr : &found->second;
}

const Group* State::find(uint64_t id) const {
  const auto found = groups_.find(id);
  return found == groups_.end() ? nullptr : &found->second;
}

void State::restore_group(uint64_t id, std::string_view name) {
  ids_.emplace(name, id);
  groups_[id].name = name;
  groups_[id].durable = true;
  restore_next_id(id + 1);
}

void State::restore_next_id(uint64_t next_id) { next_id_ = std::max(next_id_, next_id); }

uint64_t State::growth(const OwnedWrite& write) {
  uint64_t bytes = 0;
  for (const chr_storage_step& step : write.steps()) {
    if (step.type == CHR_STORAGE_PUT) bytes += step.key.n + step.value.n + kKeyOverhead;
    if (step.type != CHR_STORAGE_APPEND) continue;
    for (const chr_entry& entry : std::span(step.entries, step.n)) bytes += entry.payload.n + kEntryOverhead;
  }
  return bytes;
}

Result<Lease> State::copy(const chr_slice& from, const uint8_t** bytes) const {
  *bytes = nullptr;
  if (from.n == 0) return Lease();
  chr_slice to{};
  if (host_.alloc(from.n, &to) != CHR_OK) return fail(Code::kNoSpace, "the host has no memory for an entry");
  std::memcpy(const_cast<uint8_t*>(to.p), from.p, from.n);
  *bytes = to.p;
  return Lease::adopt(to.lease);
}

Status State::apply(uint64_t id, const chr_storage_step& step) {
  Group& group = groups_.at(id);
  group.durable = true;
  const uint64_t before = size_of(group.log);
  switch (step.type) {
    case CHR_STORAGE_TRUNCATE:
      group.log.truncate(step.index);
      break;
    case CHR_STORAGE_TRIM:
      group.log.trim(step.index);
      break;
    case CHR_STORAGE_APPEND:
      CHRONIK_CHECK(append(group, step));
      break;
    case CHR_STORAGE_PUT:
      CHRONIK_CHECK(put_value(group, step));
      break;
    case CHR_STORAGE_DELETE:
      remove_key(group, from_abi(step.key));
      break;
    case CHR_STORAGE_DROP:
      while (!group.keys.empty()) remove_key(group, std::string(group.keys.begin()->first));
      bytes_ -= before;
      ids_.erase(group.name);
      groups_.erase(id);
      return {};
    default:
      return fail(Code::kCorrupt, "unknown step type " + std::to_string(step.type));
  }
  bytes_ = bytes_ - before + size_of(group.log);
  return {};
}

Status State::append(Group& group, const chr_storage_step& step) {
  for (const chr_entry& from : std::span(step.entries, step.n)) {
    Entry entry{from.header, nullptr, {}};
    CHRONIK_TRY(entry.lease, copy(from.payload, &entry.payload));
    group.log.append(std::move(entry));
  }
  return {};
}

Status State::put_value(Group& group, const chr_storage_step& step) {
  Value value{nullptr, step.value.n, {}};
  CHRONIK_TRY(value.lease, copy(step.value, &value.bytes));
  remove_key(group, from_abi(step.key));
  bytes_ += step.key.n + step.value.n + kKeyOverhead;
  group.keys.emplace(from_abi(step.key), std::move(value));
  return {};
}

void State::remove_key(Group& group, std::string_view key) {
  const auto found = group.keys.find(key);
  if (found == group.keys.end()) return;
  bytes_ -= found->first.size() + found->second.n + kKeyOverhead;
  group.keys.erase(found);
}

}  // namespace chronik::storage_memory
