#include "metadata/catalog/node_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "metadata/catalog/catalog.h"
#include "metadata/catalog/rules.h"
#include "metadata/wire/convert.h"

namespace chronik::metadata {
namespace {

// Whether the nodes that are left can hold everything.
Verdict check_room(const Catalog& catalog, int32_t leaver, size_t staying) {
  Verdict out;
  catalog.topics().each([&](const Topic& topic) {
    for (size_t p = 0; p < topic.partitions.size() && out.code == CHR_OK; ++p) {
      const OngoingReassignment* ongoing = topic.reassignment_of(static_cast<int32_t>(p));
      const size_t factor = ongoing != nullptr ? ongoing->target.size() : topic.replicas_of(p).size();
      if (factor > staying)
        out = {CHR_E_CONFLICT,
               fmt::format("{:.40}/{} has {} replicas; without node {} there are {} nodes: add another "
                           "node first, or move it to fewer",
                           topic.name, p, factor, leaver, staying)};
    }
  });
  return out;
}

uint64_t digest_of(const Node& node) {
  Digest digest("node");
  if (!node.raft.empty() || node.leaving) digest.text(node.raft).number(node.leaving ? 1 : 0);
  return digest.number(static_cast<uint64_t>(static_cast<int64_t>(node.id)))
      .text(node.host)
      .number(node.port)
      .text(node.rack)
      .id(node.incarnation)
      .value();
}

}  // namespace

Verdict check(const Catalog& catalog, const NodeChange& item) {
  const auto found = catalog.nodes().find(item.node);
  const bool known = found != catalog.nodes().end();
  if (item.node < 0) return {CHR_E_INVALID_ARGUMENT, fmt::format("{} is no node id", item.node)};
  if (item.action == NodeAction::kAdd) {
    if (known && !found->second.leaving)
      return {CHR_E_EXISTS, fmt::format("node {} is a member already", item.node)};
    if (!known && item.raft.empty())
      return {CHR_E_INVALID_ARGUMENT, fmt::format("node {} needs the address of its raft port", item.node)};
    return {};
  }
  if (!known) return {CHR_E_NOT_FOUND, fmt::format("node {} is not a member", item.node)};
  if (item.action == NodeAction::kLeave) {
    const auto staying = std::count_if(catalog.nodes().begin(), catalog.nodes().end(), [&](const auto& node) {
      return !node.second.leaving && node.first != item.node;
    });
    if (staying == 0) return {CHR_E_INVALID_ARGUMENT, "the last node of a cluster cannot leave it"};
    return check_room(catalog, item.node, static_cast<size_t>(staying));
  }
  if (!found->second.leaving)
    return {CHR_E_CONFLICT, fmt::format("node {} was not told to leave", item.node)};
  if (const uint64_t left = catalog.topics().replicas_on(item.node); left > 0)
    return {CHR_E_CONFLICT, fmt::format("node {} still has {} replicas", item.node, left)};
  return {};
}

void NodeTable::apply(const ChangeNodes& command, Change* change) {
  for (const NodeChange& item : command.items) change->out->items.push_back(change_node(item, change));
}

void NodeTable::apply(const SyncBatch& command, Change* change) {
  for (const Node& node : command.nodes) set_node(node, change);
}

ItemResult NodeTable::change_node(const NodeChange& item, Change* change) {
  Verdict verdict = item.verdict;
  if (verdict.code == CHR_OK) verdict = check(change->catalog, item);
  if (verdict.code != CHR_OK) return {verdict.code, verdict.message, {}, 0};
  const auto found = nodes_.find(item.node);
  if (item.action == NodeAction::kRemove) {
    digest_ -= digest_of(found->second);
    nodes_.erase(found);
    removed_.insert(item.node);
    change->out->removed_nodes.push_back(item.node);
    published_.reset();
    change->out->changed = true;
    return {};
  }
  Node node = found != nodes_.end() ? found->second : Node{};
  node.id = item.node;
  node.leaving = item.action == NodeAction::kLeave;
  if (!item.raft.empty()) node.raft = item.raft;
  removed_.erase(item.node);
  put_node(std::move(node), change);
  return {};
}

// What a node says of itself. One that lost its disk needs an id of its own, and one that was
// removed must be added first.
void NodeTable::set_node(const Node& node, Change* change) {
  const auto found = nodes_.find(node.id);
  const bool stranger = found != nodes_.end() && !found->second.incarnation.zero() &&
                        found->second.incarnation != node.incarnation;
  if (stranger || removed_.contains(node.id)) {
    ++change->out->fenced;
    return;
  }
  Node now = node;
  now.leaving = found != nodes_.end() && found->second.leaving;
  if (now.raft.empty() && found != nodes_.end()) now.raft = found->second.raft;
  put_node(std::move(now), change);
}

void NodeTable::put_node(Node node, Change* change) {
  const auto found = nodes_.find(node.id);
  if (found != nodes_.end()) {
    if (found->second == node) return;
    digest_ -= digest_of(found->second);
  }
  digest_ += digest_of(node);
  nodes_[node.id] = std::move(node);
  published_.reset();
  change->out->changed = true;
}

uint64_t NodeTable::digest() const {
  uint64_t sum = digest_;
  for (const int32_t node : removed_)
    sum += Digest("removed").number(static_cast<uint64_t>(static_cast<int64_t>(node))).value();
  return sum;
}

void NodeTable::publish(Image* image, uint64_t) {
  if (!published_) {
    auto nodes = std::make_shared<std::vector<Node>>();
    for (const auto& [id, node] : nodes_) nodes->push_back(node);
    published_ = std::move(nodes);
  }
  image->nodes = published_;
}

void NodeTable::save(wire::SnapshotHead* head) const {
  head->mutable_removed_nodes()->Add(removed_.begin(), removed_.end());
  head->set_nodes(nodes_.size());
}

void NodeTable::save_rows(SnapshotWriter* out) const {
  for (const auto& [id, node] : nodes_) {
    wire::Node message;
    convert::to_wire(node, &message);
    out->put(message);
  }
}

Status NodeTable::load(const wire::SnapshotHead& head, SnapshotReader* in) {
  removed_ = {head.removed_nodes().begin(), head.removed_nodes().end()};
  for (uint64_t i = 0; i < head.nodes(); ++i) {
    CHRONIK_TRY(const wire::Node message, in->take_message<wire::Node>());
    CHRONIK_TRY(Node node, convert::from_wire(message));
    const int32_t id = node.id;
    digest_ += digest_of(node);
    if (!nodes_.emplace(id, std::move(node)).second)
      return fail(Code::kCorrupt, fmt::format("the snapshot holds node {} twice", id));
  }
  return {};
}

}  // namespace chronik::metadata
