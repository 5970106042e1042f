#include "kafka-proto/cluster/in_sync.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace chronik::kafka {
namespace {

bool contains(const std::vector<int32_t>& nodes, int32_t node) {
  return std::ranges::find(nodes, node) != nodes.end();
}

}  // namespace

InSync::InSync(Services& services, PeerChannel& channel) : services_(services), channel_(channel) {
  channel.receive(PeerFrame::kInSync,
                  [this](int32_t from, const chr_slice& frame, int64_t number, Reader& body) {
                    return receive_frame(from, frame, number, body);
                  });
  channel.observe_links([this](int32_t peer, bool up) { link_changed(peer, up); });
}

std::optional<std::vector<int32_t>> InSync::find(const Key& key, int32_t leader, int32_t epoch) const {
  if (!any_.load(std::memory_order_relaxed)) return std::nullopt;
  const std::shared_lock lock(mutex_);
  const auto from = by_leader_.find(leader);
  if (from == by_leader_.end()) return std::nullopt;
  const auto report = from->second.reports.find(key);
  if (report == from->second.reports.end() || report->second.epoch != epoch) return std::nullopt;
  return report->second.nodes;
}

// ---- what this node leads ----

void InSync::set(const Key& key, Report report) {
  services_.host.post(0, [this, key, report = std::move(report)]() mutable {
    if (stopped_) return;
    changed_[key] = report;
    if (report.nodes.empty())
      own_.erase(key);
    else
      own_[key] = std::move(report);
    if (soon_timer_ != 0) return;
    soon_timer_ = services_.host.timer(
        kSoonNs,
        [](void* context) {
          auto* const self = static_cast<InSync*>(context);
          self->soon_timer_ = 0;
          self->tell_changes();
        },
        this);
  });
}

bool InSync::may_tell() const { return Catalog(services_).level() >= kRecordsLevel; }

void InSync::tell_changes() {
  std::map<Key, Report> changes = std::exchange(changed_, {});
  if (linked_.empty() || !may_tell()) return;
  const LeaderReports own = own_reports(std::move(changes));
  for (const int32_t peer : linked_) send(peer, services_.host.node().id, 0, own);
}

void InSync::tell_all(const std::vector<int32_t>& peers) {
  if (peers.empty() || !may_tell()) return;
  const LeaderReports own = own_reports(own_);
  for (const int32_t peer : peers) send(peer, services_.host.node().id, kAll, own);
}

// Stamps grow, over restarts too where the clock does: what was passed on may come late, and twice.
InSync::LeaderReports InSync::own_reports(std::map<Key, Report> reports) {
  last_stamp_ = std::max(last_stamp_ + 1, services_.host.unix_ms());
  return {last_stamp_, {linked_.begin(), linked_.end()}, std::move(reports)};
}

// What the leaders said that the peer is not linked with; also that all are in sync again, which may have
// been passed on while this node was not linked with it either.
void InSync::pass_on_to(int32_t peer) {
  if (!may_tell()) return;
  const std::shared_lock lock(mutex_);
  for (const auto& [leader, known] : by_leader_)
    if (leader != peer && linked_.contains(leader) && !contains(known.linked, peer))
      send(peer, leader, kAll, known);
}

// In as many frames as it takes; the first one says that it is all.
void InSync::send(int32_t to, int32_t leader, int64_t number, const LeaderReports& what) {
  auto next = what.reports.begin();
  size_t left = what.reports.size();
  do {
    const size_t n = std::min(left, kMaxItems);
    Writer out = PeerChannel::begin_frame(PeerFrame::kInSync, number);
    out.array_length(n, false);
    for (size_t i = 0; i < n; ++i, ++next) {
      const auto& [key, report] = *next;
      out.uuid(key.topic);
      out.int32(key.partition);
      out.int32(report.epoch);
      out.array_length(report.nodes.size(), false);
      for (const int32_t node : report.nodes) out.int32(node);
    }
    out.int32(leader);
    out.int64(what.stamp);
    out.array_length(what.linked.size(), false);
    for (const int32_t node : what.linked) out.int32(node);
    if (const Status sent = channel_.send(to, std::move(out)); !sent)
      return services_.host.debug("replicas in sync were not told: " + sent.error().message);
    left -= n;
    number = 0;
  } while (left > 0);
}

