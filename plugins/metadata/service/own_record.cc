#include "metadata/service/own_record.h"

#include <fmt/format.h>

#include <utility>

namespace chronik::metadata {

OwnRecord::OwnRecord(Host host, const Replica* replica, const CatchUp* catch_up)
    : host_(host), replica_(replica), catch_up_(catch_up) {
  const chr_node_info& node = host.node();
  own_.id = node.id;
  own_.rack = std::string(from_abi(node.rack));
  own_.incarnation = Uuid::from_abi(node.incarnation);
  for (uint32_t i = 0; i < node.n_peers; ++i)
    if (node.peers[i].id == node.id) own_.raft = std::string(from_abi(node.peers[i].address));
}

void OwnRecord::set_endpoint(std::string host, uint16_t port) {
  own_.host = std::move(host);
  own_.port = port;
}

// A node that lost its disk has a new incarnation, and must not pass for the one that the cluster knows. One
// that was removed and added again reads in the log of whom it was before.
void OwnRecord::check() {
  if (!catch_up_->is_current()) return;
  const auto& nodes = replica_->catalog().nodes();
  const auto found = nodes.find(own_.id);
  if (replica_->catalog().removed_nodes().contains(own_.id) && !std::exchange(said_removed_, true))
    host_.warn(
        "This node was removed from the cluster: it holds nothing any more and takes no part; stop it");
  if (found == nodes.end() || found->second.incarnation == own_.incarnation) return;
  if (found->second.incarnation.zero()) return;  // it was added, and has not registered yet
  host_.fatal(fmt::format(
      "the cluster knows node {} with another data directory; give this one an id of its own", own_.id));
}

}  // namespace chronik::metadata
