// `node` and `cluster`: what operators ask a running node over HTTP.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>
#include <thread>

#include "host/cli/admin_client.h"

namespace chronik::host {
namespace {

namespace json = boost::json;
using std::chrono::steady_clock;

constexpr auto kWatchEvery = std::chrono::milliseconds(500);
constexpr auto kWatchPatience = std::chrono::seconds(60);  // without any answer

// Whether it has all that __meta has, with a vote or, where enough others have one, without.
bool takes_part(const json::object& node) { return is_true(node, "voter") || is_true(node, "learner"); }

std::string part_in_meta(const json::object& node) {
  if (is_true(node, "controller")) return "leader";
  return is_true(node, "voter") ? "voter" : is_true(node, "learner") ? "learner" : "no";
}

std::vector<std::string> row_of(const json::object& node) {
  const auto or_dash = [](const std::string& text) { return text.empty() ? "-" : text; };
  return {text_of(node, "id"),
          text_of(node, "state"),
          is_true(node, "up") ? "yes" : "no",
          part_in_meta(node),
          or_dash(text_of(node, "kafka")),
          or_dash(text_of(node, "raft")),
          or_dash(text_of(node, "rack")),
          text_of(node, "replicas"),
          text_of(node, "leads")};
}
std::vector<std::string> head() {
  return {"NODE", "STATE", "UP", "__META", "KAFKA", "RAFT", "RACK", "REPLICAS", "LEADS"};
}

// ---- watching ----

// Asks for one node again and again, and prints each state that is new, until done() says so. The exit code.
class Watch {
 public:
  Watch(const AdminClient& asked, int32_t id) : asked_(asked), id_(id) {}

  template <class Done>
  int until(Done&& done) {
    auto heard = steady_clock::now();
    for (;; std::this_thread::sleep_for(kWatchEvery)) {
      const auto node = asked_.ask("GET", fmt::format("/v1/nodes/{}", id_));
      if (node) {
        heard = steady_clock::now();
        say(describe(*node));
        if (done(*node)) return kExitOk;
      } else if (steady_clock::now() - heard > kWatchPatience) {
        return complain(node.error());
      } else {
        say(fmt::format("cannot look right now, and goes on trying: {}", node.error().message));
      }
    }
  }

 private:
  void say(const std::string& line) {
    if (line == last_) return;
    last_ = line;
    fmt::print("node {}: {}\n", id_, line);
    std::fflush(stdout);
  }

  std::string describe(const json::object& node) {
    const std::string state = text_of(node, "state");
    const int64_t replicas = integer_of(node, "replicas");
    if (state == "member" && !is_true(node, "up")) return "member, not linked right now";
    if (state == "member" && !takes_part(node)) return "member, catches up with __meta";
    if (state == "expected") return "added; waits for the node to start";
    if (state != "moving away") return state == "leaving" ? "holds nothing any more, leaves __meta" : state;
    if (first_ < 0) {
      first_ = replicas;
      begin_ = steady_clock::now();
    }
    std::string out = fmt::format("moving away: {} of {} replicas left, leads {}", replicas, first_,
                                  text_of(node, "leads"));
    const double seconds = std::chrono::duration<double>(steady_clock::now() - begin_).count();
    if (replicas < first_ && replicas > 0)
      out += fmt::format(", about {:.0f} s to go",
                         seconds * static_cast<double>(replicas) / static_cast<double>(first_ - replicas));
    return out;
  }

