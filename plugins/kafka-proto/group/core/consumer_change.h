// What a join or a heartbeat changes of a consumer group: the member as it is then, and the records that say so. Pure: the
// group is not touched.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "kafka-proto/group/core/consumer_context.h"
#include "kafka-proto/group/core/consumer_requests.h"

namespace chronik::kafka::group {

// A member as the group has it now.
struct FoundMember {
  std::string id;
  ConsumerState::Member member;
  const MemberRecord::Value* before = nullptr;  // as recorded, perhaps under another id; null: it is new
  std::string replaces;  // id of the static member in whose place it comes; empty: of none
};

struct MemberClaimant {
  const std::string& member_id;
  const std::optional<std::string>& instance_id;
  bool joins = false;
  bool speaks_classic = false;
};

std::expected<FoundMember, Refusal> find_or_add_member(const ConsumerContext& context,
                                                       const std::string& group,
                                                       const MemberClaimant& claimant);

struct MemberChange {
  std::string id;
  ConsumerState::Member member;  // before its next step
  bool subscription_changed = false;
  int32_t group_epoch = 0;
  std::vector<Record> records;
};

// The member with what it is now. check_topics: look whether topics are what they were, too.
std::expected<MemberChange, Refusal> update_member(const ConsumerContext& context, const std::string& group,
                                                   FoundMember found, MemberRecord::Value info,
                                                   bool check_topics);

// Both, for a heartbeat that is no leave.
std::expected<MemberChange, Refusal> change_member(const ConsumerContext& context, const std::string& group,
                                                   const ConsumerHeartbeatRequest& request,
                                                   bool check_topics);

// Whether the group's record of the member is just what the request says.
bool says_nothing_new(const MemberRecord::Value& info, const ConsumerHeartbeatRequest& request);
// Whether the member may speak for that epoch.
std::optional<Refusal> check_epoch(const CurrentMemberRecord::Value& current,
                                   const ConsumerHeartbeatRequest& request);
Refusal unknown_member(const std::string& group, std::string_view member);
std::optional<Refusal> check_static(const ConsumerState& state, const std::string& member_id,
                                    const std::string& instance_id);

// Tombstones of a member, in the order that readers of the log expect.
void remove_member(const std::string& group, const std::string& member, std::vector<Record>& records);

// The group without these members.
void fence_members(const ConsumerContext& context, const std::string& group,
                   const std::vector<std::string>& members, std::vector<Record>& records);

}  // namespace chronik::kafka::group
