// What the ABI's codes mean to Kafka's clients, where a partition is concerned.
#pragma once

#include <chronik/abi.h>

#include "kafka-proto/wire/errors.h"

namespace chronik::kafka {

inline ErrorCode append_error(chr_status code) {
  switch (code) {
    case CHR_OK:
      return ErrorCode::kNone;
    case CHR_E_NOT_LEADER:
    case CHR_E_FENCED:
    case CHR_E_UNAVAILABLE:
    case CHR_E_SHUTTING_DOWN:
    case CHR_E_CANCELLED:
      return ErrorCode::kNotLeaderOrFollower;
    case CHR_E_NO_SPACE:
    case CHR_E_IO:
    case CHR_E_CORRUPT:
      return ErrorCode::kKafkaStorageError;
    case CHR_E_OVERLOADED:
    case CHR_E_TIMEOUT:
      return ErrorCode::kRequestTimedOut;
    default:
      return ErrorCode::kUnknownServerError;
  }
}

inline ErrorCode trim_error(chr_status code) {
  return code == CHR_E_OUT_OF_RANGE ? ErrorCode::kOffsetOutOfRange : append_error(code);
}

// Kafka's consumer asks again after a storage error; a timeout in a Fetch answer it takes for a broken broker.
inline ErrorCode read_error(chr_status code) {
  const bool is_late = code == CHR_E_OVERLOADED || code == CHR_E_TIMEOUT;
  return is_late ? ErrorCode::kKafkaStorageError : trim_error(code);
}

}  // namespace chronik::kafka
