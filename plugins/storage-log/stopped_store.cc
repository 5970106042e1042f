#include "storage-log/stopped_store.h"

#include "storage-log/segment/log_cursor.h"

#include <algorithm>

namespace chronik::storage_log {

Result<std::unique_ptr<StoppedStore>> StoppedStore::open(const Host& host) {
  CHRONIK_TRY(std::unique_ptr<StoppedStore> store, make(host));
  CHRONIK_CHECK(store->read());
  return store;
}

Result<std::unique_ptr<StoppedStore>> StoppedStore::make(const Host& host) {
  CHRONIK_TRY(const Files files, Files::of(host));
  return std::unique_ptr<StoppedStore>(new StoppedStore(host, files.to_read()));
}

Status StoppedStore::read() {
  CHRONIK_CHECK(replay_.load());
  CHRONIK_CHECK(replay_.apply_journal());
  if (std::ranges::any_of(replay_.folder().checkpoints, &CheckpointName::is_complete)) return {};
  return fail(Code::kNotFound, "there is no store in " + std::string(from_abi(parts_.host.node().directory)));
}

Result<std::shared_ptr<Group>> StoppedStore::find(uint64_t id) const {
  std::shared_ptr<Group> group = parts_.groups.find(id);
  if (group == nullptr) return fail(Code::kNotFound, "there is no group " + std::to_string(id));
  return group;
}

Status StoppedStore::groups(const StorageGroupFn& fn) const {
  for (const std::shared_ptr<Group>& group : parts_.groups.all()) {
    chr_storage_group out{};
    out.struct_size = sizeof out;
    out.group = group->id;
    out.name = to_abi(group->name);
    out.state = group->damage.empty() ? CHR_OK : CHR_E_CORRUPT;
    if (out.state == CHR_OK) {
      chr_storage_bounds bounds{};
      group->log->bounds(&bounds);
      out.first_index = bounds.first_index;
      out.last_index = bounds.last_index;
      out.entries = bounds.entries;
      out.bytes = bounds.bytes;
    }
    if (!fn(out)) return stopped_by_caller();
  }
  return {};
}

Result<std::pair<chr_slice, Lease>> StoppedStore::value(const Group& group, const StoredValue& stored) {
  if (stored.file == 0) {
    const auto* const p = reinterpret_cast<const uint8_t*>(stored.bytes.data());
    return std::pair(chr_slice{p, stored.bytes.size(), nullptr}, Lease());
  }
  CHRONIK_TRY(const chr_slice slice, parts_.values.read(group.id, stored.file, stored));
  return std::pair(slice, Lease::adopt(slice.lease));
}

Status StoppedStore::keys(uint64_t id, std::string_view after, const StorageKeyFn& fn) {
  CHRONIK_TRY(const std::shared_ptr<Group> group, find(id));
  if (!group->damage.empty()) return fail(Code::kCorrupt, group->damage);
  Status status;
  group->keys.for_each(after, [&](std::string_view key, const StoredValue& stored) {
    auto bytes = value(*group, stored);
    if (!bytes) {
      const Code code = bytes.error().code == Code::kNotFound ? Code::kCorrupt : bytes.error().code;
      status = fail(code, "the value of the key " + std::string(key) + " of group " + std::to_string(id) +
                              ": " + bytes.error().message);
    } else if (!fn(key, bytes->first)) {
      status = stopped_by_caller();
    }
    return status.has_value();
  });
  return status;
}

Status StoppedStore::entries(uint64_t id, uint64_t from, const StorageEntryFn& fn) {
  CHRONIK_TRY(const std::shared_ptr<Group> group, find(id));
  uint64_t next = from;
  const auto walk = [&]() -> Status {
    LogCursor cursor(parts_.segments, parts_.indexes, *group->log, Wait::kMay);
    CHRONIK_TRY(LogCursor::Step step, cursor.seek(from));
    while (step == LogCursor::Step::kEntry) {
      const chr_entry_header& header = cursor.head().header;
      next = header.index;
      CHRONIK_TRY(const std::optional<chr_slice> payload, cursor.payload());
      if (!fn({header, {payload->p, payload->n, nullptr}})) return stopped_by_caller();
      ++next;
      CHRONIK_TRY(step, cursor.next());
    }
    return {};
  };
  Status status = walk();
  if (!status && status.error().code == Code::kCorrupt && !status.error().message.starts_with("entry "))
    status.error().message =
        "entry " + std::to_string(next) + " of group " + std::to_string(id) + ": " + status.error().message;
  return status;
}

}  // namespace chronik::storage_log
