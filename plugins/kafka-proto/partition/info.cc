#include "kafka-proto/partition/info.h"

#include <fmt/format.h>

#include <charconv>

namespace chronik::kafka {
namespace {

std::string hex(const chr_uuid& id) {
  std::string out;
  for (const uint8_t byte : id.b) out += fmt::format("{:02x}", byte);
  return out;
}

constexpr size_t kHexId = 2 * sizeof(chr_uuid);

}  // namespace

PartitionInfo::PartitionInfo(PartitionId id, PartitionMembers members,
                             std::shared_ptr<const TopicConfig> config)
    : id_(std::move(id)),
      group_name_(fmt::format("{}.{}", hex(id_.topic), id_.index)),
      label_(fmt::format("{}/{}", id_.topic_name, id_.index)) {
  set_config(std::move(config));
  set_members(std::move(members));
}

std::optional<chr_uuid> PartitionInfo::topic_of_group(std::string_view group) {
  if (group.size() < kHexId + 2 || group[kHexId] != '.') return std::nullopt;
  chr_uuid topic{};
  for (size_t i = 0; i < sizeof topic.b; ++i) {
    const char* const digits = group.data() + 2 * i;
    if (std::from_chars(digits, digits + 2, topic.b[i], 16).ptr != digits + 2) return std::nullopt;
  }
  return topic;
}

}  // namespace chronik::kafka
