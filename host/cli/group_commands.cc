// `group`: what operators ask of consumer groups, of any running node.
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <ctime>
#include <optional>

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

// ---- reset-offsets ----

// ms since 1970. Nothing: it is no such time.
std::optional<int64_t> parse_datetime(const std::string& text) {
  std::tm tm{};
  const char* const end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &tm);
  if (end == nullptr || std::string_view(end) != "Z") return std::nullopt;
  const int64_t seconds = ::timegm(&tm);
  return seconds < 0 ? std::nullopt : std::optional(seconds * 1000);
}

// "orders:0,1" as the node takes it. Nothing: it is malformed.
std::optional<json::value> parse_topic(const std::string& text) {
  const size_t colon = text.find(':');
  if (colon == std::string::npos) return json::value(text);
  json::array partitions;
  for (const char* at = text.data() + colon; at != text.data() + text.size();) {
    int32_t partition = 0;
    const auto [end, error] = std::from_chars(at + 1, text.data() + text.size(), partition);
    if (error != std::errc() || (end != text.data() + text.size() && *end != ',')) return std::nullopt;
    partitions.push_back(partition);
    at = end;
  }
  return json::object{{"topic", text.substr(0, colon)}, {"partitions", std::move(partitions)}};
}

// What the node is asked; the error says what is wrong with the words.
Result<json::object> reset_body(const ResetArguments& reset) {
  const int targets = reset.earliest + reset.latest + reset.offset.has_value() + !reset.datetime.empty() +
                      reset.timestamp_ms.has_value() + reset.shift.has_value();
  if (targets != 1)
    return fail(
        Code::kInvalidArgument,
        "say where to, once: --to-earliest, --to-latest, --to-offset, --to-datetime, --to-timestamp or "
        "--shift-by");
  if (reset.all_topics != reset.topics.empty())
    return fail(Code::kInvalidArgument, "say which topics: --topic, or --all-topics");
  json::object out{{"execute", reset.execute}};
  if (reset.earliest || reset.latest) {
    out["to"] = reset.earliest ? "earliest" : "latest";
  } else if (!reset.datetime.empty()) {
    const std::optional<int64_t> time = parse_datetime(reset.datetime);
    if (!time.has_value())
      return fail(Code::kInvalidArgument,
                  fmt::format("'{}' is no time like 2026-11-29T03:00:00Z", reset.datetime));
    out["to"] = "timestamp";
    out["value"] = *time;
  } else {
    out["to"] = reset.offset.has_value() ? "offset" : reset.shift.has_value() ? "shift" : "timestamp";
    out["value"] = reset.offset.value_or(reset.shift.value_or(reset.timestamp_ms.value_or(0)));
  }
  if (reset.all_topics) return out;
  json::array topics;
  for (const std::string& text : reset.topics) {
    const std::optional<json::value> topic = parse_topic(text);
    if (!topic.has_value())
      return fail(Code::kInvalidArgument, fmt::format("'{}' is no topic like orders or orders:0,1", text));
    topics.push_back(*topic);
  }
  out["topics"] = std::move(topics);
  return out;
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

int command_group_reset_offsets(const AdminArguments& arguments, const ResetArguments& reset) {
  const auto body = reset_body(reset);
  if (!body) {
    complain(body.error());
    return kExitUsage;
  }
  int code = kExitFailed;
  const auto admin = find_admin(arguments, &code);
  if (!admin) return code;
  const auto answer = admin->ask("POST", path_of(arguments.group) + "/offsets", json::serialize(*body));
  if (!answer) return complain(answer.error());
  if (arguments.json) return print_json(*answer);
  std::vector<std::vector<std::string>> rows = {{"TOPIC", "PARTITION", "COMMITTED", "NEW"}};
  for (const json::object& row : objects_of(*answer, "offsets"))
    rows.push_back(
        {text_of(row, "topic"), text_of(row, "partition"), or_dash(row, "from"), text_of(row, "to")});
  print_table(rows);
  if (!is_true(*answer, "executed")) fmt::print("nothing was committed yet: add --execute\n");
  return kExitOk;
}

}  // namespace chronik::host
