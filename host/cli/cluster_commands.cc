// `node` and `cluster`: what operators ask a running node over HTTP.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <optional>
#include <thread>

#include "host/app/plan.h"
#include "host/cli/commands.h"
#include "host/cli/http_client.h"

namespace chronik::host {
namespace {

namespace json = boost::json;
using std::chrono::steady_clock;

constexpr auto kWatchEvery = std::chrono::milliseconds(500);
constexpr auto kWatchPatience = std::chrono::seconds(60);  // without any answer

int complain(const Error& error) {
  fmt::print(stderr, "chronik-server: {}\n", error.message);
  return kExitFailed;
}

// ---- values of a JSON object ----

std::string text_of(const json::object& from, std::string_view key) {
  const json::value* value = from.if_contains({key.data(), key.size()});
  if (value == nullptr) return {};
  if (const json::string* text = value->if_string()) return {text->data(), text->size()};
  return json::serialize(*value);
}
int64_t integer_of(const json::object& from, std::string_view key) {
  const json::value* value = from.if_contains({key.data(), key.size()});
  return value != nullptr && value->is_int64() ? value->as_int64() : -1;
}
bool is_true(const json::object& from, std::string_view key) {
  const json::value* value = from.if_contains({key.data(), key.size()});
  return value != nullptr && value->is_bool() && value->as_bool();
}

// ---- asking ----

class Asked {
 public:
  explicit Asked(std::string address) : address_(std::move(address)) {}

  // The object that the node answers with; an error where the node says one.
  Result<json::object> ask(const std::string& method, const std::string& path,
                           const std::string& body = {}) const {
    CHRONIK_TRY(const HttpAnswer answer, http_request(address_, method, path, body));
    boost::system::error_code failed;
    json::value value = json::parse(answer.body, failed);
    const bool is_object = !failed && value.is_object();
    if (answer.status >= 200 && answer.status < 300 && is_object) return std::move(value.as_object());
    if (answer.status == 404 && is_object && value.as_object().contains("routes")) {
      return fail(Code::kUnsupported,
                  fmt::format("the node at {} has no {}: its metadata plugin does not offer it, or "
                              "the node is still starting; ask another node",
                              address_, path));
    }
    const std::string said = is_object ? text_of(value.as_object(), "error") : std::string();
    return fail(static_cast<Code>(answer.status == 404 ? CHR_E_NOT_FOUND : CHR_E_FAILED),
                said.empty()
                    ? fmt::format("the node at {} answers {} with status {}", address_, path, answer.status)
                    : said);
  }

 private:
  const std::string address_;
};

// Where to ask; absent (and said why) where the configuration is wrong.
std::optional<Asked> whom(const AdminArguments& arguments, int* code) {
  if (!arguments.http.empty()) return Asked(arguments.http);
  if (arguments.config.file.empty()) return Asked("127.0.0.1:9644");
  const NodePlan plan({arguments.config.file, {}, arguments.config.environment});
  if (plan.ok()) return Asked(plan.config().http_listen);
  fmt::print(stderr, "{}", plan.diagnostics().render("Nothing was asked."));
  *code = kExitConfig;
  return std::nullopt;
}

// Rows of one width per column, under a head.
void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}", row[i], widths[i] + 2);
    fmt::print("{}\n", line.substr(0, line.find_last_not_of(' ') + 1));
  }
}

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

std::vector<json::object> nodes_in(const json::object& answer) {
  std::vector<json::object> out;
  const json::value* list = answer.if_contains("nodes");
  if (list == nullptr || !list->is_array()) return out;
  for (const json::value& node : list->as_array())
    if (node.is_object()) out.push_back(node.as_object());
  return out;
}

// ---- watching ----

// Asks for one node again and again, and prints each state that is new, until done() says so. The exit code.
class Watch {
 public:
  Watch(const Asked& asked, int32_t id) : asked_(asked), id_(id) {}

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

  const Asked& asked_;
  const int32_t id_;
  std::string last_;
  int64_t first_ = -1;  // replicas when the watch began
  steady_clock::time_point begin_;
};

int print_json(const json::object& answer) {
  fmt::print("{}\n", json::serialize(answer));
  return kExitOk;
}

}  // namespace

int command_node_list(const AdminArguments& arguments) {
  int code = kExitFailed;
  const auto asked = whom(arguments, &code);
  if (!asked) return code;
  const auto answer = asked->ask("GET", "/v1/nodes");
  if (!answer) return complain(answer.error());
  if (arguments.json) return print_json(*answer);
  std::vector<std::vector<std::string>> rows = {head()};
  for (const json::object& node : nodes_in(*answer)) rows.push_back(row_of(node));
  print_table(rows);
  return kExitOk;
}

int command_node_status(const AdminArguments& arguments) {
  int code = kExitFailed;
  const auto asked = whom(arguments, &code);
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
  const auto asked = whom(arguments, &code);
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
  const auto asked = whom(arguments, &code);
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
  const auto asked = whom(arguments, &code);
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
  for (const json::object& node : nodes_in(*nodes)) rows.push_back(row_of(node));
  print_table(rows);
  if (has_leader) return kExitOk;
  fmt::print(stderr,
             "chronik-server: __meta has no leader: most of its voters must run and reach one another; what "
             "is down?\n");
  return kExitFailed;
}

}  // namespace chronik::host
