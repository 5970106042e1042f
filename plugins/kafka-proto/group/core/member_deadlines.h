// MemberDeadlines: one deadline for each member of a group. Moving one costs O(log n) and allocates nothing.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace chronik::kafka::group {

class MemberDeadlines {
 public:
  MemberDeadlines() = default;
  MemberDeadlines(const MemberDeadlines&) = delete;
  MemberDeadlines& operator=(const MemberDeadlines&) = delete;

  void set(std::string_view member, int64_t at_ms);
  void set_if_none(std::string_view member, int64_t at_ms);
  void erase(std::string_view member);
  bool contains(std::string_view member) const { return members_.contains(member); }
  // INT64_MAX: there is none.
  int64_t next_ms() const {
    return order_.empty() ? std::numeric_limits<int64_t>::max() : order_.begin()->first;
  }
  // A member whose deadline has come, which has none afterwards.
  std::optional<std::string> take_due(int64_t now_ms);

 private:
  using Order = std::set<std::pair<int64_t, const std::string*>>;

  std::map<std::string, Order::iterator, std::less<>> members_;
  Order order_;  // points at the keys of members_
};

}  // namespace chronik::kafka::group
