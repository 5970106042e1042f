#include "metadata/service/record_service.h"

#include <chronik/plugin.hpp>

namespace chronik::metadata {

static_assert(CHR_MAX_SPACE_BYTES == kMaxSpaceBytes && CHR_MAX_RECORD_KEY_BYTES == kMaxRecordKeyBytes &&
              CHR_MAX_RECORD_VALUE_BYTES == kMaxRecordValueBytes);

const chr_records_v1& RecordService::table() {
  using T = RecordService;
  static constexpr chr_records_v1 kTable = {
      sizeof kTable,     1, thunk<&T::seek>, thunk<&T::watch>, thunk<&T::unwatch>, thunk<&T::change>,
      thunk<&T::barrier>};
  return kTable;
}

chr_status RecordService::seek(chr_catalog* catalog, chr_str space, chr_str key, chr_record* out) {
  const Image& image = *reinterpret_cast<const Image*>(catalog);
  chr_status status = CHR_E_NOT_FOUND;
  each_record(*image.records, from_abi(space), from_abi(key), [&](const Record& record) {
    out->key = to_abi(record.key);
    out->value = to_abi(record.value);
    out->version = record.version;
    status = CHR_OK;
    return false;
  });
  return status;
}

void RecordService::watch(chr_str space, chr_catalog_fn fn, void* context) {
  (*service_)->views().watch(fn, context, std::string(from_abi(space)));
}

void RecordService::unwatch(chr_catalog_fn fn, void* context) { (*service_)->views().unwatch(fn, context); }

chr_status RecordService::change(const chr_record_change* items, uint32_t n, uint64_t timeout_ns,
                                 chr_change_result* results, uint64_t token, chr_error* error) {
  if (n > kMaxItems) return report(error, CHR_E_INVALID_ARGUMENT, "a change has at most 10000 items");
  ChangeRecords body;
  size_t bytes = 0;
  for (const chr_record_change* item = items; item != items + n; ++item) {
    if (item->space.n == 0) return report(error, CHR_E_INVALID_ARGUMENT, "a record has no space");
    bytes += item->space.n + item->key.n + item->value.n;
    if (bytes > kMaxCommandBytes) return report(error, CHR_E_INVALID_ARGUMENT, "the change is too large");
    RecordChange& out = body.items.emplace_back();
    out.space = std::string(from_abi(item->space));
    out.key = std::string(from_abi(item->key));
    out.remove = (item->flags & CHR_RECORD_REMOVE) != 0;
    if (!out.remove) out.value = std::string(from_abi(item->value));
    if ((item->flags & CHR_RECORD_EXPECTED) != 0) out.expected = item->expected;
  }
  (*service_)->submit({std::move(body), false, timeout_ns, results, token});
  return CHR_PENDING;
}

chr_status RecordService::barrier(uint64_t timeout_ns, chr_change_result* result, uint64_t token,
                                  chr_error*) {
  (*service_)->submit({ChangeRecords{{RecordChange{}}}, false, timeout_ns, result, token});
  return CHR_PENDING;
}

}  // namespace chronik::metadata
