// FakeTopicChanges: chronik.metadata.topic_changes/1 for unit tests, over the images of a FakeMetadata.
//
//     FakeTopicChanges changes(&host, &metadata);         // now found by acquire(CHR_TOPIC_CHANGES_ID)
#pragma once

#include <chronik/draft/topic_changes.h>

#include <chronik/testing/fake_metadata.hpp>

namespace chronik::testing {

class FakeTopicChanges {
 public:
  FakeTopicChanges(FakeHost* host, FakeMetadata* metadata) {
    static_cast<void>(metadata);  // whose images they are
    static constexpr chr_topic_changes_v1 kTable = {sizeof kTable, 1, thunk<&FakeTopicChanges::between>};
    host->provide(CHR_TOPIC_CHANGES_ID, &kTable, this);
  }
  FakeTopicChanges(const FakeTopicChanges&) = delete;
  FakeTopicChanges& operator=(const FakeTopicChanges&) = delete;

  // ---- chr_topic_changes_v1 ----
  void between(chr_catalog* before, chr_catalog* now, chr_topic_change_fn fn, void* context) {
    std::map<std::string, std::pair<size_t, size_t>> places;  // by name: where they stand, and one more
    const auto add = [&](chr_catalog* catalog, auto place) {
      if (catalog == nullptr) return;
      const auto& topics = FakeMetadata::of(catalog).topics;
      for (size_t i = 0; i < topics.size(); ++i) places[topics[i]->name].*place = i + 1;
    };
    add(before, &std::pair<size_t, size_t>::first);
    add(now, &std::pair<size_t, size_t>::second);
    for (const auto& [name, at] : places) {
      const auto* old_topic = at.first == 0 ? nullptr : FakeMetadata::of(before).topics[at.first - 1];
      const auto* new_topic = at.second == 0 ? nullptr : FakeMetadata::of(now).topics[at.second - 1];
      const auto n_before = old_topic == nullptr ? 0u : old_topic->partitions();
      const auto tell = [&](uint32_t what, chr_catalog* catalog, size_t place, uint32_t n) {
        chr_topic topic{};
        topic.struct_size = sizeof topic;
        FakeMetadata::describe(catalog, place - 1, &topic);
        chr_topic_change change{};
        change.struct_size = sizeof change;
        change.what = what;
        change.topic = &topic;
        change.n_before = n;
        fn(context, &change);
      };
      const bool same = old_topic != nullptr && new_topic != nullptr &&
                        std::memcmp(old_topic->id.b, new_topic->id.b, 16) == 0;
      if (!same && old_topic != nullptr) tell(CHR_TOPIC_DELETED, before, at.first, n_before);
      if (!same && new_topic != nullptr) tell(CHR_TOPIC_MADE, now, at.second, 0);
      if (!same) continue;
      uint32_t what = 0;
      if (new_topic->partitions() != n_before) what |= CHR_TOPIC_EXTENDED;
      if (new_topic->configs != old_topic->configs) what |= CHR_TOPIC_CONFIGURED;
      if (is_moved(*old_topic, *new_topic)) what |= CHR_TOPIC_MOVED;
      if (what != 0) tell(what, now, at.second, n_before);
    }
  }

 private:
  static bool is_moved(const FakeMetadata::Topic& before, const FakeMetadata::Topic& now) {
    for (size_t p = 0; p < std::min(before.replicas.size(), now.replicas.size()); ++p)
      if (before.replicas[p] != now.replicas[p]) return true;
    const auto same = [](const auto& a, const auto& b) {
      return a.first == b.first && a.second.target == b.second.target && a.second.others == b.second.others;
    };
    return !std::ranges::equal(before.moves, now.moves, same);
  }
};

}  // namespace chronik::testing
