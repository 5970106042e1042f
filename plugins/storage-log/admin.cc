#include "storage-log/admin.h"

#include "storage-log/checker.h"

#include <algorithm>
#include <cstring>

namespace chronik::storage_log {
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
  const Result<std::unique_ptr<StoppedStore>> store = StoppedStore::make(host_);
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
  Result<std::unique_ptr<StoppedStore>> store = StoppedStore::make(host_);
  if (!store) return report(error, store.error());
  if (const Status read = (*store)->read(); !read) return report(error, read.error());
  store_ = std::move(*store);
  return CHR_OK;
}

chr_status Admin::groups(chr_storage_group_fn fn, void* context, chr_error* error) {
  return settle(list_groups(fn, context), error);
}

Status Admin::list_groups(chr_storage_group_fn fn, void* context) {
  CHRONIK_CHECK(check_opened(store_));
  for (const std::shared_ptr<Group>& group : store_->parts().groups.all()) {
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
    if (fn(context, &out) != 0) return stopped_by_caller();
  }
  return {};
}

chr_status Admin::keys(uint64_t group, chr_str after, chr_storage_key_fn fn, void* context,
                       chr_error* error) {
  const auto run = [&]() -> Status {
    CHRONIK_CHECK(check_opened(store_));
    CHRONIK_TRY(const std::shared_ptr<Group> found, store_->group(group));
    return store_->keys(*found, from_abi(after), [&](std::string_view key, const chr_slice& value) {
      return fn(context, to_abi(key), value) == 0;
    });
  };
  return settle(run(), error);
}

chr_status Admin::entries(uint64_t group, uint64_t from, chr_storage_entry_fn fn, void* context,
                          chr_error* error) {
  const auto run = [&]() -> Status {
    CHRONIK_CHECK(check_opened(store_));
    CHRONIK_TRY(const std::shared_ptr<Group> found, store_->group(group));
    return store_->entries(*found, from, [&](const chr_entry& entry) { return fn(context, &entry) == 0; });
  };
  return settle(run(), error);
}

}  // namespace chronik::storage_log
