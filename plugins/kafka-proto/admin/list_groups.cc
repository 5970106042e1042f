// GET /v1/groups?from=ID&limit=N: groups by their ids, from ID on. Whoever is asked collects the rows of all nodes
// that coordinate groups; `next` is where the following page begins, `unanswered` names nodes whose groups are missing.
#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "kafka-proto/admin/routes.h"
#include "kafka-proto/group/description.h"
#include "kafka-proto/group/walk.h"
#include "kafka-proto/partition/by_shard.h"

namespace chronik::kafka {
namespace {

namespace json = boost::json;

constexpr size_t kMaxLimit = 1'000;  // rows that shard 0 can read from all nodes and write in a turn

// 0: the limit is none.
size_t limit_of(const AdminRequest& request) {
  const std::string text = parameter(request.query, "limit");
  if (text.empty()) return kMaxLimit;
  size_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  return error == std::errc() && end == text.data() + text.size() && limit <= kMaxLimit ? limit : 0;
}

AdminAnswer bad_limit() { return admin_refusal(400, "limit must be 1 to 1000"); }

// ---- on one node ----

// The first groups by their ids. One row more than asked for says that there are more.
struct FirstGroups {
  size_t limit;
  std::map<std::string, GroupSummary> rows{};

  // False: it is none of them, nor is any that follows it.
  bool has_room_for(std::string_view id) const { return rows.size() <= limit || id < rows.rbegin()->first; }
  void add(GroupSummary row) {
    if (!has_room_for(row.id)) return;
    std::string id = row.id;
    rows.emplace(std::move(id), std::move(row));
    if (rows.size() > limit + 1) rows.erase(std::prev(rows.end()));
  }
};

// The partitions of __consumer_offsets of one shard, there.
struct Share {
  FirstGroups first;
  std::vector<std::shared_ptr<Partition>> partitions{};
  std::vector<GroupSummary>
      walked{};  // of the one that is walked over; nothing where its leadership goes meanwhile
  size_t loading = 0;
};

void visit(Share& share, const AdminContext& context, const std::string& from,
           const std::function<void()>& done) {
  const auto add = [&share](const GroupShard& groups, const std::string& id, const group::Group& group) {
    if (!share.first.has_room_for(id) || share.walked.size() > share.first.limit) return false;
    share.walked.push_back(summarize(id, group, groups.find_live(id)));
    return true;
  };
  const auto begin = [&share, &context, from, add](const std::shared_ptr<Partition>& partition,
                                                   const std::function<void()>& next) {
    walk_groups(context.services.host, partition, from, add, [&share, &context, partition, next](bool led) {
      ErrorCode why = ErrorCode::kNone;
      for (GroupSummary& row : std::exchange(share.walked, {}))
        if (led) share.first.add(std::move(row));
      if (!led) context.groups.leading(*partition, &why);
      share.loading += why == ErrorCode::kCoordinatorLoadInProgress ? 1 : 0;
      next();
    });
  };
  one_by_one(context.services.host, share.partitions, begin, done);
}

struct HereJob {
  AdminReply reply;
  int32_t self;
  FirstGroups first;
  size_t left = 1;
  size_t loading = 0;

  void one_less() {
    if (--left > 0) return;
    json::object out{{"next", nullptr}, {"loading", loading}};
    auto& rows = first.rows;
    if (rows.size() > first.limit) {
      out["next"] = to_utf8(rows.rbegin()->first);
      rows.erase(std::prev(rows.end()));
    }
    json::array list;
    for (const auto& [id, row] : rows)
      list.push_back(json::object{{"id", to_utf8(row.id)},
                                  {"kind", name_of(row.kind)},
                                  {"state", row.state},
                                  {"protocol_type", to_utf8(row.protocol_type)},
                                  {"members", row.members},
                                  {"coordinator", self}});
    out["groups"] = std::move(list);
    reply(admin_answer(out));
  }
};

// ---- over all nodes ----

struct ListJob {
  AdminReply reply;
  size_t limit;
  int64_t loading = 0;  // partitions of groups that nobody leads, or whose leader is not there yet
  size_t left = 1;
  std::vector<json::object> rows{};
  std::vector<std::string> nexts{};
  json::array unanswered{};

