// What may be done to a group's offsets, and to the group as a whole, and which records do it: expiry, deletion,
// commits of those who are no members. Rules of time are asked on the leader alone.
//
// The group: as recorded. Live: its ClassicGroup, where it has one.
#pragma once

#include <chronik/abi.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kafka-proto/group/core/classic_group.h"
#include "kafka-proto/group/core/group_table.h"

namespace chronik::kafka::group {

// Of a group in a write. What adds tombstones of offsets stops one beyond, which says that there are more: a turn has no
// time for all of a hundred thousand.
inline constexpr size_t kMaxRecordsAtOnce = 2'000;

// How time removes the offsets of a group; it depends on the group's kind and state.
//
//   classic group                     | its offsets expire
//   simple                            | each at its retention after its commit
//   empty                             | all of them, at their retention after its last member went
//   stable, consumers of known topics | each at its retention after its commit, of other topics than these
//   otherwise                         | none
struct ExpiryRule {
  enum class Base : uint8_t { kNever, kCommit, kEmptySince };
  Base base = Base::kNever;
  int64_t empty_since_ms = -1;
  std::function<bool(std::string_view topic)> is_subscribed{};  // null: no topic is
};

// Of a group that is not of the consumer protocol.
ExpiryRule classic_expiry(const Group& group, const ClassicGroup* live);

// Adds tombstones of what is over. True: nothing is left of the offsets.
bool expire_offsets(const std::string& id, const Offsets& offsets, const ExpiryRule& rule,
                    int64_t retention_ms, int64_t wall_ms, std::vector<Record>& records);

// The same for a group that is not of the consumer protocol, and the group itself, once it has no members, and
// none that is about to join, and no offsets.
void expire_classic(const std::string& id, const Group& group, const ClassicGroup* live, int64_t retention_ms,
                    int64_t wall_ms, std::vector<Record>& records);

// DeleteGroups: NONE, and the records are added; NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND. Group: null, there is none.
ErrorCode delete_classic(const std::string& id, const Group* group, const ClassicGroup* live,
                         std::vector<Record>& records);
// The same of a group of the consumer protocol.
ErrorCode delete_consumer(const std::string& id, const Group& group, std::vector<Record>& records);
// How time removes the offsets of such a group: each at its retention after its commit, of topics that nobody in it
// subscribes to; then the group itself, once it has no members.
void expire_consumer(const std::string& id, const Group& group, int64_t retention_ms, int64_t wall_ms,
                     std::vector<Record>& records);
// Tombstones of all offsets. False: there are more.
bool delete_offsets(const std::string& id, const Offsets& offsets, std::vector<Record>& records);
// Tombstones of those of a topic that was deleted, where they are of that topic, not of a later one of its name.
void delete_topic_offsets(const std::string& id, const Offsets& offsets, std::string_view topic,
                          const chr_uuid& topic_id, std::vector<Record>& records);

// OffsetDelete, of the group as a whole: NONE, NON_EMPTY_GROUP (members of another type than "consumer", whose
// topics nobody can tell), GROUP_ID_NOT_FOUND.
ErrorCode check_offset_delete(const Group* group, const ClassicGroup* live);
// And of a topic: GROUP_SUBSCRIBED_TO_TOPIC or NONE. Then offset_tombstone() of what was committed.
ErrorCode check_topic_offset_delete(const Group& group, const ClassicGroup* live, std::string_view topic);
OffsetCommitRecord offset_tombstone(std::string group, std::string topic, int32_t partition);

// OffsetCommit to a group that has no ClassicGroup: NONE, or why it takes a member. GROUP_ID_NOT_FOUND: there is
// no group (before version 9: ILLEGAL_GENERATION).
ErrorCode check_simple_commit(const Group* group, const MemberClaim& claim);

}  // namespace chronik::kafka::group
