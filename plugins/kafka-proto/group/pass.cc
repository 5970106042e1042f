#include "kafka-proto/group/pass.h"

#include <utility>

namespace chronik::kafka {
namespace {

constexpr uint64_t kMs = 1'000'000;

}  // namespace

void GroupPass::begin_in(uint64_t delay_ms) { timer_.arm(delay_ms * kMs); }

void GroupPass::visit_slice() {
  passing_ = true;
  const std::vector<std::string> ids = next_slice();
  left_ = ids.size() + 1;
  for (const std::string& id : ids) {
    const group::Group* const group = table_.find(id);
    if (group == nullptr) {
      visit_done(id, true);
      continue;
    }
    visit_(id, *group, [this, id, alive = std::weak_ptr(alive_)](bool done) {
      if (!alive.expired()) visit_done(id, done);
    });
  }
  finish_slice();
}

std::vector<std::string> GroupPass::next_slice() {
  if (!again_.empty()) return std::exchange(again_, {});
  std::vector<std::string> ids;
  const auto first = table_.groups().lower_bound(from_);
  const auto end = table_.slice_end(first);
  for (auto at = first; at != end; ++at) ids.push_back(at->first);
  is_last_ = end == table_.groups().end();
  from_ = is_last_ ? std::string() : end->first;
  return ids;
}

void GroupPass::visit_done(const std::string& id, bool done) {
  if (!done) again_.push_back(id);
  finish_slice();
}

// Whoever comes last.
void GroupPass::finish_slice() {
  if (--left_ > 0) return;
  if (!again_.empty()) return timer_.arm(kRetryMs * kMs);
  if (!is_last_) return timer_.arm(0);
  passing_ = false;
  end_();
}

}  // namespace chronik::kafka