  void add(int32_t node, const AdminAnswer& answer) {
    boost::system::error_code failed;
    json::value value = json::parse(answer.json, failed);
    json::object* const object = failed ? nullptr : value.if_object();
    json::value* const list = object == nullptr ? nullptr : object->if_contains("groups");
    if (answer.status != 200 || list == nullptr || !list->is_array()) {
      const json::value* const error = object == nullptr ? nullptr : object->if_contains("error");
      unanswered.push_back(
          json::object{{"node", node}, {"error", error == nullptr ? json::value("no answer") : *error}});
      return;
    }
    for (json::value& row : list->as_array())
      if (row.is_object() && row.as_object()["id"].is_string()) rows.push_back(std::move(row.as_object()));
    if (const json::value* const next = object->if_contains("next"); next != nullptr && next->is_string())
      nexts.emplace_back(next->as_string());
    if (const json::value* const n = object->if_contains("loading"); n != nullptr && n->is_int64())
      loading += n->as_int64();
  }

  // Of the rows of all nodes, sorted, the first are right: a node that has more gave as many as were asked for.
  void one_less() {
    if (--left > 0) return;
    const auto id = [](const json::object& row) { return std::string_view(row.at("id").as_string()); };
    std::ranges::sort(rows, {}, id);
    if (rows.size() > limit) {
      nexts.emplace_back(id(rows[limit]));
      rows.resize(limit);
    }
    json::object out{{"next", nullptr}, {"unanswered", std::move(unanswered)}, {"loading", loading}};
    if (!nexts.empty()) out["next"] = *std::ranges::min_element(nexts);
    json::array list;
    for (json::object& row : rows) list.push_back(std::move(row));
    out["groups"] = std::move(list);
    reply(admin_answer(out));
  }
};

}  // namespace

void list_groups_here(const AdminContext& context, const AdminRequest& request, const AdminReply& reply) {
  const size_t limit = limit_of(request);
  if (limit == 0) return reply(bad_limit());
  const int32_t self = context.services.host.node().id;
  const auto job = std::make_shared<HereJob>(reply, self, FirstGroups{limit});
  const std::string from = parameter(request.query, "from");
  std::map<uint32_t, Share> by_shard;
  for (const auto& partition : context.groups.partitions())
    by_shard.try_emplace(partition->shard(), FirstGroups{limit})
        .first->second.partitions.push_back(partition);
  ByShard<Share> shares;
  for (auto& [shard, share] : by_shard) shares.add(shard, std::move(share));
  job->left += shares.batches();
  shares.run(
      context.services.host, 0,
      [&context, from](Share& share, const std::function<void()>& done) {
        visit(share, context, from, done);
      },
      [job](std::vector<Share>& done) {
        for (Share& share : done) {
          job->loading += share.loading;
          for (auto& [id, row] : share.first.rows) job->first.add(std::move(row));
        }
        job->one_less();
      });
  job->one_less();
}

void list_groups(const AdminContext& context, NodeRequests& nodes, const AdminRequest& request,
                 AdminReply reply) {
  const size_t limit = limit_of(request);
  if (limit == 0) return reply(bad_limit());
  const auto job = std::make_shared<ListJob>(std::move(reply), limit);
  std::set<int32_t> leaders;
  {
    const Catalog catalog(context.services);
    const std::optional<chr_topic> topic = catalog.topic(kOffsetsTopic);
    for (uint32_t i = 0; topic.has_value() && i < topic->n_partitions; ++i) {
      const auto partition = catalog.partition(*topic, static_cast<int32_t>(i));
      if (partition.has_value() && partition->leader >= 0) {
        leaders.insert(partition->leader);
      } else {
        ++job->loading;
      }
    }
  }
  job->left += leaders.size();
  for (const int32_t node : leaders) {
    nodes.ask(node, request, [job, node](const AdminAnswer& answer) {
      job->add(node, answer);
      job->one_less();
    });
  }
  job->one_less();
}

}  // namespace chronik::kafka
