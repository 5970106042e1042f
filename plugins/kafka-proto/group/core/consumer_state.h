// ConsumerState: a group of the consumer protocol (KIP-848) as its records say, and what follows from them alone: who is
// who's static member, what is subscribed to, which partitions somebody has.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kafka-proto/group/core/record.h"
#include "kafka-proto/group/core/topic_view.h"

namespace chronik::kafka::group {

class ConsumerState {
 public:
  struct Member {
    MemberRecord::Value info;
    CurrentMemberRecord::Value current;
    std::vector<TopicPartitions> target;
  };
  using Members = std::map<std::string, Member, std::less<>>;
  using Regexes = std::map<std::string, RegexRecord::Value, std::less<>>;

  // Of what was never there a tombstone is normal.
  void apply(const MemberRecord& record);
  void apply(const TargetEpochRecord& record);
  void apply(const TargetMemberRecord& record);
  void apply(const CurrentMemberRecord& record);
  void apply(const RegexRecord& record);
  void apply(const GroupEpochRecord& record);
  // Its epoch's tombstone came, which is the last of a group: there is none any more.
  bool is_gone() const { return gone_; }
  // Records that make a new state equal to this one; how many there were.
  size_t each_record(const std::string& group, const std::function<void(const Record&)>& emit) const;
  // Tombstones of all of it, in the order that readers of the log expect.
  void remove_all(const std::string& group, std::vector<Record>& records) const;

  // A group begins at epoch 1, and its target with it; what is not recorded is that.
  int32_t epoch() const { return epoch_; }
  int64_t metadata_hash() const { return metadata_hash_; }
  const TargetEpochRecord::Value& target_epoch() const { return target_epoch_; }
  const Members& members() const { return members_; }
  const Regexes& regexes() const { return regexes_; }

  // Null: there is none.
  const Member* find_member(std::string_view id) const;
  const Members::value_type* static_member(std::string_view instance_id) const;
  size_t classic_members() const { return classic_members_; }
  // Members that subscribe by this regular expression.
  const std::map<std::string, int, std::less<>>& regex_members() const { return regex_members_; }
  int members_of_regex(std::string_view regex) const;
  // Those of them that nothing is recorded for yet.
  const std::set<std::string, std::less<>>& unresolved_regexes() const { return unresolved_regexes_; }
  // Subscribed topics, by name: how many members name them, and how many regular expressions found them.
  const std::map<std::string, int, std::less<>>& topics() const { return topics_; }
  bool is_subscribed(std::string_view topic) const { return topics_.contains(topic); }
  // Whether a member has the partition, or has yet to say that it gave it away.
  bool is_taken(const chr_uuid& topic, int32_t partition) const;

 private:
  void count_info(const std::string& id, const MemberRecord::Value& info, int sign);
  void count_regex(const std::string& regex, int sign);
  void note_resolved(const std::string& regex);
  void count_owned(const CurrentMemberRecord::Value& current, int sign);

  bool gone_ = false;
  int32_t epoch_ = 1;
  int64_t metadata_hash_ = 0;
  TargetEpochRecord::Value target_epoch_{.epoch = 1};
  Members members_;
  Regexes regexes_;
  // What follows from the above.
  std::map<std::string, std::string, std::less<>> static_members_;
  size_t classic_members_ = 0;
  std::map<std::string, int, std::less<>> regex_members_, topics_;
  std::set<std::string, std::less<>> unresolved_regexes_;
  std::map<chr_uuid, std::vector<int16_t>, TopicIdLess> owners_;  // of each partition, how many have it
};

}  // namespace chronik::kafka::group
