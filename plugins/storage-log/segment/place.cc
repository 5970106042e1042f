#include "storage-log/segment/place.h"

#include <charconv>

namespace chronik::storage_log {
namespace {

constexpr std::string_view kSegment = ".segment";
constexpr std::string_view kIndex = ".index";

std::string name_of(const SegmentId& id, std::string_view ending) {
  return std::to_string(id.group).append("-").append(std::to_string(id.number)).append(ending);
}

bool parse(std::string_view name, std::string_view ending, SegmentId* id) {
  const char* const end = name.data() + name.size();
  const auto group = std::from_chars(name.data(), end, id->group);
  if (group.ec != std::errc() || group.ptr == end || *group.ptr != '-') return false;
  const auto number = std::from_chars(group.ptr + 1, end, id->number);
  return number.ec == std::errc() && name == name_of(*id, ending);
}

}  // namespace

std::string segment_name(const SegmentId& id) { return name_of(id, kSegment); }
std::string index_name(const SegmentId& id) { return name_of(id, kIndex); }
bool parse_segment_name(std::string_view name, SegmentId* id) { return parse(name, kSegment, id); }
bool parse_index_name(std::string_view name, SegmentId* id) { return parse(name, kIndex, id); }

}  // namespace chronik::storage_log
