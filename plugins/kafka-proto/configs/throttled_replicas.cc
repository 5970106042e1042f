#include "kafka-proto/configs/throttled_replicas.h"

#include <algorithm>
#include <charconv>

#include "kafka-proto/configs/config_value.h"

namespace chronik::kafka {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Nothing: there can be no such partition or node.
std::optional<int32_t> number(std::string_view text) {
  int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? std::optional(value) : std::nullopt;
}

}  // namespace

std::optional<ThrottledReplicas> ThrottledReplicas::parse(std::string_view text) {
  ThrottledReplicas out;
  out.all_ = text == "*";
  if (out.all_) return out;
  for (const std::string_view element : config_elements(text)) {
    if (element.empty()) continue;
    const size_t colon = element.find(':');
    if (colon == std::string_view::npos) return std::nullopt;
    const std::string_view partition = element.substr(0, colon), node = element.substr(colon + 1);
    if (!is_number(partition) || !is_number(node)) return std::nullopt;
    const std::optional<int32_t> p = number(partition), n = number(node);
    if (p.has_value() && n.has_value()) out.named_.emplace_back(*p, *n);
  }
  std::ranges::sort(out.named_);
  return out;
}

bool ThrottledReplicas::has(int32_t partition, int32_t node) const {
  return all_ || std::ranges::binary_search(named_, std::pair(partition, node));
}

}  // namespace chronik::kafka
