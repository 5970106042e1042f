#include "storage-log/segment/segment_view.h"

#include <algorithm>

namespace chronik::storage_log {
namespace {

constexpr uint64_t kPage = 4096;
constexpr uint64_t kAhead = 64u << 10;  // what a walk brings at first; more and more where it goes on
constexpr uint64_t kMaxAhead = 512u << 10;
constexpr uint64_t kLarge =
    32u << 10;  // behind such a record the next head is not worth to be loaded with others

}  // namespace

Result<SegmentView> SegmentView::open(const SegmentFiles& files, std::shared_ptr<OpenSegment> segment,
                                      uint64_t begin, uint64_t limit, Wait wait) {
  CHRONIK_TRY(MappedBytes bytes, segment->map(limit, files.options().segment_bytes));
  SegmentView view(std::move(segment), std::move(bytes), begin, limit, wait);
  view.ahead_ = view.pace_ = kAhead;
  return view;
}

SegmentView::Found SegmentView::bring(uint64_t at, uint64_t n, uint64_t ahead) {
  if (n == 0) return Found::kWhole;
  if (at >= loaded_from_ && at <= loaded_to_ && n <= loaded_to_ - at) return Found::kWhole;
  const uint64_t end = std::min(limit_, segment_->size());
  if (at > end || n > end - at) return Found::kDamaged;
  const uint64_t more = std::min(end - at, std::max(n, ahead));
  const Found found = load(at, more);
  return found == Found::kWhole || more == n ? found : load(at, n);
}

SegmentView::Found SegmentView::load(uint64_t at, uint64_t n) {
  const File& file = segment_->file();
  if (wait_ == Wait::kNever && !file.is_loaded(at, n)) return Found::kNotLoaded;
  if (wait_ == Wait::kMay) {
    if (const Status loaded = file.load(at, n); !loaded) {
      refusal_ = loaded.error();
      return refusal_.code == Code::kOverloaded ? Found::kRefused : Found::kDamaged;
    }
    if (loaded_to_ != 0 && at >= loaded_from_ && at <= loaded_to_) pace_ = std::min(2 * pace_, kMaxAhead);
  }
  loaded_from_ = at;
  loaded_to_ = at + n;
  return Found::kWhole;
}

SegmentView::Found SegmentView::head(uint64_t at, RecordHead* out) {
  if (const Found found = bring(at, sizeof *out, ahead_); found != Found::kWhole) return found;
  if (!parse_head(bytes_.p + at, id().group, {id().number, at}, out)) return Found::kDamaged;
  // Its checksum can be made by whoever wants to: a payload may hold a head for the place where it will lie.
  const uint64_t bytes = out->header.bytes;
  if (bytes > limit_ - at || record_bytes(bytes) > limit_ - at) return Found::kDamaged;
  const uint64_t size = record_bytes(bytes);
  ahead_ = size >= kLarge ? 0 : pace_;
  return Found::kWhole;
}

SegmentView::Found SegmentView::payload(uint64_t at, const RecordHead& head, const uint8_t** p) {
  const uint64_t from = at + sizeof head;
  if (const Found found = bring(from, head.header.bytes, ahead_); found != Found::kWhole) return found;
  *p = bytes_.p + from;
  return payload_is_whole(head, *p) ? Found::kWhole : Found::kDamaged;
}

Result<uint64_t> SegmentView::next_whole(uint64_t at, RecordHead* out) {
  for (at += 8; at + sizeof *out <= limit_; at += 8) {
    const Found found = bring(at, sizeof *out, kPage);
    if (found == Found::kRefused) return std::unexpected(refusal_);
    if (found != Found::kWhole) {
      at = (at | (kPage - 1)) + 1 - 8;
      continue;
    }
    if (head(at, out) == Found::kWhole) return at;
  }
  return limit_;
}

}  // namespace chronik::storage_log
