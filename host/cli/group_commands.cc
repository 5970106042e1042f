// `group`: what operators ask of consumer groups, of any running node.
#include <fmt/format.h>

#include <cstdio>

#include "host/cli/admin_client.h"

namespace chronik::host {
namespace {

namespace json = boost::json;

constexpr int kPage = 1'000;

// As in a URL, a '/' too: it may be in a group's id.
std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          c == '-' || c == '_' || c == '.' || c == '~';
    out += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<uint8_t>(c));
  }
  return out;
}

std::string path_of(const std::string& group) { return "/v1/groups/" + escape(group); }

std::string or_dash(const json::object& from, std::string_view key) {
  const std::string text = text_of(from, key);
  return text.empty() || text == "null" ? "-" : text;
}

// All groups, page by page, as one answer; `unanswered` and `loading` are those of the last page.
Result<json::object> all_groups(const AdminClient& admin) {
  json::array groups;
  std::string from;
  for (;;) {
    const std::string query = from.empty() ? "" : "&from=" + escape(from);
    CHRONIK_TRY(json::object page, admin.ask("GET", fmt::format("/v1/groups?limit={}{}", kPage, query)));
    for (json::object& row : objects_of(page, "groups")) groups.push_back(std::move(row));
    const json::value* const next = page.if_contains("next");
    const bool is_last = next == nullptr || !next->is_string() || next->as_string() == from;
    if (!is_last) {
      from = next->as_string();
      continue;
    }
    page["groups"] = std::move(groups);
    page["next"] = nullptr;
    return page;
  }
}

// Whether all groups are listed; says which are missing.
bool is_complete(const json::object& answer) {
  for (const json::object& node : objects_of(answer, "unanswered"))
    fmt::print(stderr, "chronik-server: the groups of node {} are missing: {}\n", text_of(node, "node"),
               text_of(node, "error"));
  const int64_t loading = integer_of(answer, "loading");
  if (loading > 0)
    fmt::print(stderr,
               "chronik-server: groups of {} partitions of __consumer_offsets are missing, which elect a "
               "leader; ask again\n",
               loading);
  return loading <= 0 && objects_of(answer, "unanswered").empty();
}

void print_offsets(const json::object& group) {
  std::vector<std::vector<std::string>> rows = {
      {"TOPIC", "PARTITION", "COMMITTED", "LOG-END", "LAG", "MEMBER"}};
  for (const json::object& row : objects_of(group, "offsets"))
    rows.push_back({text_of(row, "topic"), text_of(row, "partition"), or_dash(row, "committed"),
                    or_dash(row, "log_end"), or_dash(row, "lag"), or_dash(row, "member")});
  if (rows.size() == 1) {
    fmt::print("it has committed nothing\n");
  } else {
    print_table(rows);
  }
  if (const int64_t n = integer_of(group, "offsets_left_out"); n > 0) fmt::print("and {} more\n", n);
}

// "orders:0,1 payments:2"
std::string assignment_of(const json::object& member) {
  std::string out;
  for (const json::object& each : objects_of(member, "assignment")) {
    std::string partitions = text_of(each, "partitions");  // "[0,1]"
    if (partitions.size() >= 2) partitions = partitions.substr(1, partitions.size() - 2);
    out += fmt::format("{}{}:{}", out.empty() ? "" : " ", text_of(each, "topic"), partitions);
  }
  return out.empty() ? "-" : out;
}

void print_members(const json::object& group) {
  const std::vector<json::object> members = objects_of(group, "members");
  if (members.empty()) return fmt::print("it has no members\n");
  std::vector<std::vector<std::string>> rows = {{"MEMBER", "INSTANCE", "CLIENT", "HOST", "ASSIGNMENT"}};
  for (const json::object& member : members)
    rows.push_back({text_of(member, "id"), or_dash(member, "instance_id"), or_dash(member, "client_id"),
                    or_dash(member, "client_host"), assignment_of(member)});
  print_table(rows);
}

}  // namespace

int command_group_list(const AdminArguments& arguments) {
  int code = kExitFailed;
  const auto admin = find_admin(arguments, &code);
  if (!admin) return code;
  const auto answer = all_groups(*admin);
  if (!answer) return complain(answer.error());
  if (arguments.json) {
    print_json(*answer);
    return is_complete(*answer) ? kExitOk : kExitFailed;
  }
  std::vector<std::vector<std::string>> rows = {
      {"GROUP", "KIND", "STATE", "PROTOCOL-TYPE", "MEMBERS", "COORDINATOR"}};
  for (const json::object& row : objects_of(*answer, "groups"))
    rows.push_back({text_of(row, "id"), text_of(row, "kind"), text_of(row, "state"),
                    or_dash(row, "protocol_type"), text_of(row, "members"), text_of(row, "coordinator")});
  print_table(rows);
  return is_complete(*answer) ? kExitOk : kExitFailed;
}

int command_group_describe(const AdminArguments& arguments) {
  int code = kExitFailed;
  const auto admin = find_admin(arguments, &code);
  if (!admin) return code;
  const auto group = admin->ask("GET", path_of(arguments.group));
  if (!group) return complain(group.error());
  if (arguments.json) return print_json(*group);
  fmt::print("group {}: {}, {}, coordinated by node {}, lag {}\n\n", text_of(*group, "id"),
             text_of(*group, "kind"), text_of(*group, "state"), text_of(*group, "coordinator"),
             text_of(*group, "lag"));
  print_members(*group);
  fmt::print("\n");
  print_offsets(*group);
  return kExitOk;
}

int command_group_delete(const AdminArguments& arguments) {
  int code = kExitFailed;
  const auto admin = find_admin(arguments, &code);
  if (!admin) return code;
  const auto answer = admin->ask("DELETE", path_of(arguments.group));
  if (!answer) return complain(answer.error());
  fmt::print("group {}: {}\n", arguments.group, text_of(*answer, "message"));
  return kExitOk;
}

}  // namespace chronik::host