// ---- what others lead ----

struct InSync::Received {
  std::vector<Item> items;
  int32_t leader = -1;
  int64_t stamp = 0;
  std::vector<int32_t> linked;
};

bool InSync::read(Reader& in, Received* out) {
  constexpr size_t kMinItemBytes = 28;
  if (!in.array("items", false, false, kMinItemBytes, out->items) || out->items.size() > kMaxItems)
    return false;
  for (Item& item : out->items) {
    item.key.topic = in.uuid("topic");
    item.key.partition = in.int32("partition");
    item.report.epoch = in.int32("epoch");
    if (!in.array("nodes", false, false, sizeof(int32_t), item.report.nodes) ||
        item.report.nodes.size() > kMaxNodes)
      return false;
    for (int32_t& node : item.report.nodes) node = in.int32("node");
  }
  out->leader = in.int32("leader");
  out->stamp = in.int64("stamp");
  if (!in.array("linked", false, false, sizeof(int32_t), out->linked) || out->linked.size() > kMaxLinks)
    return false;
  for (int32_t& node : out->linked) node = in.int32("node");
  return in.ok() && in.remaining() == 0;
}

bool InSync::receive_frame(int32_t from, const chr_slice& frame, int64_t number, Reader& in) {
  Received received;
  if (!read(in, &received)) return false;
  if (!linked_.contains(from)) return true;  // a link that came and went; it is told again
  const int32_t self = services_.host.node().id;
  const int32_t leader = received.leader;
  const bool passed_on = leader != from;
  if (passed_on && (leader == self || contains(received.linked, self))) return true;
  const std::vector<int32_t> knows = received.linked;
  if (!accept_report(number, &received) || passed_on) return true;
  for (const int32_t peer : linked_) {
    if (peer == leader || contains(knows, peer)) continue;
    if (const Status sent = channel_.send(peer, {&frame, 1}); !sent)
      services_.host.debug("replicas in sync were not passed on: " + sent.error().message);
  }
  return true;
}

// False: it is known, or what is known is newer.
bool InSync::accept_report(int64_t number, Received* received) {
  const auto known = by_leader_.find(received->leader);
  if (known != by_leader_.end() && received->stamp < known->second.stamp) return false;
  LeaderReports now{received->stamp, std::move(received->linked), {}};
  if (number == kAll) put_reports(std::move(received->items), &now.reports);  // long, so nobody waits for it
  const std::unique_lock lock(mutex_);
  LeaderReports& last = by_leader_[received->leader];
  if (number != kAll) {
    now.reports.swap(last.reports);
    put_reports(std::move(received->items), &now.reports);
  }
  std::swap(last, now);
  any_.store(true, std::memory_order_relaxed);
  return true;
}

void InSync::put_reports(std::vector<Item> items, std::map<Key, Report>* reports) {
  for (Item& item : items) {
    if (item.report.nodes.empty())
      reports->erase(item.key);
    else
      (*reports)[item.key] = std::move(item.report);
  }
}

// What a node said of its partitions counts until it says something else, or their epochs are over: others
// pass on what it says now.
void InSync::link_changed(int32_t peer, bool up) {
  if (stopped_) return;
  if (!up) {
    linked_.erase(peer);
    if (own_.empty()) return;
    tell_all({linked_.begin(), linked_.end()});  // who is not linked any more
    return;
  }
  linked_.insert(peer);
  {
    const std::unique_lock lock(mutex_);
    by_leader_.erase(peer);  // it tells all anew
  }
  tell_all({peer});
  pass_on_to(peer);
}

void InSync::start() {
  if (services_.link == nullptr) return;
  again_timer_ = services_.host.timer(
      kAgainNs,
      [](void* context) {
        auto* const self = static_cast<InSync*>(context);
        self->tell_all({self->linked_.begin(), self->linked_.end()});
        self->start();
      },
      this);
}

void InSync::stop() {
  stopped_ = true;
  services_.host.cancel_timer(std::exchange(soon_timer_, 0));
  services_.host.cancel_timer(std::exchange(again_timer_, 0));
}

}  // namespace chronik::kafka
