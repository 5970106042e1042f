#include "metadata/model/image.h"

#include <algorithm>

namespace chronik::metadata {
namespace {

bool contains(std::span<const int32_t> nodes, int32_t node) {
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

}  // namespace

void Topic::set_replicas(size_t partition, std::span<const int32_t> now) {
  const std::span<const int32_t> before = replicas_of(partition);
  if (before.size() == now.size()) {
    std::ranges::copy(now, replicas.begin() + (before.data() - replicas.data()));
    return;
  }
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
  const OngoingReassignment* ongoing = reassignment_of(partition);
  return ongoing != nullptr && (contains(ongoing->target, node) || contains(ongoing->also_removing, node));
}

void TopicList::push_back(Pointer topic, uint64_t generation) {
  if (size_ % kBlock == 0) {
    blocks_.push_back(std::make_shared<Block>(Block{generation, {}}));
    blocks_.back()->topics.reserve(kBlock);
  }
  blocks_.back()->topics.push_back(std::move(topic));
  ++size_;
}

void TopicList::replace(size_t at, Pointer topic, uint64_t generation) {
  std::shared_ptr<Block>& block = blocks_[at / kBlock];
  if (block->generation != generation) block = std::make_shared<Block>(Block{generation, block->topics});
  block->topics[at % kBlock] = std::move(topic);
}

void TopicList::clear() {
  blocks_.clear();
  size_ = 0;
}

size_t Image::find(std::string_view name) const {
  size_t from = 0, to = topics.size();
  while (from < to) {
    const size_t middle = from + (to - from) / 2;
    if (topics[middle]->name < name)
      from = middle + 1;
    else
      to = middle;
  }
  return from < topics.size() && topics[from]->name == name ? from : topics.size();
}

size_t Image::find(const Uuid& id) const {
  const auto found = std::lower_bound(
      by_id->begin(), by_id->end(), id,
      [](const std::pair<Uuid, uint32_t>& item, const Uuid& wanted) { return item.first < wanted; });
  if (found == by_id->end() || found->first != id) return topics.size();
  return found->second;
}

}  // namespace chronik::metadata
