// How an append ends.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "kafka-proto/records/batch.h"
#include "kafka-proto/records/error_code.h"

namespace chronik::kafka {

struct Appended {
  ErrorCode error = ErrorCode::kNone;
  int64_t base_offset = -1;
  int64_t log_append_time_ms = kNoTimestamp;
  int64_t log_start = -1;
  std::string message;
};

using AppendDone = std::function<void(Appended)>;

}  // namespace chronik::kafka
