#include "kafka-proto/group/core/offsets.h"

#include <algorithm>
#include <iterator>

namespace chronik::kafka::group {
namespace {

bool is_zero(const chr_uuid& id) {
  return std::all_of(std::begin(id.b), std::end(id.b), [](uint8_t byte) { return byte == 0; });
}

}  // namespace

void Offsets::apply(const OffsetCommitRecord& record) {
  if (record.value) {
    const auto [at, added] = topics_[record.topic].insert_or_assign(record.partition, *record.value);
    size_ += added ? 1 : 0;
    return;
  }
  const auto topic = topics_.find(record.topic);
  if (topic == topics_.end()) return;
  size_ -= topic->second.erase(record.partition);
  if (topic->second.empty()) topics_.erase(topic);
}

size_t Offsets::drop_some(size_t most) {
  const size_t before = size_;
  for (size_t left = most; left > 0 && !topics_.empty();) {
    Topic& topic = topics_.begin()->second;
    const size_t n = std::min(left, topic.size());
    topic.erase(topic.begin(), std::next(topic.begin(), static_cast<std::ptrdiff_t>(n)));
    if (topic.empty()) topics_.erase(topics_.begin());
    size_ -= n;
    left -= n;
  }
  return before - size_;
}

const Offsets::Committed* Offsets::find(std::string_view topic, int32_t partition) const {
  const auto partitions = topics_.find(topic);
  if (partitions == topics_.end()) return nullptr;
  const auto committed = partitions->second.find(partition);
  return committed == partitions->second.end() ? nullptr : &committed->second;
}

const Offsets::Committed* Offsets::find(std::string_view topic, const chr_uuid& id, int32_t partition) const {
  const Committed* committed = find(topic, partition);
  if (committed == nullptr || is_zero(id) || is_zero(committed->topic_id)) return committed;
  return std::equal(std::begin(id.b), std::end(id.b), std::begin(committed->topic_id.b)) ? committed
                                                                                         : nullptr;
}

}  // namespace chronik::kafka::group
