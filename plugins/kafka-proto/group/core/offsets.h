// Offsets: what a group has committed. A pure function of the records applied.
#pragma once

#include <chronik/abi.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "kafka-proto/group/core/record.h"

namespace chronik::kafka::group {

class Offsets {
 public:
  using Committed = OffsetCommitRecord::Value;
  using Topic = std::map<int32_t, Committed>;
  using Topics = std::map<std::string, Topic, std::less<>>;

  void apply(const OffsetCommitRecord& record);
  // Null: nothing was committed there, which is not an offset of 0.
  const Committed* find(std::string_view topic, int32_t partition) const;
  // Of this topic alone, not of an earlier one of the same name. Commits that named no id count, and where the
  // id asked for is zero, all do.
  const Committed* find(std::string_view topic, const chr_uuid& id, int32_t partition) const;
  const Topics& topics() const { return topics_; }
  bool empty() const { return topics_.empty(); }
  // At most so many go, whichever; how many did.
  size_t drop_some(size_t most);
  // Of all topics.
  size_t size() const { return size_; }

 private:
  Topics topics_;
  size_t size_ = 0;
};

}  // namespace chronik::kafka::group
