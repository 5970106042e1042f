#include "kafka-proto/group/core/table_image.h"

#include <utility>
#include <variant>

namespace chronik::kafka::group {

// The items of a table in their order, which does not change meanwhile.
class TableImage::Cursor {
 public:
  // At the first one behind `read`; null: at the first of all.
  Cursor(const GroupTable::Map& groups, const OwnedPlace* read) : group_(groups.begin()), end_(groups.end()) {
    if (read == nullptr) return;
    group_ = groups.lower_bound(read->group);
    if (group_ != end_ && group_->first == read->group) go_behind(*read);
  }

  bool is_at_end() const { return group_ == end_; }
  Place place() const {
    if (!at_offsets_) return {group_->first};
    return {group_->first, true, topic_->first, partition_->first};
  }
  void emit(const GroupTable::Emit& emit) const {
    if (at_offsets_) {
      // mutant offsets-not-in-snapshot: left out
      emit(OffsetCommitRecord{group_->first, topic_->first, partition_->first, partition_->second});
    } else {
      emit_members(group_->first, group_->second, emit);
    }
  }
  void next() {
    if (at_offsets_) {
      ++partition_;
      return settle();
    }
    begin_topic(topics().begin());
    settle();
  }

 private:
  const Offsets::Topics& topics() const { return group_->second.offsets.topics(); }
  void begin_topic(Offsets::Topics::const_iterator topic) {
    at_offsets_ = true;
    topic_ = topic;
    if (topic_ != topics().end()) partition_ = topic_->second.begin();
  }
  // Within the group of `read`.
  void go_behind(const OwnedPlace& read) {
    begin_topic(read.is_offset ? topics().lower_bound(read.topic) : topics().begin());
    if (read.is_offset && topic_ != topics().end() && topic_->first == read.topic)
      partition_ = topic_->second.upper_bound(read.partition);
    settle();
  }
  // Beyond the last partition of a topic there is the next topic, beyond the last topic the next group.
  void settle() {
    while (topic_ != topics().end() && partition_ == topic_->second.end()) begin_topic(std::next(topic_));
    if (topic_ != topics().end()) return;
    at_offsets_ = false;
    ++group_;
  }

  GroupTable::Map::const_iterator group_, end_;
  bool at_offsets_ = false;
  Offsets::Topics::const_iterator topic_{};
  Offsets::Topic::const_iterator partition_{};
};

TableImage::TableImage(const GroupTable& table) : table_(table) { table_.image_ = this; }

TableImage::~TableImage() { end(); }

void TableImage::end() {
  if (table_.image_ == this) table_.image_ = nullptr;
}

// What is kept of an item goes before what the table has of it now.
bool TableImage::read(const std::function<bool()>& is_enough, const GroupTable::Emit& emit) {
  Cursor now(table_.groups(), read_ ? &*read_ : nullptr);
  std::optional<OwnedPlace> last_kept;
  Place last;
  bool any = false;
  while (!now.is_at_end() || !kept_.empty()) {
    if (is_enough()) {
      if (any) read_ = OwnedPlace(last);
      return true;
    }
    any = true;
    if (kept_.empty() || (!now.is_at_end() && now.place() < kept_.begin()->first.view())) {
      now.emit(emit);
      last = now.place();
      now.next();
      continue;
    }
    const auto item = kept_.extract(kept_.begin());
    for (const Record& record : item.mapped()) emit(record);
    last = last_kept.emplace(std::move(item.key())).view();
    if (!now.is_at_end() && now.place() == last) now.next();
  }
  end();
  return false;
}

void TableImage::keep(const Record& record) {
  Place place = std::visit([](const auto& one) { return Place{one.group}; }, record);
  const auto* const offset = std::get_if<OffsetCommitRecord>(&record);
  if (offset != nullptr) place = {offset->group, true, offset->topic, offset->partition};
  if (is_read(place) || kept_.contains(place)) return;
  std::vector<Record>& was = kept_[OwnedPlace(place)];
  const Group* const group = table_.find(place.group);
  if (group == nullptr) return;
  if (offset == nullptr) {
    emit_members(std::string(place.group), *group, [&was](const Record& each) { was.push_back(each); });
  } else if (const auto* const committed = group->offsets.find(offset->topic, offset->partition)) {
    was.push_back(OffsetCommitRecord{offset->group, offset->topic, offset->partition, *committed});
  }
}

}  // namespace chronik::kafka::group
