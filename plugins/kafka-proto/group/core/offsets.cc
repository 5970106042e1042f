#include "kafka-proto/group/core/offsets.h"

namespace chronik::kafka::group {

void Offsets::apply(const OffsetCommitRecord& record) {
  if (record.value.has_value()) {
    topics_[record.topic][record.partition] = *record.value;
    return;
  }
  const auto topic = topics_.find(record.topic);
  if (topic == topics_.end()) return;
  topic->second.erase(record.partition);
  if (topic->second.empty()) topics_.erase(topic);
}

const Offsets::Committed* Offsets::find(std::string_view topic, int32_t partition) const {
  const auto found = topics_.find(topic);
  if (found == topics_.end()) return nullptr;
  const auto committed = found->second.find(partition);
  return committed == found->second.end() ? nullptr : &committed->second;
}

}  // namespace chronik::kafka::group
