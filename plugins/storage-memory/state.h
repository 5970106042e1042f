// All groups of a store: what durable writes have made of it. Not thread-safe; Store guards it.
#pragma once

#include "storage-memory/log.h"

#include <chronik/storage_write.hpp>

#include <map>
#include <string>

namespace chronik::storage_memory {

struct Value {
  const uint8_t* bytes;
  uint64_t n;
  Lease lease;
};

struct Group {
  std::string name;
  bool durable = false;  // has been written to
  Log log;
  std::map<std::string, Value, std::less<>> keys;
  AppendFence fence;
};

class State {
 public:
  explicit State(Host host) : host_(host) {}

  // The id under this name; a new one if there is none.
  uint64_t open(std::string_view name);
  // nullptr: no such group, or dropped.
  Group* find(uint64_t id);
  const Group* find(uint64_t id) const;
  const std::map<uint64_t, Group>& groups() const { return groups_; }
  uint64_t next_id() const { return next_id_; }

  // Payload, keys, values and what keeps them, for all groups.
  uint64_t bytes() const { return bytes_; }
  // What a write may add to bytes().
  static uint64_t growth(const OwnedWrite& write);

  // Applies a step that passed its checks. Payloads are copied into buffers of the host.
  Status apply(uint64_t group, const chr_storage_step& step);
  // Recovery: the group exists durably under this id and name; ids below next_id are used up.
  void restore_group(uint64_t id, std::string_view name);
  void restore_next_id(uint64_t next_id);

 private:
  static constexpr uint64_t kEntryOverhead = sizeof(Entry);
  static constexpr uint64_t kKeyOverhead = 96;

  Result<Lease> copy(const chr_slice& from, const uint8_t** bytes) const;
  Status append(Group& group, const chr_storage_step& step);
  Status put_value(Group& group, const chr_storage_step& step);
  void remove_key(Group& group, std::string_view key);
  static uint64_t size_of(const Log& log) { return log.bytes() + log.entries().size() * kEntryOverhead; }

  Host host_;
  std::map<uint64_t, Group> groups_;
  std::map<std::string, uint64_t, std::less<>> ids_;
  uint64_t next_id_ = 1;
  uint64_t bytes_ = 0;
};

}  // namespace chronik::storage_memory
