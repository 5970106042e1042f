// NodeRequests: passes what an operator asks on to the node that can answer it, over PeerCalls. Everything on
// shard 0. A request ends exactly once: with the node's answer, or with a refusal that names the node.
//
// request:  number | method string | path string | query string | body bytes
// response: number | status int32 | JSON bytes
#pragma once

#include "kafka-proto/admin/request.h"
#include "kafka-proto/cluster/peer_calls.h"

namespace chronik::kafka {

class NodeRequests {
 public:
  static constexpr uint64_t kTimeoutNs = 5'000'000'000;

  // What this node answers itself.
  using Serve = std::function<void(const AdminRequest& request, AdminReply reply)>;
  // Before the channel opens.
  NodeRequests(Services& services, PeerChannel& channel, PeerCalls& calls, Serve serve);
  NodeRequests(const NodeRequests&) = delete;
  NodeRequests& operator=(const NodeRequests&) = delete;

  // Asks a node, which may be this one. reply() may run before the return.
  void ask(int32_t node, const AdminRequest& request, AdminReply reply);

 private:
  bool asked(int32_t from, int64_t number, Reader& body);

  Services& services_;
  PeerChannel& channel_;
  PeerCalls& calls_;
  const Serve serve_;
};

}  // namespace chronik::kafka
