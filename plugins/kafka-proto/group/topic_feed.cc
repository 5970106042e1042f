#include "kafka-proto/group/topic_feed.h"

#include <vector>

namespace chronik::kafka {
namespace {

// Before the first catalog was read.
class NoTopics final : public group::TopicView {
 public:
  std::optional<Topic> find(std::string_view) const override { return std::nullopt; }
  std::string_view name_of(const chr_uuid&) const override { return {}; }
  int64_t version() const override { return 0; }
  void each_name(const std::function<void(std::string_view)>&) const override {}
  std::vector<std::string> racks(const chr_uuid&, int32_t) const override { return {}; }
};

}  // namespace

TopicFeed::TopicFeed() : view_(std::make_shared<NoTopics>()) {}

// Those who are told may come and go meanwhile.
void TopicFeed::show(View view) {
  view_ = std::move(view);
  std::vector<const void*> told;
  for (const auto& [who, changed] : followers_) told.push_back(who);
  for (const void* who : told)
    if (const auto found = followers_.find(who); found != followers_.end()) Changed(found->second)();
}

}  // namespace chronik::kafka
