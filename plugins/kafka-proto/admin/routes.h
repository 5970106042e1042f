// What each route of GroupAdmin does: a file each. On shard 0, where reply() runs, perhaps before the return.
#pragma once

#include <string>

#include "kafka-proto/admin/log_offsets.h"
#include "kafka-proto/admin/node_requests.h"
#include "kafka-proto/admin/request.h"
#include "kafka-proto/group/coordinator.h"

namespace chronik::kafka {

// What they work with; it outlives them.
struct AdminContext {
  Services& services;
  GroupCoordinator& groups;
  PartitionDirectory& partitions;
  LogOffsets& logs;
};

// GET /v1/groups: asks every node that leads a partition of __consumer_offsets.
void list_groups(const AdminContext& context, NodeRequests& nodes, const AdminRequest& request,
                 AdminReply reply);

// ---- what the node answers of the groups that it coordinates ----
void list_groups_here(const AdminContext& context, const AdminRequest& request, const AdminReply& reply);
// GET /v1/groups/ID
void describe_group(const AdminContext& context, const std::string& id, const AdminReply& reply);
// POST /v1/groups/ID/offsets
void reset_offsets(const AdminContext& context, const std::string& id, std::string_view body,
                   const AdminReply& reply);
// DELETE /v1/groups/ID
void delete_group(const AdminContext& context, const std::string& id, const AdminReply& reply);

}  // namespace chronik::kafka
