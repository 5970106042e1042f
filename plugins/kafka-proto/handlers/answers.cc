#include "kafka-proto/handlers/answers.h"

#include <fmt/format.h>

namespace chronik::kafka {

ErrorCode change_error(chr_status code, ErrorCode exists, ErrorCode invalid) {
  switch (code) {
    case CHR_OK:
      return ErrorCode::kNone;
    case CHR_E_EXISTS:
      return exists;
    case CHR_E_INVALID_ARGUMENT:
      return invalid;
    case CHR_E_NOT_FOUND:
      return ErrorCode::kUnknownTopicOrPartition;
    case CHR_E_NOT_LEADER:
    case CHR_E_FENCED:
      return ErrorCode::kNotController;
    case CHR_E_NO_SPACE:
    case CHR_E_IO:
      return ErrorCode::kKafkaStorageError;
    case CHR_E_UNAVAILABLE:
    case CHR_E_TIMEOUT:
    case CHR_E_OVERLOADED:
    case CHR_E_SHUTTING_DOWN:
    case CHR_E_CANCELLED:
      return ErrorCode::kRequestTimedOut;
    default:
      return ErrorCode::kUnknownServerError;
  }
}

LeaderHint leader_in_catalog(const Catalog& catalog, const chr_topic& topic, int32_t index) {
  const std::optional<chr_partition> partition = catalog.partition(topic, index);
  if (!partition.has_value() || partition->leader < 0) return {};
  return {partition->leader, static_cast<int32_t>(partition->term)};
}

std::string topic_name_problem(std::string_view name) {
  constexpr size_t kLongest = 249;
  constexpr std::string_view kInvalid = "Topic name is invalid: ";
  if (name.empty()) return fmt::format("{}it is empty", kInvalid);
  if (name == "." || name == "..") return fmt::format("{}'{}' is not allowed", kInvalid, name);
  if (name.size() > kLongest)
    return fmt::format("{}it has {} characters, the limit is {}", kInvalid, name.size(), kLongest);
  for (const char c : name) {
    const bool legal = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
    if (!legal)
      return fmt::format("{}'{}' has characters other than ASCII letters, digits, '.', '_' and '-'", kInvalid,
                         name);
  }
  return {};
}

}  // namespace chronik::kafka
