// GroupAdmin: what operators ask of groups over HTTP, on any node.
//
//   GET    /v1/groups?from=&limit=   a page of all groups, with who coordinates them
//   GET    /v1/groups/ID             one group: members, committed offsets, lag
//   POST   /v1/groups/ID/offsets     resets what a group without members has committed
//   DELETE /v1/groups/ID             lets a group without members go
//
// What one group is asked goes to the node that coordinates it (NodeRequests). An ID is escaped as in any URL, a '/' as
// well. Everything on shard 0.
#pragma once

#include <chronik/draft/admin.h>

#include "kafka-proto/admin/log_offsets.h"
#include "kafka-proto/admin/node_requests.h"
#include "kafka-proto/admin/routes.h"

namespace chronik::kafka {

class GroupAdmin {
 public:
  // Before the channel opens.
  GroupAdmin(Services& services, GroupCoordinator& groups, PartitionDirectory& partitions,
             PeerChannel& channel, PeerCalls& calls);
  GroupAdmin(const GroupAdmin&) = delete;
  GroupAdmin& operator=(const GroupAdmin&) = delete;

  // Takes the routes; a host without HTTP has none.
  Status open();
  LogOffsets& logs() { return logs_; }

 private:
  void take_request(uint64_t id, const chr_admin_request& asked);
  void ask_coordinator(const std::string& group, const AdminRequest& request, const AdminReply& reply);
  void serve(const AdminRequest& request, const AdminReply& reply);

  Services& services_;
  const chr_admin_v1* const admin_;
  LogOffsets logs_;
  NodeRequests nodes_;
  const AdminContext context_;
};

}  // namespace chronik::kafka
