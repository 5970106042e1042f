#include "kafka-proto/group/core/member_deadlines.h"

namespace chronik::kafka::group {

void MemberDeadlines::set(std::string_view member, int64_t at_ms) {
  const auto known = members_.find(member);
  if (known == members_.end()) {
    const auto added = members_.emplace(std::string(member), Order::iterator{}).first;
    added->second = order_.emplace(at_ms, &added->first).first;
    return;
  }
  auto node = order_.extract(known->second);
  node.value().first = at_ms;
  known->second = order_.insert(std::move(node)).position;
}

void MemberDeadlines::set_if_none(std::string_view member, int64_t at_ms) {
  if (!contains(member)) set(member, at_ms);
}

void MemberDeadlines::erase(std::string_view member) {
  const auto known = members_.find(member);
  if (known == members_.end()) return;
  order_.erase(known->second);
  members_.erase(known);
}

std::optional<std::string> MemberDeadlines::take_due(int64_t now_ms) {
  if (next_ms() > now_ms) return std::nullopt;
  std::string member = *order_.begin()->second;
  erase(member);
  return member;
}

}  // namespace chronik::kafka::group
