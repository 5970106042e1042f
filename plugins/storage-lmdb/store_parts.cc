#include "storage-lmdb/store_parts.h"

#include "storage-lmdb/transaction.h"

#include <algorithm>

namespace chronik::storage_lmdb {

uint64_t StoreParts::used_bytes() const {
  return space.live_bytes() - std::min(space.live_bytes(), groups.gone_bytes());
}

void StoreParts::note_sizes() { metrics.note_sizes(used_bytes(), groups.gone_bytes(), space.file_bytes()); }

void StoreParts::look_at_free_pages() {
  const auto free = contain([&] { return FreePages::read(generations->transactions()); });
  if (free) supply.looked(*free, generations->pressure(host.now_ns()).waiting_bytes);
}

Status StoreParts::make_freed_usable() {
  for (int i = 0; i < 2; ++i) {
    Transaction transaction(host, *env, groups);
    CHRONIK_CHECK(transaction.begin());
    CHRONIK_CHECK(contain([&] { return transaction.touch(); }));
    CHRONIK_CHECK(contain([&] { return transaction.commit(space); }));
  }
  return {};
}

bool StoreParts::try_make_freed_usable() {
  const Status status = make_freed_usable();
  if (!status && status.error().code != Code::kNoSpace) failure.fail(status.error());
  return status.has_value();
}

}  // namespace chronik::storage_lmdb
