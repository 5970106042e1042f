#include "kafka-proto/server/in_sync.h"

#include <mutex>
#include <utility>

#include "kafka-proto/server/elections.h"
#include "kafka-proto/wire/writer.h"

namespace chronik::kafka {

std::optional<std::vector<int32_t>> InSync::find(const Key& key, int32_t leader, int32_t epoch) const {
  if (!any_.load(std::memory_order_relaxed)) return std::nullopt;
  const std::shared_lock lock(mutex_);
  const auto from = told_.find(leader);
  if (from == told_.end()) return std::nullopt;
  const auto report = from->second.find(key);
  if (report == from->second.end() || report->second.epoch != epoch) return std::nullopt;
  return report->second.nodes;
}

// ---- what this node leads ----

void InSync::set(const Key& key, Report report) {
  broker_.host.post(0, [this, key, report = std::move(report)]() mutable {
    if (stopped_) return;
    changed_[key] = report;
    if (report.nodes.empty())
      own_.erase(key);
    else
      own_[key] = std::move(report);
    if (soon_timer_ != 0) return;
    soon_timer_ = broker_.host.timer(
        kSoonNs,
        [](void* context) {
          auto* const self = static_cast<InSync*>(context);
          self->soon_timer_ = 0;
          self->tell_changes();
        },
        this);
  });
}

bool InSync::may_tell() const { return Catalog(broker_).level() >= kRecordsLevel; }

void InSync::tell_changes() {
  const std::map<Key, Report> changes = std::exchange(changed_, {});
  if (linked_.empty() || !may_tell()) return;
  for (const int32_t peer : linked_) send(peer, 0, changes);
}

void InSync::tell_all(int32_t peer) {
  if (may_tell()) send(peer, kAll, own_);
}

// In as many frames as it takes; the first one says that it is all.
void InSync::send(int32_t to, int64_t number, const std::map<Key, Report>& reports) {
  auto next = reports.begin();
  size_t left = reports.size();
  do {
    const size_t n = std::min(left, kMostItems);
    Writer out = Elections::begin_frame(kKind, number, n);
    for (size_t i = 0; i < n; ++i, ++next) {
      const auto& [key, report] = *next;
      out.uuid(key.topic);
      out.int32(key.partition);
      out.int32(report.epoch);
      out.array_length(report.nodes.size(), false);
      for (const int32_t node : report.nodes) out.int32(node);
    }
    if (const Status sent = broker_.elections->send(to, std::move(out).finish().copy()); !sent)
      return broker_.host.debug("replicas in sync were not told: " + sent.error().message);
    left -= n;
    number = 0;
  } while (left > 0);
}

// ---- what others lead ----

bool InSync::received(int32_t from, int64_t number, Reader& in) {
  constexpr size_t kSmallest = 28;
  struct Item {
    Key key;
    Report report;
  };
  std::vector<Item> items;
  if (!in.array("items", false, false, kSmallest, items) || items.size() > kMostItems) return false;
  for (Item& item : items) {
    item.key.topic = in.uuid("topic");
    item.key.partition = in.int32("partition");
    item.report.epoch = in.int32("epoch");
    if (!in.array("nodes", false, false, sizeof(int32_t), item.report.nodes) ||
        item.report.nodes.size() > kMostNodes)
      return false;
    for (int32_t& node : item.report.nodes) node = in.int32("node");
  }
  if (!in.ok() || in.remaining() != 0) return false;
  if (!linked_.contains(from)) return true;  // a link that came and went; it is told again
  const std::unique_lock lock(mutex_);
  std::map<Key, Report>& told = told_[from];
  if (number == kAll) told.clear();
  for (Item& item : items) {
    if (item.report.nodes.empty())
      told.erase(item.key);
    else
      told[item.key] = std::move(item.report);
  }
  any_.store(true, std::memory_order_relaxed);
  return true;
}

void InSync::link_changed(int32_t peer, bool up) {
  if (stopped_) return;
  if (up) {
    linked_.insert(peer);
    return tell_all(peer);
  }
  linked_.erase(peer);
  const std::unique_lock lock(mutex_);
  told_.erase(peer);
}

void InSync::start() {
  again_timer_ = broker_.host.timer(
      kAgainNs,
      [](void* context) {
        auto* const self = static_cast<InSync*>(context);
        for (const int32_t peer : self->linked_) self->tell_all(peer);
        self->start();
      },
      this);
}

void InSync::stop() {
  stopped_ = true;
  broker_.host.cancel_timer(std::exchange(soon_timer_, 0));
  broker_.host.cancel_timer(std::exchange(again_timer_, 0));
}

}  // namespace chronik::kafka
