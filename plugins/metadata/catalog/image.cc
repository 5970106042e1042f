#include "catalog/image.h"

#include <algorithm>

namespace chronik::metadata {
namespace {

bool contains(std::span<const int32_t> nodes, int32_t node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

}  // namespace

void Topic::set_replicas(size_t partition, std::span<const int32_t> now) {
  std::vector<int32_t> all;
  std::vector<uint32_t> at;
  bool uniform = true;
  for (size_t p = 0; p < partitions.size(); ++p) {
    const std::span<const int32_t> here = p == partition ? now : replicas_of(p);
    all.insert(all.end(), here.begin(), here.end());
    at.push_back(static_cast<uint32_t>(all.size()));
    uniform = uniform && here.size() == at.front();
  }
  replication_factor = static_cast<int32_t>(at.front());
  replicas = std::move(all);
  ends = uniform ? std::vector<uint32_t>() : std::move(at);
}

void Topic::append_replicas(std::span<const int32_t> more, size_t each) {
  replicas.insert(replicas.end(), more.begin(), more.end());
  for (size_t n = more.size() / each; !ends.empty() && n > 0; --n)
    ends.push_back(ends.back() + static_cast<uint32_t>(each));
}

bool Topic::may_be_on(int32_t partition, int32_t node) const {
  if (contains(replicas_of(static_cast<size_t>(partition)), node)) return true;
  const Move* move = move_of(partition);
  return move != nullptr && (contains(move->target, node) || contains(move->others, node));
}

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
