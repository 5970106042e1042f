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

bool take(std::string_view* in, void* out, uint64_t n) {
  if (in->size() < n) return false;
  if (n != 0) std::memcpy(out, in->data(), n);
  in->remove_prefix(n);
  return true;
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

Status GroupLog::load(std::string_view* in) {
  const std::lock_guard lock(mutex_);
  ImageHead head;
  const bool whole = take(in, &head, sizeof head) && head.group == group_ &&
                     head.broken_bytes <= in->size() &&
                     head.segments <= (in->size() - head.broken_bytes) / sizeof(Segment);
  if (!whole) {
    return fail(Code::kCorrupt, "the checkpoint says nothing sound of the log of group " +
                                    std::to_string(group_) + ": restore this node from another");
  }
  first_ = head.first;
  before_ = head.before;
  end_ = head.end;
  last_number_ = head.last_number;
  sealed_ = head.sealed != 0;
  broken_ = in->substr(0, head.broken_bytes);
  in->remove_prefix(head.broken_bytes);
  segments_.resize(head.segments);
  take(in, segments_.data(), segments_.size() * sizeof(Segment));
  for (Segment& segment : segments_) {
    segment.on_disk = segment.end.next.at;
    sums_.segment_bytes += segment.end.next.at;
  }
  return {};
}

}  // namespace chronik::storage_log
