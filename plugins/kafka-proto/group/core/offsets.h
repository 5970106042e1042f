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

  void apply(const OffsetCommitRecord& record);
  // Null: nothing was committed there, which is not an offset of 0.
  const Committed* find(std::string_view topic, int32_t partition) const;
  // Of this topic alone, not of an earlier one of the same name. Commits that named no id count, and where the
  // id asked for is zero, all do.
  const Committed* find(std::string_view topic, const chr_uuid& id, int32_t partition) const;
  const std::map<std::string, Topic, std::less<>>& topics() const { return topics_; }
  bool empty() const { return topics_.empty(); }

 private:
  std::map<std::string, Topic, std::less<>> topics_;
};

}  // namespace chronik::kafka::group
