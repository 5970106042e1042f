// Kafka's range of KIP-848. Pure.
#pragma once

#include <chronik/draft/assignor.h>

#include <cstdint>
#include <span>

namespace chronik::assignor {

// Each topic's partitions are cut into runs that differ by one partition at most; its subscribers take them in
// one order, the longer runs first: static members by instance id, then dynamic ones by member id. So topics
// with as many partitions and the same subscribers are read in step: a member has the same numbers of each.
void assign_range(const chr_assignor_group& group, std::span<uint32_t> owners);

}  // namespace chronik::assignor
