#include "storage-log/net_write.h"

#include <algorithm>

namespace chronik::storage_log {
namespace {

void fold_step(const chr_storage_step& step, NetWrite& net) {
  const auto below = [&](const chr_entry& entry) { return entry.header.index < step.index; };
  switch (step.type) {
    case CHR_STORAGE_TRUNCATE:
      net.truncate = std::min(net.truncate.value_or(UINT64_MAX), step.index);
      net.kept.erase(std::ranges::find_if_not(net.kept, below), net.kept.end());
      break;
    case CHR_STORAGE_TRIM:
      net.trim = std::max(net.trim.value_or(0), step.index);
      net.kept.erase(net.kept.begin(), std::ranges::find_if_not(net.kept, below));
      break;
    case CHR_STORAGE_APPEND:
      net.kept.insert(net.kept.end(), step.entries, step.entries + step.n);
      break;
    case CHR_STORAGE_DROP:
      net.drops = true;
      break;
    default:
      net.keys.push_back(&step);
  }
}

}  // namespace

NetWrite fold(const OwnedWrite& write) {
  NetWrite net;
  for (const chr_storage_step& step : write.steps()) fold_step(step, net);
  return net;
}

}  // namespace chronik::storage_log
