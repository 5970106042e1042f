#include "kafka-proto/admin/groups.h"

#include <memory>
#include <utility>

#include "kafka-proto/coordinator/place.h"

namespace chronik::kafka {
namespace {

constexpr std::string_view kGroups = "/v1/groups";

// The group that "/v1/groups/ID" or one below it names. Nothing: none, or it is malformed.
struct GroupPath {
  std::optional<std::string> group;
  std::string_view below;  // "offsets"
};

GroupPath parse_path(std::string_view path) {
  GroupPath out;
  path.remove_prefix(std::min(path.size(), kGroups.size() + 1));
  const size_t slash = std::min(path.find('/'), path.size());
  out.group = unescape(path.substr(0, slash));
  if (slash < path.size()) out.below = path.substr(slash + 1);
  return out;
}

}  // namespace

GroupAdmin::GroupAdmin(Services& services, GroupCoordinator& groups, PartitionDirectory& partitions,
                       PeerChannel& channel, PeerCalls& calls)
    : services_(services),
      admin_(services.host.find<chr_admin_v1>(CHR_ADMIN_ID)),
      logs_(services, partitions, calls),
      nodes_(services, channel, calls,
             [this](const AdminRequest& request, const AdminReply& reply) { serve(request, reply); }),
      context_{services, groups, partitions, logs_} {}

Status GroupAdmin::open() {
  if (admin_ == nullptr) return {};
  chr_error error = make_abi_error();
  const auto run = [](void* self, uint64_t request, const chr_admin_request* asked) {
    static_cast<GroupAdmin*>(self)->take_request(request, *asked);
  };
  const chr_status status = admin_->route(services_.host.self(), to_abi(kGroups), run, this, &error);
  if (status == CHR_OK) return {};
  return std::unexpected(from_abi(error, status));
}

void GroupAdmin::take_request(uint64_t id, const chr_admin_request& asked) {
  const AdminRequest request{std::string(from_abi(asked.method)), std::string(from_abi(asked.path)),
                             std::string(from_abi(asked.query)),
                             std::string(reinterpret_cast<const char*>(asked.body.p), asked.body.n)};
  const auto count = std::make_shared<CallCount>(services_);  // the stop waits for the answer
  const AdminReply reply = [this, id, count](const AdminAnswer& answer) {
    admin_->respond(services_.host.self(), id, answer.status, to_abi("application/json"),
                    to_abi(answer.json));
  };
  if (request.path.size() <= kGroups.size() + 1) {
    if (request.method != "GET") return reply(admin_refusal(405, "only GET is answered here"));
    return list_groups(context_, nodes_, request, reply);
  }
  const GroupPath path = parse_path(request.path);
  if (!path.group.has_value())
    return reply(admin_refusal(400, "the group's id is no text escaped as in a URL"));
  ask_coordinator(*path.group, request, reply);
}

void GroupAdmin::ask_coordinator(const std::string& group, const AdminRequest& request,
                                 const AdminReply& reply) {
  int32_t leader = -1;
  {
    const Catalog catalog(services_);
    const std::optional<chr_topic> topic = catalog.topic(kOffsetsTopic);
    if (!topic.has_value() || topic->n_partitions == 0)
      return reply(admin_refusal(ErrorCode::kGroupIdNotFound, group));
    const int32_t index = partition_of_key(group, static_cast<int32_t>(topic->n_partitions));
    const auto partition = catalog.partition(*topic, index);
    if (partition.has_value()) leader = partition->leader;
  }
  if (leader < 0) return reply(admin_refusal(ErrorCode::kCoordinatorNotAvailable, group));
  nodes_.ask(leader, request, reply);
}

void GroupAdmin::serve(const AdminRequest& request, const AdminReply& reply) {
  if (request.path.size() <= kGroups.size() + 1) return list_groups_here(context_, request, reply);
  const GroupPath path = parse_path(request.path);
  if (!path.group.has_value() || (!path.below.empty() && path.below != "offsets"))
    return reply(admin_refusal(404, "there is no such route"));
  if (path.below == "offsets") {
    if (request.method != "POST") return reply(admin_refusal(405, "offsets are reset with POST"));
    return reset_offsets(context_, *path.group, request.body, reply);
  }
  if (request.method == "GET") return describe_group(context_, *path.group, reply);
  if (request.method == "DELETE") return delete_group(context_, *path.group, reply);
  reply(admin_refusal(405, "ask with GET, let the group go with DELETE"));
}

}  // namespace chronik::kafka
