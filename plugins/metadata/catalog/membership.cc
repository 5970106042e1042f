// Nodes that come and go: Catalog's part that deals with them, and its rules.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "metadata/catalog/catalog.h"
#include "metadata/catalog/digest.h"
#include "metadata/catalog/rules.h"

namespace chronik::metadata {

namespace {

// Whether the nodes that are left can hold everything.
Verdict check_room(const Catalog& catalog, int32_t leaver, size_t staying) {
  Verdict out;
  catalog.each_topic([&](const Topic& topic) {
    for (size_t p = 0; p < topic.partitions.size() && out.code == CHR_OK; ++p) {
      const Move* move = topic.move_of(static_cast<int32_t>(p));
      const size_t factor = move != nullptr ? move->target.size() : topic.replicas_of(p).size();
      if (factor > staying)
        out = {CHR_E_CONFLICT,
               fmt::format("{:.40}/{} has {} replicas; without node {} there are {} nodes: add another "
                           "node first, or move it to fewer",
                           topic.name, p, factor, leaver, staying)};
    }
  });
  return out;
}

}  // namespace

// Counted for all nodes at once, after a change of topics and where somebody asks.
uint64_t Catalog::replicas_on(int32_t node) const {
  if (counted_version_ != topics_version_) {
    replicas_.clear();
    each_topic([this](const Topic& topic) {
      for (size_t p = 0; p < topic.partitions.size(); ++p)
        topic.each_that_may_hold(p, [this](int32_t holder) { ++replicas_[holder]; });
    });
    counted_version_ = topics_version_;
  }
  const auto found = replicas_.find(node);
  return found == replicas_.end() ? 0 : found->second;
}

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
  if (const uint64_t left = catalog.replicas_on(item.node); left > 0)
    return {CHR_E_CONFLICT, fmt::format("node {} still has {} replicas", item.node, left)};
  return {};
}

void Catalog::apply(const ChangeNodes& command, Outcome* out) {
  for (const NodeChange& item : command.items) out->items.push_back(change(item, out));
}

ItemResult Catalog::change(const NodeChange& item, Outcome* out) {
  Verdict verdict = item.verdict;
  if (verdict.code == CHR_OK) verdict = check(*this, item);
  if (verdict.code != CHR_OK) return {verdict.code, verdict.message, {}, 0};
  const auto found = nodes_.find(item.node);
  if (item.action == NodeAction::kRemove) {
    parts_digest_ -= digest_of(found->second);
    nodes_.erase(found);
    removed_nodes_.insert(item.node);
    applied_.forget(item.node);
    published_nodes_.reset();
    out->changed = true;
    return {};
  }
  Node node = found != nodes_.end() ? found->second : Node{};
  node.id = item.node;
  node.leaving = item.action == NodeAction::kLeave;
  if (!item.raft.empty()) node.raft = item.raft;
  removed_nodes_.erase(item.node);
  put_node(std::move(node), out);
  return {};
}

// What a node says of itself. One that lost its disk needs an id of its own, and one that was removed must be
// added first.
void Catalog::set_node(const Node& node, Outcome* out) {
  const auto found = nodes_.find(node.id);
  const bool stranger = found != nodes_.end() && !found->second.incarnation.zero() &&
                        found->second.incarnation != node.incarnation;
  if (stranger || removed_nodes_.contains(node.id)) {
    ++out->fenced;
    return;
  }
  Node now = node;
  now.leaving = found != nodes_.end() && found->second.leaving;
  if (now.raft.empty() && found != nodes_.end()) now.raft = found->second.raft;
  put_node(std::move(now), out);
}

void Catalog::put_node(Node node, Outcome* out) {
  const auto found = nodes_.find(node.id);
  if (found != nodes_.end()) {
    if (found->second == node) return;
    parts_digest_ -= digest_of(found->second);
  }
  parts_digest_ += digest_of(node);
  nodes_[node.id] = std::move(node);
  published_nodes_.reset();
  out->changed = true;
}

}  // namespace chronik::metadata
