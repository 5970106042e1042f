#include "kafka-proto/configs/group_config.h"

#include <fmt/format.h>
#include <boost/json.hpp>
#include <chronik/host.hpp>

#include <algorithm>
#include <array>
#include <set>

namespace chronik::kafka {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr std::array<std::string_view, 4> kMigrations = {"disabled", "upgrade", "downgrade", "bidirectional"};

GroupMigration to_migration(std::string_view text) {
  return GroupMigration(std::ranges::find(kMigrations, text) - kMigrations.begin());
}

std::vector<std::string> list_of(const Host& host, std::string_view key) {
  std::vector<std::string> out;
  std::string_view text;
  for (uint32_t i = 0; host.config_string_at(key, i, &text); ++i) out.emplace_back(text);
  return out;
}

// The table that is validated: a key that it lacks is 0.
class Table {
 public:
  explicit Table(const boost::json::object& keys) : keys_(keys) {}

  // The first at most as long as the second.
  Status in_order(std::string_view low, std::string_view high) const {
    if (number(low) <= number(high)) return {};
    return fail(Code::kInvalidArgument,
                fmt::format("{} ({}ms) is more than {} ({}ms)", low, ms(low), high, ms(high)));
  }
  Status within(std::string_view low, std::string_view key, std::string_view high) const {
    CHRONIK_CHECK(in_order(low, key));
    return in_order(key, high);
  }
  Status shorter(std::string_view key, std::string_view than) const {
    if (number(key) < number(than) || number(than) == 0) return {};
    return fail(Code::kInvalidArgument,
                fmt::format("{} ({}ms) is to be less than {} ({}ms)", key, ms(key), than, ms(than)));
  }
  Status some_and_each_once(std::string_view key) const {
    const boost::json::value* found = keys_.if_contains(key);
    const boost::json::array* list = found == nullptr ? nullptr : found->if_array();
    if (list == nullptr) return {};
    if (list->empty())
      return fail(Code::kInvalidArgument, fmt::format("{} is empty; name one at least", key));
    std::set<std::string_view> seen;
    for (const boost::json::value& element : *list)
      if (const boost::json::string* text = element.if_string();
          text != nullptr && !seen.insert(*text).second)
        return fail(Code::kInvalidArgument,
                    fmt::format("{} names \"{}\" twice", key, std::string_view(*text)));
    return {};
  }

 private:
  int64_t number(std::string_view key) const {
    const boost::json::value* found = keys_.if_contains(key);
    return found != nullptr && found->is_int64() ? found->get_int64() : 0;
  }
  int64_t ms(std::string_view key) const { return number(key) / kNsPerMs; }

  const boost::json::object& keys_;
};

}  // namespace

GroupConfig group_config(const Host& host) {
  const auto number = [&](std::string_view key) { return static_cast<int32_t>(host.config_int(key)); };
  const auto ms = [&](std::string_view key) { return static_cast<int32_t>(host.config_int(key) / kNsPerMs); };
  GroupConfig out;
  out.offsets_topic_partitions = number("offsets_topic_partitions");
  out.offsets_topic_replication_factor = number("offsets_topic_replication_factor");
  out.offsets_topic_segment_bytes = number("offsets_topic_segment_bytes");
  out.offsets_retention_ms = host.config_int("offsets_retention") / kNsPerMs;
  out.offsets_retention_check_interval_ms = host.config_int("offsets_retention_check_interval") / kNsPerMs;
  out.offset_metadata_max_bytes = number("offset_metadata_max_bytes");
  out.classic = {.min_session_timeout_ms = ms("group_min_session_timeout"),
                 .max_session_timeout_ms = ms("group_max_session_timeout"),
                 .initial_rebalance_delay_ms = ms("group_initial_rebalance_delay"),
                 .max_size = number("group_max_size"),
                 .max_member_bytes = number("group_max_member_bytes")};
  out.consumer = {.session_timeout_ms = ms("group_consumer_session_timeout"),
                  .min_session_timeout_ms = ms("group_consumer_min_session_timeout"),
                  .max_session_timeout_ms = ms("group_consumer_max_session_timeout"),
                  .heartbeat_interval_ms = ms("group_consumer_heartbeat_interval"),
                  .min_heartbeat_interval_ms = ms("group_consumer_min_heartbeat_interval"),
                  .max_heartbeat_interval_ms = ms("group_consumer_max_heartbeat_interval"),
                  .assignment_interval_ms = ms("group_consumer_assignment_interval"),
                  .min_assignment_interval_ms = ms("group_consumer_min_assignment_interval"),
                  .max_assignment_interval_ms = ms("group_consumer_max_assignment_interval"),
                  .regex_refresh_interval_ms = ms("group_consumer_regex_refresh_interval"),
                  .max_size = number("group_consumer_max_size"),
                  .assignors = list_of(host, "group_consumer_assignors"),
                  .migration = to_migration(host.config_string("group_consumer_migration_policy"))};
  return out;
}

std::string_view to_text(GroupMigration migration) { return kMigrations[static_cast<size_t>(migration)]; }

Status validate_groups(std::string_view json) {
  boost::system::error_code failed;
  const boost::json::value root = boost::json::parse({json.data(), json.size()}, failed);
  if (failed || !root.is_object()) return fail(Code::kInvalidArgument, "the table is no JSON object");
  const Table table(root.get_object());
  CHRONIK_CHECK(table.in_order("group_min_session_timeout", "group_max_session_timeout"));
  CHRONIK_CHECK(table.within("group_consumer_min_session_timeout", "group_consumer_session_timeout",
                             "group_consumer_max_session_timeout"));
  CHRONIK_CHECK(table.within("group_consumer_min_heartbeat_interval", "group_consumer_heartbeat_interval",
                             "group_consumer_max_heartbeat_interval"));
  CHRONIK_CHECK(table.within("group_consumer_min_assignment_interval", "group_consumer_assignment_interval",
                             "group_consumer_max_assignment_interval"));
  CHRONIK_CHECK(table.shorter("group_consumer_heartbeat_interval", "group_consumer_session_timeout"));
  return table.some_and_each_once("group_consumer_assignors");
}

}  // namespace chronik::kafka
