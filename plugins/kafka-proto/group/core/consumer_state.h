// ConsumerState: a group of the consumer protocol (KIP-848) as its records say.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kafka-proto/group/core/record.h"

namespace chronik::kafka::group {

struct ConsumerState {
  struct Member {
    MemberRecord::Value info;
    CurrentMemberRecord::Value current;
    std::vector<TopicPartitions> target;
  };
  int32_t epoch = 0;
  int64_t metadata_hash = 0;
  TargetEpochRecord::Value target_epoch;
  std::map<std::string, Member, std::less<>> members;
  std::map<std::string, RegexRecord::Value, std::less<>> regexes;
};

}  // namespace chronik::kafka::group
