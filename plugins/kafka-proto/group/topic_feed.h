// TopicFeed: the topics that the consumer groups of one shard look at, and whom to tell that they changed. On its shard.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "kafka-proto/group/core/topic_view.h"

namespace chronik::kafka {

class TopicFeed {
 public:
  using View = std::shared_ptr<const group::TopicView>;
  using Changed = std::function<void()>;

  TopicFeed();

  const View& view() const { return view_; }
  void show(View view);
  // changed() with each view from the next one on.
  void follow(const void* who, Changed changed) { followers_[who] = std::move(changed); }
  void unfollow(const void* who) { followers_.erase(who); }

 private:
  View view_;
  std::map<const void*, Changed> followers_;
};

}  // namespace chronik::kafka
