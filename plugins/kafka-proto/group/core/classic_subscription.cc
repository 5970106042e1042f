#include "kafka-proto/group/core/classic_subscription.h"

#include <cstdint>
#include <unordered_set>

namespace chronik::kafka::group {
namespace {

// Big-endian; false: there is less than that.
bool read_int(std::string_view& in, size_t width, int32_t& out) {
  if (in.size() < width) return false;
  uint32_t value = 0;
  for (size_t i = 0; i < width; ++i) value = value << 8 | static_cast<uint8_t>(in[i]);
  out = width == 2 ? static_cast<int16_t>(value) : static_cast<int32_t>(value);
  in.remove_prefix(width);
  return true;
}

bool read_topic(std::string_view& in, std::string_view& topic) {
  int32_t size = 0;
  if (!read_int(in, 2, size) || size < 0 || static_cast<size_t>(size) > in.size()) return false;
  topic = in.substr(0, static_cast<size_t>(size));
  in.remove_prefix(topic.size());
  return true;
}

// The part of the metadata that lists the topics, from their number on; empty: it is not readable.
std::string_view topic_list(std::string_view metadata) {
  std::string_view rest = metadata;
  int32_t version = 0;
  int32_t count = 0;
  if (!read_int(rest, 2, version)) return {};
  const std::string_view list = rest;
  if (!read_int(rest, 4, count) || count < 0) return {};
  for (std::string_view topic; count > 0; --count)
    if (!read_topic(rest, topic)) return {};
  const size_t size = list.size() - rest.size();
  int32_t user_data = 0;
  if (!read_int(rest, 4, user_data) || user_data < -1) return {};
  if (user_data > 0 && static_cast<size_t>(user_data) > rest.size()) return {};
  return list.substr(0, size);
}

}  // namespace

Subscription::Subscription(const std::vector<std::string_view>& metadata) : consumers_(true), known_(true) {
  std::unordered_set<std::string_view> seen;  // many members have the same topics
  for (const std::string_view of_member : metadata) {
    std::string_view list = topic_list(of_member);
    if (list.empty()) {
      known_ = false;
      topics_.clear();
      return;
    }
    if (!seen.insert(list).second) continue;
    list.remove_prefix(4);
    for (std::string_view topic; read_topic(list, topic);)
      if (topics_.find(topic) == topics_.end()) topics_.emplace(topic);
  }
}

bool Subscription::contains(std::string_view topic) const {
  return known_ ? topics_.find(topic) != topics_.end() : consumers_;
}

Subscription recorded_subscription(const ClassicGroupRecord::Value* recorded) {
  if (recorded == nullptr || recorded->protocol_type != kConsumerProtocolType) return {};
  std::vector<std::string_view> metadata;
  for (const ClassicGroupRecord::Member& member : recorded->members) metadata.push_back(member.subscription);
  return Subscription(metadata);
}

}  // namespace chronik::kafka::group
