#include "bench/groups/consumer_member.h"

#include <algorithm>
#include <utility>

namespace chronik::bench {

using kafka::ErrorCode;

namespace {

constexpr int32_t kRebalanceTimeoutMs = 300'000;  // max.poll.interval.ms

}  // namespace

ConsumerMember::ConsumerMember(Loop& loop, std::vector<Address> bootstrap, std::string topic,
                               std::string group, std::string id)
    : loop_(loop),
      topic_(std::move(topic)),
      group_(std::move(group)),
      id_(std::move(id)),
      link_(loop, std::move(bootstrap), group_) {}

ConsumerMember::~ConsumerMember() { loop_.cancel(timer_); }

void ConsumerMember::join() {
  epoch_ = 0;
  assigned_.clear();
  heartbeat(true);
}

void ConsumerMember::heartbeat(bool is_news) {
  link_.find([this, is_news] {
    kafka::ConsumerGroupHeartbeatRequest request;
    request.group_id = group_;
    request.member_id = id_;
    request.member_epoch = epoch_;
    if (epoch_ == 0) {
      request.rebalance_timeout_ms = kRebalanceTimeoutMs;
      request.subscribed_topic_names = {topic_};
    }
    if (is_news) {
      request.topic_partitions.emplace();
      if (!assigned_.empty()) request.topic_partitions->push_back({topic_id_, assigned_});
    }
    link_.call<kafka::ConsumerGroupHeartbeat>(1, request, [this](const auto* answer) { answered(answer); });
  });
}

void ConsumerMember::answered(const kafka::ConsumerGroupHeartbeatResponse* answer) {
  if (answer == nullptr || is_coordinator_gone(answer->error_code)) {
    link_.lose();
    return heartbeat(true);
  }
  if (answer->error_code == ErrorCode::kUnknownMemberId ||
      answer->error_code == ErrorCode::kFencedMemberEpoch)
    return join();
  if (answer->error_code != ErrorCode::kNone)
    die("a consumer gets error " + std::to_string(static_cast<int>(answer->error_code)));
  epoch_ = answer->member_epoch;
  const milliseconds interval(answer->heartbeat_interval_ms);
  if (!answer->assignment) return heartbeat_later(interval, false);
  Partitions given;
  for (const auto& topic : answer->assignment->topic_partitions) {
    topic_id_ = topic.topic_id;
    given.insert(given.end(), topic.partitions.begin(), topic.partitions.end());
  }
  std::ranges::sort(given);
  const bool is_news = given != assigned_;
  assigned_ = std::move(given);
  heartbeat_later(is_news ? milliseconds(0) : interval, is_news);
}

void ConsumerMember::heartbeat_later(milliseconds delay, bool is_news) {
  loop_.cancel(timer_);
  timer_ = loop_.after(delay, [this, is_news] { heartbeat(is_news); });
}

}  // namespace chronik::bench
