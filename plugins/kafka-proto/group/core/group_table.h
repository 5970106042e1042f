// GroupTable: the groups of one partition of __consumer_offsets, as its records say; the same on each replica.
//
//   a group is  | has
//   simple      | committed offsets alone: nobody manages its members here
//   classic     | members of the classic protocol, with a generation
//   consumer    | members of the consumer protocol (KIP-848), with epochs
//
// A group is there as long as it has any of these; each kind may have committed offsets beside. A group that
// changes its kind has both for as long as the batch takes that says so: the records of the new kind, and the
// tombstones of the old one.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "kafka-proto/group/core/consumer_state.h"
#include "kafka-proto/group/core/offsets.h"
#include "kafka-proto/group/core/record.h"

namespace chronik::kafka::group {

enum class GroupKind : uint8_t { kSimple, kClassic, kConsumer };

struct Group {
  Offsets offsets;
  std::unique_ptr<ClassicGroupRecord::Value> classic;  // null: not of this kind
  std::unique_ptr<ConsumerState> consumer;             // null: not of this kind

  GroupKind kind() const {
    return consumer != nullptr  ? GroupKind::kConsumer
           : classic != nullptr ? GroupKind::kClassic
                                : GroupKind::kSimple;
  }
};

class GroupTable {
 public:
  using Map = std::map<std::string, Group, std::less<>>;
  using Emit = std::function<void(const Record&)>;

  void apply(const Record& record);
  // Null: there is none.
  const Group* find(std::string_view id) const;
  const Map& groups() const { return groups_; }
  void clear() { groups_.clear(); }

  // Records that make an empty table equal to this one, group by group.
  void each_record(const Emit& emit) const;
  // A part of them: of groups whole, from the first at `from` or behind it on, until at least so many records
  // were given. Returns where to go on; nullopt: that was all. What is applied meanwhile is seen from there on.
  std::optional<std::string> each_record(std::string_view from, size_t min_records, const Emit& emit) const;

 private:
  Map groups_;
};

}  // namespace chronik::kafka::group