  const AdminClient& asked_;
  const int32_t id_;
  std::string last_;
  int64_t first_ = -1;  // replicas when the watch began
  steady_clock::time_point begin_;
};

}  // namespace

int command_node_list(const AdminArguments& arguments) {
  int code = kExitFailed;
  const auto asked = find_admin(arguments, &code);
  if (!asked) return code;
  const auto answer = asked->ask("GET", "/v1/nodes");
  if (!answer) return complain(answer.error());
  if (arguments.json) return print_json(*answer);
  std::vector<std::vector<std::string>> rows = {head()};
  for (const json::object& node : objects_of(*answer, "nodes")) rows.push_back(row_of(node));
  print_table(rows);
  return kExitOk;
}

int command_node_status(const AdminArguments& arguments) {
  int code = kExitFailed;
  const auto asked = find_admin(arguments, &code);
  if (!asked) return code;
  const auto node = asked->ask("GET", fmt::format("/v1/nodes/{}", arguments.id));
  if (!node) return complain(node.error());
  if (arguments.json) return print_json(*node);
  if (text_of(*node, "state") == "removed") {
    fmt::print("node {} was removed\n", arguments.id);
  } else {
    print_table({head(), row_of(*node)});
  }
  return kExitOk;
}

int command_node_add(const AdminArguments& arguments) {
  int code = kExitFailed;
  const auto asked = find_admin(arguments, &code);
  if (!asked) return code;
  json::object body{{"id", arguments.id}};
  if (!arguments.raft.empty()) body["raft"] = arguments.raft;
  const auto answer = asked->ask("POST", "/v1/nodes", json::serialize(body));
  if (!answer) return complain(answer.error());
  fmt::print("node {} is added: {}\n", arguments.id, text_of(*answer, "message"));
  if (!arguments.watch) return kExitOk;
  std::fflush(stdout);
  return Watch(*asked, arguments.id).until([](const json::object& node) {
    return text_of(node, "state") == "member" && is_true(node, "up") && takes_part(node);
  });
}

int command_node_remove(const AdminArguments& arguments) {
  int code = kExitFailed;
  const auto asked = find_admin(arguments, &code);
  if (!asked) return code;
  if (arguments.watch) {
    const auto cluster = asked->ask("GET", "/v1/cluster");
    if (!cluster) return complain(cluster.error());
    if (integer_of(*cluster, "node") == arguments.id)
      return complain({Code::kInvalidArgument,
                       "the node that leaves does not see the end of it: ask another one, with --http"});
  }
  const auto answer = asked->ask("DELETE", fmt::format("/v1/nodes/{}", arguments.id));
  if (!answer) return complain(answer.error());
  fmt::print("node {} leaves: {}\n", arguments.id, text_of(*answer, "message"));
  if (!arguments.watch) {
    fmt::print(
        "watch it with: chronik-server node status --id {}; keep the node running until it is removed\n",
        arguments.id);
    return kExitOk;
  }
  std::fflush(stdout);
  return Watch(*asked, arguments.id).until([](const json::object& node) {
    return text_of(node, "state") == "removed";
  });
}

int command_cluster_status(const AdminArguments& arguments) {
  int code = kExitFailed;
  const auto asked = find_admin(arguments, &code);
  if (!asked) return code;
  auto cluster = asked->ask("GET", "/v1/cluster");
  if (!cluster) return complain(cluster.error());
  const auto nodes = asked->ask("GET", "/v1/nodes");
  if (!nodes) return complain(nodes.error());
  const bool has_leader = integer_of(*cluster, "controller") >= 0;
  if (arguments.json) {
    (*cluster)["node_list"] = nodes->at("nodes");
    print_json(*cluster);
    return has_leader ? kExitOk : kExitFailed;
  }
  const std::string id = text_of(*cluster, "cluster_id");
  fmt::print("cluster {}, as node {} sees it\n", id.empty() ? "without an id yet" : id,
             text_of(*cluster, "node"));
  fmt::print("__meta is led by {}\n", has_leader ? "node " + text_of(*cluster, "controller") : "nobody");
  fmt::print("{} topics, {} partitions, {} of them being moved\n\n", text_of(*cluster, "topics"),
             text_of(*cluster, "partitions"), text_of(*cluster, "reassignments"));
  std::vector<std::vector<std::string>> rows = {head()};
  for (const json::object& node : objects_of(*nodes, "nodes")) rows.push_back(row_of(node));
  print_table(rows);
  if (has_leader) return kExitOk;
  fmt::print(stderr,
             "chronik-server: __meta has no leader: most of its voters must run and reach one another; what "
             "is down?\n");
  return kExitFailed;
}

}  // namespace chronik::host
