#include "metadata/service/sync_inbox.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace chronik::metadata {

bool SyncInbox::has_to_wait() const {
  return !replica_->leads() && (replica_->leader() < 0 || replica_->leader() == host_.node().id);
}

void SyncInbox::receive_batch(int32_t from, const SyncFrame& frame) {
  const auto foreign = [from](const auto& items, auto member) {
    return std::ranges::any_of(items, [&](const auto& item) { return item.*member != from; });
  };
  if (foreign(frame.what.assignments, &Assignment::leader) || foreign(frame.what.nodes, &Node::id)) {
    host_.warn("A node speaks for another one; its batch was dropped", fmt::format("from={}", from));
    return;
  }
  if (has_to_wait()) {
    waiting_batches_.insert_or_assign(from, frame);
    return;
  }
  const auto refuse = [this, from, batch = frame.batch](const Error& error) {
    peers_->tell(from, SyncRefusedFrame{batch, {static_cast<chr_status>(error.code), error.message}});
  };
  if (!replica_->leads()) return refuse({Code::kNotLeader, "this node does not lead __meta"});
  sync_proposals_->add_batch(frame.what, refuse);
}

void SyncInbox::receive_waiting_batches() {
  if (has_to_wait()) return;
  for (const auto& [from, frame] : std::exchange(waiting_batches_, {})) receive_batch(from, frame);
}

}  // namespace chronik::metadata
