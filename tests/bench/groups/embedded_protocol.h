// What members of the protocol type "consumer" say to one another through a classic group, and how their leader
// shares partitions out.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "kafka-proto/wire/types.h"

namespace chronik::bench {

using Partitions = std::vector<int32_t>;  // of the one topic, sorted

std::vector<uint8_t> encode_subscription(const std::string& topic, const Partitions& owned);
// What the member owns; it owns nothing where it subscribes anew.
Partitions decode_owned(kafka::Bytes subscription);
std::vector<uint8_t> encode_assignment(const std::string& topic, const Partitions& partitions);
Partitions decode_assignment(kafka::Bytes assignment);

using Shares = std::map<std::string, Partitions>;  // by the member's id

// Each gets a run of partitions, whatever it had.
Shares share_range(const Shares& owned, int32_t partitions);
// Each keeps what it had as far as that is no more than its share. What another one still owns is not given to
// anybody: who loses partitions joins again, and they are given in the next generation (KIP-429).
Shares share_cooperatively(const Shares& owned, int32_t partitions);

}  // namespace chronik::bench
