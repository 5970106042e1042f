// What the tests of records/ share.
#pragma once

#include "kafka-proto/records/builder.h"
#include "kafka-proto/records/validate.h"

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace chronik::kafka::testing {

inline constexpr int64_t kNow = 1'700'000'000'000;

Bytes bytes_of(std::string_view text);
std::string text_of(Bytes bytes);

// A file of tests/golden/kafka-proto, decoded.
std::vector<uint8_t> golden(std::string_view name);

// All records of a batch, whatever its codec, as lines "offset timestamp key=value headers".
Result<std::vector<std::string>> dump(Bytes batch, Codecs& codecs);

// A batch of n records of about record_size bytes each.
std::vector<uint8_t> sample_batch(Codecs& codecs, Compression codec, int n, size_t record_size = 20,
                                  BatchHeader fields = {});

// The same batch with other header fields, and a CRC that fits.
std::vector<uint8_t> with_header(std::vector<uint8_t> batch, void (*change)(BatchHeader&));
std::vector<uint8_t> with_right_crc(std::vector<uint8_t> batch);

std::vector<uint8_t> joined(Bytes a, Bytes b);

}  // namespace chronik::kafka::testing
