#include "catalog/image.h"

#include <algorithm>

namespace chronik::metadata {

size_t Image::find(std::string_view name) const {
  const auto found = std::lower_bound(topics.begin(), topics.end(), name,
                                      [](const std::shared_ptr<const Topic>& topic, std::string_view wanted) {
                                        return topic->name < wanted;
                                      });
  if (found == topics.end() || (*found)->name != name) return topics.size();
  return static_cast<size_t>(found - topics.begin());
}

size_t Image::find(const Uuid& id) const {
  const auto found = std::lower_bound(
      by_id->begin(), by_id->end(), id,
      [](const std::pair<Uuid, uint32_t>& item, const Uuid& wanted) { return item.first < wanted; });
  if (found == by_id->end() || found->first != id) return topics.size();
  return found->second;
}

}  // namespace chronik::metadata
