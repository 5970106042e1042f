#include "service/membership.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "catalog/evacuation.h"

namespace chronik::metadata {
namespace {

bool contains(const std::vector<int32_t>& nodes, int32_t node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

}  // namespace

void Membership::look() {
  if (stopped_) return;
  tell_links();
  if (replica_->leads()) lead();
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

void Membership::lead() {
  if (replica_->catalog().cluster_id().empty()) return;
  follow_with_voters();
  for (const auto& [id, node] : replica_->catalog().nodes()) {
    if (!node.leaving || proposing_) continue;
    move_away(id);
  }
}

// Whoever was there stays, unless it goes; a node that was added comes once it is linked.
std::vector<int32_t> Membership::wanted_voters(const std::vector<int32_t>& present) const {
  const Catalog& catalog = replica_->catalog();
  std::vector<int32_t> out;
  for (const int32_t id : present) {
    const auto node = catalog.nodes().find(id);
    const bool goes = catalog.removed_nodes().contains(id) ||
                      (node != catalog.nodes().end() && node->second.leaving && catalog.replicas_on(id) == 0);
    if (!goes) out.push_back(id);
  }
  for (const auto& [id, node] : catalog.nodes())
    if (!node.leaving && !contains(out, id) && peers_->up().contains(id)) out.push_back(id);
  return out;
}

void Membership::follow_with_voters() {
  const std::vector<int32_t> present = replica_->voters();
  const std::vector<int32_t> wanted = wanted_voters(present);
  if (changing_ || wanted == present || wanted.empty()) return;
  changing_ = true;
  host_.info(fmt::format("the voters of __meta become {}", fmt::join(wanted, ", ")));
  replica_->change_members(wanted, [this](const Status& changed) {
    changing_ = false;
    if (!changed && !stopped_)
      host_.info("the voters of __meta were not changed yet: " + changed.error().message);
    changed ? look() : look_later();
  });
}

// A bounded number of its partitions is under way at a time; the catalog tells when one has arrived.
void Membership::move_away(int32_t node) {
  const Catalog& catalog = replica_->catalog();
  if (catalog.replicas_on(node) == 0) return remove(node);
  look_later();
  std::set<int32_t> live = peers_->up();
  live.insert(host_.node().id);
  AlterReassignments moves = evacuate(catalog, node, live, kMostMoves);
  if (!moves.items.empty()) propose(std::move(moves));
}

void Membership::remove(int32_t node) {
  look_later();
  if (contains(replica_->voters(), node)) return;  // it leaves __meta first
  propose(ChangeNodes{{{{}, node, NodeAction::kRemove, {}}}});
}

void Membership::propose(Body body) {
  proposing_ = true;
  const Status proposed = replica_->propose(Command{{}, std::move(body)}, [this](const Status&) {
    proposing_ = false;
    look_later();
  });
  if (!proposed) proposing_ = false;
}

void Membership::look_later() {
  if (timer_ == 0 && !stopped_) timer_ = host_.timer(kLookAgainNs, timer_fired, this);
}

void Membership::timer_fired(void* self) {
  auto* membership = static_cast<Membership*>(self);
  membership->timer_ = 0;
  membership->look();
}

}  // namespace chronik::metadata
