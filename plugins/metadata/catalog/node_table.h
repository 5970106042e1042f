// The nodes of the cluster: who they say they are, who leaves, and who was removed.
#pragma once

#include <map>
#include <set>

#include "metadata/catalog/table.h"

namespace chronik::metadata {

class NodeTable : public Table {
 public:
  const std::map<int32_t, Node>& all() const { return nodes_; }
  // Nodes that were removed, and may not come back by themselves.
  const std::set<int32_t>& removed() const { return removed_; }

  void apply(const ChangeNodes& command, Change* change);
  void apply(const SyncBatch& command, Change* change);

  uint64_t digest() const;
  void publish(Image* image, uint64_t generation);
  void save(wire::SnapshotHead* head) const;
  void save_rows(SnapshotWriter* out) const;
  Status load(const wire::SnapshotHead& head, SnapshotReader* in);

 private:
  ItemResult change_node(const NodeChange& item, Change* change);
  void set_node(const Node& node, Change* change);
  void put_node(Node node, Change* change);

  std::map<int32_t, Node> nodes_;
  std::set<int32_t> removed_;
  uint64_t digest_ = 0;                                 // the sum over nodes_
  std::shared_ptr<const std::vector<Node>> published_;  // reset when a node changes
};

}  // namespace chronik::metadata
