// Bytes of commands and frames. Decoding trusts nothing: sizes, counts, ids and ranges are checked, unknown
// versions and fields are refused, and memory stays proportional to the bytes that are there.
#pragma once

#include <chronik/result.hpp>

#include <string>
#include <string_view>

#include "metadata/wire/frame.h"

namespace chronik::metadata {

std::string encode(const Command& command);
Result<Command> decode_command(std::string_view bytes);

std::string encode(const Frame& frame);
Result<Frame> decode_frame(std::string_view bytes);

}  // namespace chronik::metadata
