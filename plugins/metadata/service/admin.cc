#include "metadata/service/admin.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <memory>
#include <unordered_map>

#include "metadata/catalog/features.h"
#include "metadata/service/membership.h"

namespace chronik::metadata {
namespace {

namespace json = boost::json;

constexpr uint64_t kTimeoutNs = 10'000'000'000;
constexpr std::string_view kNodes = "/v1/nodes";

// The id at the end of "/v1/nodes/4"; nothing where there is none, -1 where it is none.
std::optional<int32_t> id_in(std::string_view path) {
  if (path.size() <= kNodes.size() + 1) return std::nullopt;
  path.remove_prefix(kNodes.size() + 1);
  int32_t id = -1;
  const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), id);
  return error == std::errc() && end == path.data() + path.size() && id >= 0 ? id : -1;
}

int32_t http_status(chr_status code) {
  switch (code) {
    case CHR_OK:
      return 200;
    case CHR_E_INVALID_ARGUMENT:
      return 400;
    case CHR_E_NOT_FOUND:
      return 404;
    case CHR_E_EXISTS:
    case CHR_E_CONFLICT:
      return 409;
    default:
      return 503;
  }
}

std::string_view state_of(const Node& node, uint64_t replicas) {
  if (node.leaving) return replicas > 0 ? "moving away" : "leaving";
  return node.incarnation.zero() ? "expected" : "member";
}

}  // namespace

Status Admin::open() {
  if (admin_ == nullptr) return {};
  const auto route = [this](std::string_view path, chr_admin_fn fn) -> Status {
    chr_error error = make_abi_error();
    const chr_status status = admin_->route(host_.self(), to_abi(path), fn, this, &error);
    if (status == CHR_OK) return {};
    return std::unexpected(from_abi(error, status));
  };
  CHRONIK_CHECK(route("/v1/cluster", [](void* self, uint64_t request, const chr_admin_request* asked) {
    static_cast<Admin*>(self)->cluster(request, *asked);
  }));
  return route(kNodes, [](void* self, uint64_t request, const chr_admin_request* asked) {
    static_cast<Admin*>(self)->nodes(request, *asked);
  });
}

void Admin::answer(uint64_t request, int32_t status, std::string_view json) {
  admin_->respond(host_.self(), request, status, to_abi("application/json"), to_abi(json));
}

void Admin::refuse(uint64_t request, int32_t status, std::string_view message) {
  answer(request, status, json::serialize(json::object{{"error", message}}));
}

void Admin::cluster(uint64_t request, const chr_admin_request& asked) {
  if (from_abi(asked.method) != "GET") return refuse(request, 405, "only GET is answered here");
  const Catalog& catalog = replica_->catalog();
  uint64_t moving = 0;
  catalog.topics().each([&](const Topic& topic) { moving += topic.reassignments.size(); });
  answer(request, 200,
         json::serialize(json::object{{"cluster_id", catalog.cluster_id()},
                                      {"node", host_.node().id},
                                      {"controller", replica_->leader()},
                                      {"term", replica_->term()},
                                      {"catalog_version", catalog.version()},
                                      {"catalog_digest", fmt::format("{:016x}", catalog.digest())},
                                      {"nodes", catalog.nodes().size()},
                                      {"topics", catalog.topics().size()},
                                      {"partitions", catalog.topics().partitions()},
                                      {"reassignments", moving},
                                      {"level", catalog.level()}}));
}

// The newest that a node said it knows; 0 where it said nothing: it is down, or a build of before levels.
int16_t Admin::newest_level(int32_t node) const {
  const auto told = levels_->known().find(node);
  if (told == levels_->known().end()) return 0;
  const auto own = std::ranges::find(told->second, kOwnFeature, &ToldRange::name);
  return own == told->second.end() ? int16_t{0} : own->max;
}

