// A log as a checkpoint holds it.
#include "storage-log/segment/group_log.h"

#include <cstring>
#include <type_traits>

namespace chronik::storage_log {
namespace {

struct ImageHead {
  uint64_t group;
  uint64_t first;
  Totals before;
  LogEnd end;
  uint64_t last_number;
  uint32_t sealed;
  uint32_t broken_bytes;
  uint64_t segments;
};
static_assert(std::is_trivially_copyable_v<ImageHead> && sizeof(ImageHead) == 112);
static_assert(std::is_trivially_copyable_v<Segment> && sizeof(Segment) == 96);

std::unexpected<Error> unsound(uint64_t group) {
  return fail(Code::kCorrupt, "the checkpoint says nothing sound of the log of group " +
                                  std::to_string(group) + ": restore this node from another");
}

}  // namespace

void GroupLog::save(std::string* out) const {
  const std::lock_guard lock(mutex_);
  const ImageHead head{group_,
                       first_,
                       before_,
                       end_,
                       last_number_,
                       sealed_ ? 1u : 0u,
                       static_cast<uint32_t>(broken_.size()),
                       segments_.size()};
  out->append(reinterpret_cast<const char*>(&head), sizeof head);
  out->append(broken_);
  out->append(reinterpret_cast<const char*>(segments_.data()), segments_.size() * sizeof(Segment));
}

// Reads go by it: a row of segments that ascends and ends at the log's end.
bool GroupLog::is_sound() const {
  if (last_number_ > kMaxPlace) return false;  // the next one would wrap
  const Segment* before = nullptr;
  for (const Segment& segment : segments_) {
    if (segment.begin > kMaxPlace || segment.end.next.at > kMaxPlace || segment.first > segment.end.last)
      return false;
    if (before != nullptr && (segment.number <= before->number || segment.first <= before->end.last))
      return false;
    before = &segment;
  }
  if (first_ == 0) return before == nullptr;
  return before != nullptr && before->end == end_ && before->number <= last_number_ && first_ <= end_.last;
}

Status GroupLog::load(ByteReader& in) {
  const std::lock_guard lock(mutex_);
  const auto head = in.take<ImageHead>();
  const std::string_view broken = in.take(head.broken_bytes);
  if (head.group != group_ || head.segments > in.rest().size() / sizeof(Segment)) return unsound(group_);
  const std::string_view segments = in.take(head.segments * sizeof(Segment));
  if (!in.is_whole()) return unsound(group_);
  first_ = head.first;
  before_ = head.before;
  end_ = head.end;
  last_number_ = head.last_number;
  sealed_ = head.sealed != 0;
  broken_ = broken;
  segments_.resize(head.segments);
  if (!segments.empty()) std::memcpy(segments_.data(), segments.data(), segments.size());
  for (Segment& segment : segments_) {
    segment.on_disk = segment.end.next.at;
  }
  return is_sound() ? Status() : unsound(group_);
}

}  // namespace chronik::storage_log
