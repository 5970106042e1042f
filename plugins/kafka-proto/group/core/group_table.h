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
#include <set>
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
  bool has_members() const {
    return (classic != nullptr && !classic->members.empty()) ||
           (consumer != nullptr && !consumer->members().empty());
  }
};

class TableImage;

class GroupTable {
 public:
  using Map = std::map<std::string, Group, std::less<>>;
  using Emit = std::function<void(const Record&)>;

  GroupTable() = default;
  GroupTable(const GroupTable&) = delete;
  GroupTable& operator=(const GroupTable&) = delete;

  void apply(const Record& record);
  // Null: there is none.
  const Group* find(std::string_view id) const;
  const Map& groups() const { return groups_; }
  // Ids of the groups that have members, sorted.
  const std::set<std::string_view>& with_members() const { return with_members_; }

  // What one turn may look at: groups from `first` on, with so many offsets together or one that has more.
  static constexpr size_t kMaxSlice = 2'000;
  Map::const_iterator slice_end(Map::const_iterator first) const;

  // No image of either is read on.
  void swap_groups(GroupTable& other);
  // So many groups and offsets go. For a table that nobody reads any more.
  void drop_slice();

  // Records that make an empty table equal to this one, group by group. In parts: table_image.h.
  void each_record(const Emit& emit) const;

 private:
  friend TableImage;
  void count_members(Map::const_iterator group);

  Map groups_;
  std::set<std::string_view> with_members_;  // keys of groups_
  mutable TableImage* image_ = nullptr;      // is told what changes
};

// What a group has beside its offsets; how many records there were.
size_t emit_members(const std::string& id, const Group& group, const GroupTable::Emit& emit);

}  // namespace chronik::kafka::group