void Admin::nodes(uint64_t request, const chr_admin_request& asked) {
  const std::string_view method = from_abi(asked.method);
  const std::optional<int32_t> id = id_in(from_abi(asked.path));
  if (method == "POST" && !id)
    return add_node(request, {reinterpret_cast<const char*>(asked.body.p), asked.body.n});
  if (method == "DELETE" && id) {
    NodeChange leave;
    leave.node = *id;
    leave.action = NodeAction::kLeave;
    return change(request, leave, "its replicas are moved to the other nodes, then it is removed");
  }
  if (method != "GET")
    return refuse(request, 405, "ask with GET, add with POST, remove /v1/nodes/ID with DELETE");
  const Catalog& catalog = replica_->catalog();
  const std::vector<int32_t> voters = replica_->voters();
  std::unordered_map<int32_t, uint64_t> leads;
  catalog.topics().each([&](const Topic& topic) {
    for (const PartitionState& state : topic.partitions) ++leads[state.leader];
  });
  json::array list;
  for (const auto& [node_id, node] : catalog.nodes()) {
    if (id && *id != node_id) continue;
    const uint64_t replicas = catalog.topics().replicas_on(node_id);
    const bool votes = std::ranges::find(voters, node_id) != voters.end();
    const bool learns = !votes && !node.incarnation.zero() && voters.size() >= Membership::kMaxVoters &&
                        catalog.level() >= kRecordsLevel;
    list.push_back(
        json::object{{"id", node_id},
                     {"state", state_of(node, replicas)},
                     {"up", liveness_->is_up(node_id)},
                     {"voter", votes},
                     {"learner", learns},
                     {"controller", node_id == replica_->leader()},
                     {"kafka", node.host.empty() ? "" : fmt::format("{}:{}", node.host, node.port)},
                     {"raft", node.raft},
                     {"rack", node.rack},
                     {"replicas", replicas},
                     {"leads", leads[node_id]},
                     {"newest_level", newest_level(node_id)}});
  }
  if (!id) return answer(request, 200, json::serialize(json::object{{"nodes", std::move(list)}}));
  if (!list.empty()) return answer(request, 200, json::serialize(list.front()));
  if (!catalog.removed_nodes().contains(*id)) return refuse(request, 404, "there is no such node");
  answer(request, 200, json::serialize(json::object{{"id", *id}, {"state", "removed"}}));
}

void Admin::add_node(uint64_t request, std::string_view body) {
  boost::system::error_code failed;
  const json::value root = json::parse({body.data(), body.size()}, failed);
  const json::object* object = failed ? nullptr : root.if_object();
  const json::value* id = object == nullptr ? nullptr : object->if_contains("id");
  const json::value* raft = object == nullptr ? nullptr : object->if_contains("raft");
  const bool whole = id != nullptr && id->is_int64() && id->as_int64() >= 0 && id->as_int64() <= INT32_MAX;
  if (!whole || (raft != nullptr && !raft->is_string()))
    return refuse(request, 400, R"(the body must be like {"id": 4, "raft": "host:port"})");
  NodeChange wanted;
  wanted.node = static_cast<int32_t>(id->as_int64());
  if (raft != nullptr) wanted.raft = std::string(raft->as_string());
  const size_t colon = wanted.raft.rfind(':');
  const bool is_address = colon != std::string::npos && colon > 0 && colon + 1 < wanted.raft.size();
  if (wanted.raft.size() > kMaxRaftBytes || (!wanted.raft.empty() && !is_address))
    return refuse(request, 400, fmt::format("'{:.80}' is no host:port", wanted.raft));
  change(request, wanted, "it joins once it runs and lists the other nodes");
}

void Admin::change(uint64_t request, NodeChange what, std::string_view done) {
  const auto result = std::make_shared<chr_change_result>();
  const int32_t id = what.node;
  host_.async(
      [&](uint64_t token) {
        changes_->submit({ChangeNodes{{std::move(what)}}, false, kTimeoutNs, result.get(), token});
        return CHR_PENDING;
      },
      [this, request, result, id, done = std::string(done)](const chr_done& completion) {
        if (completion.code != CHR_OK)
          return refuse(request, 503, fmt::format("{}", from_abi(completion.message)));
        if (result->code != CHR_OK) return refuse(request, http_status(result->code), result->message);
        answer(request, 202, json::serialize(json::object{{"id", id}, {"message", done}}));
      });
}

}  // namespace chronik::metadata
