#include "metadata/service/membership.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "metadata/catalog/evacuation.h"
#include "metadata/catalog/features.h"

namespace chronik::metadata {
namespace {

bool contains(const std::vector<int32_t>& nodes, int32_t node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

}  // namespace

void Membership::review_nodes() {
  if (stopped_) return;
  tell_links();
  if (replica_->leads()) review_as_leader();
}

void Membership::stop() {
  stopped_ = true;
  host_.cancel_timer(std::exchange(timer_, 0));
}

// ---- links ----

// The configuration of this node counts where it names the other one: the catalog may show an address of
// before a move, and no link, no catalog.
std::string Membership::address_of(const Node& node) const {
  const chr_node_info& self = host_.node();
  for (uint32_t i = 0; i < self.n_peers; ++i)
    if (self.peers[i].id == node.id) return std::string(from_abi(self.peers[i].address));
  return node.raft;
}

void Membership::tell_links() {
  const Catalog& catalog = replica_->catalog();
  for (const auto& [id, node] : catalog.nodes()) {
    if (id == host_.node().id) continue;
    const Known now{address_of(node), node.incarnation};
    const auto [known, is_new] = known_.try_emplace(id, now);
    if (!is_new && known->second == now) continue;
    known->second = now;
    if (const Status told = peers_->set_peer(id, now.address, now.incarnation); !told)
      host_.warn(fmt::format("node {} cannot be linked with: {}", id, told.error().message));
  }
  for (const int32_t id : catalog.removed_nodes()) {
    if (const auto [known, is_new] = known_.try_emplace(id); !is_new && known->second == Known{}) continue;
    known_[id] = Known{};
    peers_->remove_peer(id);
  }
}

// ---- the leader's part ----

void Membership::review_as_leader() {
  if (replica_->catalog().cluster_id().empty()) return;
  follow_with_voters();
  EvacuationInputs now{replica_->catalog().topics().version(), peers_->up(), {}, {}};
  for (const auto& [id, node] : replica_->catalog().nodes())
    (node.leaving ? now.leave : now.stay).push_back(id);
  // All partitions are looked at, so not at each change of a leader.
  const bool due = std::exchange(due_, false) || now != looked_at_;
  for (const int32_t id : now.leave)
    if (!proposing_) move_away(id, due);
  looked_at_ = std::move(now);
}

bool Membership::may_learn() const {
  return replica_->has_learners() && replica_->catalog().level() >= kRecordsLevel;
}

bool Membership::is_departing(int32_t id) const {
  const Catalog& catalog = replica_->catalog();
  const auto node = catalog.nodes().find(id);
  return catalog.removed_nodes().contains(id) ||
         (node != catalog.nodes().end() && node->second.leaving && catalog.topics().replicas_on(id) == 0);
}

// Whoever was there stays, unless it goes; a node that was added, or learns, comes once it is linked, where
// another vote is of use, and not while it lags behind as a learner.
std::vector<int32_t> Membership::wanted_voters(const std::vector<int32_t>& present) const {
  std::vector<int32_t> out;
  for (const int32_t id : present)
    if (!is_departing(id)) out.push_back(id);
  const size_t most = may_learn() ? kMaxVoters : SIZE_MAX;
  const std::set<int32_t> lagging = replica_->lagging_learners();
  for (const auto& [id, node] : replica_->catalog().nodes())
    if (out.size() < most && !node.leaving && !contains(out, id) && peers_->up().contains(id) &&
        (contains(asked_, id) || !lagging.contains(id)))
      out.push_back(id);
  if (out.size() > most) drop_surplus(&out);
  return out;
}

// Of a cluster that has just formed, or was upgraded. Who has not registered yet is in no catalog, and could
// not be told apart from a node that does not belong here: it votes until then, and so do all.
void Membership::drop_surplus(std::vector<int32_t>* voters) const {
  const auto& nodes = replica_->catalog().nodes();
  if (std::ranges::any_of(*voters, [&](int32_t id) { return !nodes.contains(id); })) return;
  const auto rank = [&](int32_t id) {
    const bool other = id != host_.node().id;
    return std::tuple(other, nodes.at(id).leaving, other && !peers_->up().contains(id), id);
  };
  while (voters->size() > kMaxVoters) voters->erase(std::ranges::max_element(*voters, {}, rank));
}

void Membership::follow_with_voters() {
  const std::vector<int32_t> present = replica_->voters();
  const std::vector<int32_t> wanted = wanted_voters(present);
  if (wanted.empty()) return;
  // A change waits for those that are to come; where one of them is gone, another takes its place.
  if (wanted != (asked_.empty() ? present : asked_)) change_voters(wanted);
  if (wanted.size() < kMaxVoters && !replica_->lagging_learners().empty()) review_later();
  name_learners(wanted);
}

void Membership::change_voters(const std::vector<int32_t>& wanted) {
  asked_ = wanted;
  host_.info(fmt::format("the voters of __meta become {}", fmt::join(wanted, ", ")));
  replica_->change_members(wanted, [this, change = ++changes_](const Status& changed) {
    if (change != changes_) return;  // another one replaced it
    asked_.clear();
    if (!changed && !stopped_)
      host_.info("the voters of __meta were not changed yet: " + changed.error().message);
    changed ? review_nodes() : review_later();
  });
}

// Where not all vote, all that belong here are named: those that vote go on as learners once they do not.
void Membership::name_learners(const std::vector<int32_t>& voters) {
  std::vector<int32_t> learners;
  bool all_vote = true;
  for (const auto& [id, node] : replica_->catalog().nodes()) {
    if (id == host_.node().id || is_departing(id)) continue;
    learners.push_back(id);
    all_vote = all_vote && contains(voters, id);
  }
  if (!may_learn() || all_vote) learners.clear();
  if (const Status named = replica_->set_learners(learners); !named)
    host_.debug("the learners of __meta were not named: " + named.error().message);
}

// A bounded number of its partitions is under way at a time; the catalog tells when one has arrived.
void Membership::move_away(int32_t node, bool due) {
  const Catalog& catalog = replica_->catalog();
  if (catalog.topics().replicas_on(node) == 0) return remove(node);
  review_later();
  if (!due) return;
  std::set<int32_t> live = peers_->up();
  live.insert(host_.node().id);
  AlterReassignments moves = evacuate(catalog, node, live, kMaxReassignments);
  if (!moves.items.empty()) propose(std::move(moves));
}

void Membership::remove(int32_t node) {
  review_later();
  if (contains(replica_->voters(), node)) return;  // it leaves __meta first
  propose(ChangeNodes{{{{}, node, NodeAction::kRemove, {}}}});
}

void Membership::propose(Body body) {
  proposing_ = true;
  const Status proposed = replica_->propose(Command{{}, std::move(body)}, [this](const Status&) {
    proposing_ = false;
    review_later();
  });
  if (!proposed) proposing_ = false;
}

void Membership::review_later() {
  if (timer_ == 0 && !stopped_) timer_ = host_.timer(kReviewAgainNs, timer_fired, this);
}

void Membership::timer_fired(void* self) {
  auto* membership = static_cast<Membership*>(self);
  membership->timer_ = 0;
  membership->due_ = true;
  membership->review_nodes();
}

}  // namespace chronik::metadata
