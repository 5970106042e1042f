// GroupTable: the groups of one partition of __consumer_offsets, as its records say; the same on each replica.
//
//   a group is  | has
//   simple      | committed offsets alone: nobody manages its members here
//   classic     | members of the classic protocol, with a generation
//   consumer    | members of the consumer protocol (KIP-848), with epochs
//
// A group is there as long as it has any of these; each kind may have committed offsets beside.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "kafka-proto/group/core/consumer_state.h"
#include "kafka-proto/group/core/offsets.h"
#include "kafka-proto/group/core/record.h"

namespace chronik::kafka::group {

struct Group {
  Offsets offsets;
  std::unique_ptr<ClassicGroupRecord::Value> classic;  // null: not of this kind
  std::unique_ptr<ConsumerState> consumer;             // null: not of this kind
};

class GroupTable {
 public:
  using Map = std::map<std::string, Group, std::less<>>;

  void apply(const Record& record);
  // Null: there is none.
  const Group* find(std::string_view id) const;
  const Map& groups() const { return groups_; }
  void clear() { groups_.clear(); }
  // Records that make an empty table equal to this one, group by group.
  void each_record(const std::function<void(const Record&)>& emit) const;

 private:
  Map groups_;
};

}  // namespace chronik::kafka::group
