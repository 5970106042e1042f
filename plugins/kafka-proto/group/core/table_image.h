// TableImage: a GroupTable as it was when the image was begun, read in parts while records are applied to the table.
// Its records are those of GroupTable::each_record() then, in the same order.
//
//   an item is | left with
//   unread     | read() comes to it: read. A record is about to change it: kept
//   kept       | read() comes to it: read, as it was
//   read       | changes are nothing to it any more
//
// An item is one committed offset, or all else that a group has. What is kept is copied: at most what changes while
// the image is read, each item once.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka-proto/group/core/group_table.h"
#include "kafka-proto/group/core/record.h"

namespace chronik::kafka::group {

class TableImage {
 public:
  // Of a table that has no other; it outlives this, and is not replaced meanwhile.
  explicit TableImage(const GroupTable& table);
  ~TableImage();
  TableImage(const TableImage&) = delete;
  TableImage& operator=(const TableImage&) = delete;

  // Reads on, item by item, until it is enough, which is asked before each. False: that was all, and changes are
  // nothing to it any more.
  bool read(const std::function<bool()>& is_enough, const GroupTable::Emit& emit);

  // The table, of a record that it is about to apply.
  void keep(const Record& record);

  size_t kept() const { return kept_.size(); }

 private:
  // In their order.
  struct Place {
    std::string_view group;
    bool is_offset = false;  // else what the group has beside its offsets
    std::string_view topic{};
    int32_t partition = 0;

    std::strong_ordering operator<=>(const Place&) const = default;
  };
  struct OwnedPlace {
    explicit OwnedPlace(const Place& of)
        : group(of.group), is_offset(of.is_offset), topic(of.topic), partition(of.partition) {}
    Place view() const { return {group, is_offset, topic, partition}; }

    std::string group;
    bool is_offset;
    std::string topic;
    int32_t partition;
  };
  struct PlaceLess {
    using is_transparent = void;
    static Place view(const Place& place) { return place; }
    static Place view(const OwnedPlace& place) { return place.view(); }
    bool operator()(const auto& a, const auto& b) const { return view(a) < view(b); }
  };
  class Cursor;

  void end();
  bool is_read(const Place& place) const { return read_ && place <= read_->view(); }

  const GroupTable& table_;
  std::map<OwnedPlace, std::vector<Record>, PlaceLess> kept_;  // all unread
  std::optional<OwnedPlace> read_;                             // the last one
};

}  // namespace chronik::kafka::group
