#include "kafka-proto/cluster/topic_names.h"

#include <fmt/format.h>

namespace chronik::kafka {

std::string topic_name_problem(std::string_view name) {
  constexpr size_t kMaxSize = 249;
  constexpr std::string_view kInvalid = "Topic name is invalid: ";
  if (name.empty()) return fmt::format("{}it is empty", kInvalid);
  if (name == "." || name == "..") return fmt::format("{}'{}' is not allowed", kInvalid, name);
  if (name.size() > kMaxSize)
    return fmt::format("{}it has {} characters, the limit is {}", kInvalid, name.size(), kMaxSize);
  for (const char c : name) {
    const bool legal = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
    if (!legal)
      return fmt::format("{}'{}' has characters other than ASCII letters, digits, '.', '_' and '-'", kInvalid,
                         name);
  }
  return {};
}

bool is_internal_topic(std::string_view name) {
  return name.starts_with("__") &&
         (name == "__consumer_offsets" || name == "__transaction_state" || name == "__share_group_state");
}

}  // namespace chronik::kafka
