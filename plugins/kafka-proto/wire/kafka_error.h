// KafkaError: how something failed, as a client is told.
#pragma once

#include <string>

#include "kafka-proto/wire/error_code.h"

namespace chronik::kafka {

struct KafkaError {
  ErrorCode code = ErrorCode::kNone;
  std::string message;
};

}  // namespace chronik::kafka
