// What is known about Kafka's error codes beside their numbers, as of Kafka 4.3.
#pragma once

#include <string_view>

#include "kafka-proto/wire/error_code.h"

namespace chronik::kafka {

// Kafka's name, such as "OFFSET_OUT_OF_RANGE"; "UNKNOWN_ERROR_CODE" for a number
// that Kafka has not given out.
std::string_view error_name(ErrorCode code);
// Whether Kafka's clients send the request again by themselves.
bool is_retriable(ErrorCode code);

}  // namespace chronik::kafka
