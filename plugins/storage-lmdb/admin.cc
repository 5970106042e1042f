#include "storage-lmdb/admin.h"

#include "storage-lmdb/checker.h"

#include <algorithm>
#include <cstring>

namespace chronik::storage_lmdb {
namespace {

chr_status settle(const Status& status, chr_error* error) {
  return status ? CHR_OK : report(error, status.error());
}

Status check_opened(const std::unique_ptr<StoppedStore>& store) {
  if (store == nullptr) return fail(Code::kInvalidArgument, "open() was not called");
  return {};
}

}  // namespace

chr_status Admin::check(chr_storage_report_fn fn, void* context, chr_storage_check* out, chr_error* error) {
  const Result<std::unique_ptr<StoppedStore>> store = StoppedStore::open(directory());
  if (!store) return report(error, store.error());
  Checker checker(**store, [&](const chr_storage_report& r) { return fn(context, &r) == 0; });
  const Status status = checker.run();
  const uint32_t size = std::min<uint32_t>(out->struct_size, sizeof *out);
  chr_storage_check seen = checker.seen();
  seen.struct_size = out->struct_size;
  std::memcpy(out, &seen, size);
  return settle(status, error);
}

chr_status Admin::open(chr_error* error) {
  Result<std::unique_ptr<StoppedStore>> store = StoppedStore::open(directory());
  if (!store) return report(error, store.error());
  store_ = std::move(*store);
  return CHR_OK;
}

chr_status Admin::groups(chr_storage_group_fn fn, void* context, chr_error* error) {
  return settle(list_groups(fn, context), error);
}

Status Admin::list_groups(chr_storage_group_fn fn, void* context) {
  CHRONIK_CHECK(check_opened(store_));
  CHRONIK_TRY(const std::vector<StoredGroup> groups, store_->groups());
  for (const StoredGroup& group : groups) {
    if (group.dropped) continue;
    chr_storage_group out{};
    out.struct_size = sizeof out;
    out.group = group.id;
    out.name = to_abi(group.name);
    const Result<LogState> log = store_->log_state(group);
    if (!log && log.error().code != Code::kCorrupt) return std::unexpected(log.error());
    out.state = group.is_damaged || !log ? CHR_E_CORRUPT : CHR_OK;
    if (out.state == CHR_OK) {
      out.first_index = log->first;
      out.last_index = log->last;
      out.entries = log->entries();
      out.bytes = log->bytes();
    }
    if (fn(context, &out) != 0) return fail(Code::kCancelled, "the caller wants no more");
  }
  return {};
}

chr_status Admin::keys(uint64_t group, chr_str after, chr_storage_key_fn fn, void* context,
                       chr_error* error) {
  const auto run = [&]() -> Status {
    CHRONIK_CHECK(check_opened(store_));
    CHRONIK_CHECK(store_->group(group));
    return store_->keys(group, from_abi(after), [&](std::string_view key, std::string_view value) {
      const chr_slice slice{reinterpret_cast<const uint8_t*>(value.data()), value.size(), nullptr};
      return fn(context, to_abi(key), slice) == 0;
    });
  };
  return settle(run(), error);
}

chr_status Admin::entries(uint64_t group, uint64_t from, chr_storage_entry_fn fn, void* context,
                          chr_error* error) {
  const auto run = [&]() -> Status {
    CHRONIK_CHECK(check_opened(store_));
    CHRONIK_TRY(const StoredGroup stored, store_->group(group));
    return store_->entries(stored, from, [&](const chr_entry& entry) { return fn(context, &entry) == 0; });
  };
  return settle(run(), error);
}

}  // namespace chronik::storage_lmdb
