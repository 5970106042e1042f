// ConsumerSteps: what may take long for a consumer group, an assignor and regular expressions: at once where there is
// little to do, else on the blocking lane. From any shard.
#pragma once

#include <chronik/assignor.hpp>

#include <functional>
#include <memory>
#include <optional>

#include "kafka-proto/cluster/services.h"
#include "kafka-proto/group/core/consumer_group.h"
#include "kafka-proto/group/topic_feed.h"

namespace chronik::kafka {

class ConsumerSteps {
 public:
  ConsumerSteps(Services& services, Assignors assignors)
      : services_(services), assignors_(std::make_shared<const Assignors>(std::move(assignors))) {}

  // On the calling shard, at once or later. Nothing: the assignor failed, and the log says why.
  using Assigned = std::function<void(std::optional<group::AssignmentOwners>)>;
  void assign(std::shared_ptr<const group::AssignmentInput> input, Assigned done) const;
  using Resolved = std::function<void(group::RegexTopics)>;
  void resolve(std::vector<std::string> regexes, TopicFeed::View topics, Resolved done) const;

 private:
  template <class Result, class Step, class Done>
  void run(bool is_short, Step step, Done done) const;

  Services& services_;
  const std::shared_ptr<const Assignors> assignors_;
};

// What the assignor of the input says of it, or why there is nothing.
Result<group::AssignmentOwners> ask_assignor(const Assignors& assignors, const group::AssignmentInput& input);
group::RegexTopics find_topics(const std::vector<std::string>& regexes, const group::TopicView& topics);

}  // namespace chronik::kafka
