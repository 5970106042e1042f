// Which offsets a member of a consumer group may commit and ask for, by its epoch.
#pragma once

#include <cstdint>
#include <string_view>

#include "kafka-proto/group/core/classic_requests.h"
#include "kafka-proto/group/core/consumer_state.h"
#include "kafka-proto/wire/error_code.h"

namespace chronik::kafka::group {

// Of one OffsetCommit or TxnOffsetCommit.
class CommitCheck {
 public:
  struct Kind {
    bool transactional = false;
    bool old_version =
        false;  // an OffsetCommit of before version 9, which members of these groups do not send
  };

  // claim.generation is the member's epoch.
  CommitCheck(const ConsumerState& state, const MemberClaim& claim, Kind kind);

  // Of the whole request.
  ErrorCode error() const { return error_; }
  // Of a partition, where there is none of the whole: a member that has not heard of its newest epoch yet may commit
  // what it had before that (KIP-1251).
  ErrorCode check(const chr_uuid& topic, int32_t partition) const;

 private:
  const ConsumerState::Member* older_ =
      nullptr;  // that speaks for an epoch that is not its last; null: nobody
  int32_t epoch_ = 0;
  ErrorCode error_ = ErrorCode::kNone;
};

// Of an OffsetFetch. member_id: empty for one that names no member, as tools send them.
ErrorCode check_fetch(const ConsumerState& state, std::string_view member_id, int32_t epoch);

}  // namespace chronik::kafka::group
