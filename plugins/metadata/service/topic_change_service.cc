#include "metadata/service/topic_change_service.h"

#include <algorithm>
#include <chronik/plugin.hpp>

namespace chronik::metadata {
namespace {

const Image& image_of(const chr_catalog* catalog) { return *reinterpret_cast<const Image*>(catalog); }

// Whether partitions that both have stay where they are.
bool is_moved(const Topic& before, const Topic& now) {
  const size_t n = std::min(before.partitions.size(), now.partitions.size());
  for (size_t p = 0; p < n; ++p)
    if (!std::ranges::equal(before.replicas_of(p), now.replicas_of(p))) return true;
  return before.reassignments != now.reassignments;
}

// What differs between two states of one topic, beside leaders.
uint32_t difference(const Topic& before, const Topic& now) {
  uint32_t what = 0;
  if (before.partitions.size() != now.partitions.size()) what |= CHR_TOPIC_EXTENDED;
  if (before.configs != now.configs) what |= CHR_TOPIC_CONFIGURED;
  if (is_moved(before, now)) what |= CHR_TOPIC_MOVED;
  return what;
}

}  // namespace

const chr_topic_changes_v1& TopicChangeService::table() {
  static constexpr chr_topic_changes_v1 kTable = {sizeof kTable, 1, thunk<&TopicChangeService::between>};
  return kTable;
}

// Both images have their topics by name, and share those that did not change.
void TopicChangeService::between(chr_catalog* before, chr_catalog* now, chr_topic_change_fn fn,
                                 void* context) {
  static const TopicList none;
  const auto& olds = before == nullptr ? none : image_of(before).topics;
  const auto& news = image_of(now).topics;
  if (before != nullptr && image_of(before).topics_version == image_of(now).topics_version) return;
  const auto tell = [&](uint32_t what, chr_catalog* catalog, size_t at, size_t n_before) {
    chr_topic topic{};
    topic.struct_size = sizeof topic;
    describe_(image_of(catalog), at, &topic);
    chr_topic_change change{};
    change.struct_size = sizeof change;
    change.what = what;
    change.topic = &topic;
    change.n_before = static_cast<uint32_t>(n_before);
    fn(context, &change);
  };
  size_t i = 0, k = 0;
  while (i < olds.size() || k < news.size()) {
    const bool has_both = i < olds.size() && k < news.size();
    const int order = has_both ? olds[i]->name.compare(news[k]->name) : i < olds.size() ? -1 : 1;
    const bool same = order == 0 && olds[i]->id == news[k]->id;
    if (same) {
      const uint32_t what = olds[i] == news[k] ? 0 : difference(*olds[i], *news[k]);
      if (what != 0) tell(what, now, k, olds[i]->partitions.size());
    } else {
      if (order <= 0) tell(CHR_TOPIC_DELETED, before, i, olds[i]->partitions.size());
      if (order >= 0) tell(CHR_TOPIC_MADE, now, k, 0);
    }
    i += order <= 0 ? 1 : 0;
    k += order >= 0 ? 1 : 0;
  }
}

}  // namespace chronik::metadata
