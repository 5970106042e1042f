#include "kafka-proto/partition/record_deletion.h"

#include "kafka-proto/partition/status.h"

namespace chronik::kafka {

void RecordDeletion::delete_below(int64_t offset, const Done& done) {
  if (const ErrorCode error = replica_.check_leader(-1); error != ErrorCode::kNone) return done({error});
  if (!replica_.info().config()->deletes) return done({ErrorCode::kPolicyViolation});
  const chr_group_bounds now = replica_.bounds();
  const int64_t start = offset == kAllCommitted ? now.high_watermark : offset;
  if (start < 0 || start > now.high_watermark) return done({ErrorCode::kOffsetOutOfRange});
  if (start == 0) return done({ErrorCode::kNone, now.log_start});  // no log starts before that
  const auto finish = [this, done](chr_status code) {
    if (code != CHR_OK) return done({trim_error(code)});
    done({ErrorCode::kNone, replica_.bounds().log_start});
  };
  // Also behind the start of the log: it may lie there on this replica only, as its storage is full.
  if (const chr_status status = replica_.trim(start, finish); status != CHR_PENDING) finish(status);
}

}  // namespace chronik::kafka
