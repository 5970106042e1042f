#include "storage-lmdb/look_ahead.h"

namespace chronik::storage_lmdb {

void LookAhead::end_read(uint64_t group, const Result<uint64_t>& below) {
  is_reading_ = false;
  if (below)
    news_[group] = *below;
  else
    (below.error().code == Code::kCorrupt ? damaged_ : not_now_).insert(group);
}

}  // namespace chronik::storage_lmdb
